import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parseDefaultRoute, parseDefaultRoute6 } from '../../../nodeagent/procfs/route.js';

const FIXTURES = 'test/fixtures/proc/containerd';
const HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

test('the default route of a recorded pod is eth0, though eth1 stands first in net/dev', async () => {
  assert.equal(parseDefaultRoute(await readFile(`${FIXTURES}/8828/net/route`, 'utf8')), 'eth0');
});

test('the lowest metric wins', () => {
  const route = (device: string, metric: number) =>
    `${device}\t00000000\t0100000A\t0003\t0\t0\t${metric}\t00000000\t0\t0\t0\n`;
  assert.equal(parseDefaultRoute(HEADER + route('wlan0', 600) + route('eth0', 100)), 'eth0');
});

test('a rejecting route, a half-default and a route that is down are no default', () => {
  const lines = [
    '*\t00000000\t00000000\t0201\t0\t0\t0\t00000000',
    'tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080',
    'eth0\t00000000\t0100000A\t0002\t0\t0\t0\t00000000',
  ];
  assert.equal(parseDefaultRoute(`${HEADER}${lines.join('\n')}\n`), undefined);
});

test('the recorded IPv6 default is eth0 and not the unreachable one on lo', async () => {
  assert.equal(parseDefaultRoute6(await readFile(`${FIXTURES}/1/net/ipv6_route`, 'utf8')), 'eth0');
});

test('garbage has no default route', () => {
  for (const text of ['', '\n', 'x', 'a b c d e f g h i j k l\n']) {
    assert.equal(parseDefaultRoute(text), undefined);
    assert.equal(parseDefaultRoute6(text), undefined);
  }
});
