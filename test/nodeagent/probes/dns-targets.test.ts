import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DNS_TARGETS_MAX, dnsTargets, type DnsPlan } from '../../../nodeagent/probes/dns-targets.js';
import { problemOfHost } from '../../../nodeagent/probes/host-name.js';
import { createManualClock } from '../../support/clock.js';

const plan = (parts: Partial<DnsPlan>) =>
  dnsTargets(
    { hosts: ['example.com'], servers: ['192.0.2.1'], endpoints: [], protocols: ['udp', 'tcp'], ...parts },
    createManualClock(),
  );
const hostsOf = (...hosts: readonly string[]) =>
  plan({ hosts, protocols: ['udp'] }).targets.map(({ meta }) => meta.host);
const serversOf = (parts: Partial<DnsPlan>) =>
  plan({ ...parts, protocols: ['udp'] }).targets.map(({ meta }) => meta.server);

test('each name is looked up at each server over each protocol', () => {
  const { targets, leftOut } = plan({ hosts: ['a.example', 'b.example'], servers: ['192.0.2.1', 'fd00::a'] });
  assert.equal(leftOut, 0);
  assert.deepEqual(
    targets.map(({ meta }) => meta),
    ['192.0.2.1', 'fd00::a'].flatMap((server) =>
      ['a.example.', 'b.example.'].flatMap((host) => ['udp', 'tcp'].map((protocol) => ({ server, protocol, host }))),
    ),
  );
  assert.equal(new Set(targets.map(({ key }) => key)).size, 8);
  assert.deepEqual(new Set(targets.map(({ server }) => server)), new Set(['192.0.2.1', 'fd00::a']));
});

test('names become lower case and fully qualified, those of other scripts ASCII', () => {
  assert.deepEqual(hostsOf('Example.com'), ['example.com.']);
  assert.deepEqual(hostsOf('example.com.', 'EXAMPLE.com'), ['example.com.']);
  assert.deepEqual(hostsOf('Bücher.example'), ['xn--bcher-kva.example.']);
  assert.deepEqual(hostsOf('_grpc._tcp.svc'), ['_grpc._tcp.svc.']);
  assert.deepEqual(hostsOf('kubernetes'), ['kubernetes.']);
});

test('what cannot be a name has a problem that says so', () => {
  for (const host of [
    'example.com',
    'example.com.',
    'a',
    '_sip._tcp.example',
    'Bücher.example',
    `${'a'.repeat(63)}.b`,
  ]) {
    assert.equal(problemOfHost(host), undefined, host);
  }
  const labels = Array.from({ length: 64 }, () => 'abc').join('.');
  const bad = [
    '',
    '.',
    '..',
    'a..b',
    '.a',
    'a b',
    '-a.example',
    'a-.example',
    'a_b!.c',
    `${'a'.repeat(64)}.b`,
    labels,
    '１.2.3.4',
    '\u00ad',
  ];
  for (const host of bad) assert.match(problemOfHost(host) ?? '', /^a domain name, .*not "/, JSON.stringify(host));
  for (const host of ['192.0.2.1', 'fd00::1']) assert.match(problemOfHost(host) ?? '', /^a name, not the address/);
  assert.deepEqual(hostsOf(...bad), []);
});

test('servers are called as configured, without the usual port; the same one twice is one', () => {
  const servers = [
    '192.0.2.1',
    '192.0.2.1:53',
    '192.0.2.1:5353',
    'dns.example.com',
    '[fd00::a]:53',
    'not a server',
    '192.0.2.999',
  ];
  assert.deepEqual(serversOf({ servers }), ['192.0.2.1', '192.0.2.1:5353', 'dns.example.com', 'fd00::a']);
});

test('endpoints of a Service are servers too, after the configured ones', () => {
  const endpoints = [
    { host: '10.244.0.7', port: 53 },
    { host: '192.0.2.1', port: 53 },
    { host: 'fd00::7', port: 1053 },
  ];
  assert.deepEqual(serversOf({ endpoints }), ['192.0.2.1', '10.244.0.7', '[fd00::7]:1053']);
});

test('a key is the same in each plan, whatever is beside it', () => {
  const [alone] = plan({ protocols: ['tcp'] }).targets;
  const keys = plan({ hosts: ['z.example', 'EXAMPLE.COM.'], servers: ['192.0.2.9', '192.0.2.1:53'] }).targets.map(
    ({ key }) => key,
  );
  assert.ok(alone !== undefined && keys.includes(alone.key));
});

test('without names, servers or protocols there are no targets', () => {
  for (const none of [{ hosts: [] }, { servers: [] }, { protocols: [] }]) {
    assert.deepEqual(plan(none), { targets: [], leftOut: 0 });
  }
});

test('what is beyond 4,096 targets is left out, endpoints first', () => {
  const endpoints = Array.from({ length: 5_000 }, (_, n) => ({ host: `10.1.${n >> 8}.${n & 255}`, port: 53 }));
  const { targets, leftOut } = plan({ endpoints });
  assert.equal(targets.length, DNS_TARGETS_MAX);
  assert.equal(leftOut, 2 * 5_001 - DNS_TARGETS_MAX);
  assert.equal(targets[0]?.meta.server, '192.0.2.1');
});

test('of a server that comes and goes a failure is judged a moment later', () => {
  const { targets } = plan({ endpoints: [{ host: '10.0.0.9', port: 53 }] });
  assert.deepEqual(
    targets.map(({ meta, isFailure }) => [meta.server, isFailure?.()]),
    ['192.0.2.1', '192.0.2.1', '10.0.0.9', '10.0.0.9'].map((server) => [server, server === '10.0.0.9' || undefined]),
  );
});
