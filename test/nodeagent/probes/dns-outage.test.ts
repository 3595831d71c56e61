import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { lookUp } from '../../../nodeagent/probes/dns.js';
import { systemClock } from '../../../runtime/clock.js';
import { run } from '../../support/bundle.js';
import { freeDnsPort, startDnsServer, ZONE, type DnsServer } from '../../support/dns-server.js';
import { ip } from '../../support/netns.js';
import { eventually } from '../../support/programs.js';
import { missing } from '../../support/requirements.js';

const PROTOCOLS = ['udp', 'tcp'] as const;
const { signal } = new AbortController();

/** @returns what lookups over UDP and TCP come to: `ok`, or the reason */
const told = ({ address, port }: DnsServer, host: string = ZONE.both, timeoutMs = 10_000) =>
  Promise.all(
    PROTOCOLS.map(async (protocol) => {
      const outcome = await lookUp(
        { host, server: { host: address, port }, protocol },
        { timeoutMs, signal },
        systemClock,
      );
      return outcome.ok ? 'ok' : outcome.reason;
    }),
  );

for (const address of ['127.0.0.1', '::1']) {
  test(
    `an outage of a real DNS server on ${address} is seen as what it is`,
    { skip: missing('dnsmasq') },
    async (t) => {
      const server = await startDnsServer({ address, port: await freeDnsPort(address) });
      t.after(() => server.stop());
      assert.deepEqual(await told(server), ['ok', 'ok']);
      assert.deepEqual(await told(server, ZONE.ipv4Only), ['ok', 'ok']);
      assert.deepEqual(await told(server, ZONE.ipv6Only), ['ok', 'ok']);
      assert.deepEqual(await told(server, ZONE.noAddress), ['empty', 'empty']);
      assert.deepEqual(await told(server, ZONE.absent), ['nxdomain', 'nxdomain']);
      assert.deepEqual(await told(server, ZONE.foreign), ['refused', 'refused']);
      server.freeze();
      assert.deepEqual(await told(server, ZONE.both, 500), ['timeout', 'timeout']);
      server.thaw();
      assert.deepEqual(await told(server), ['ok', 'ok']);
      await server.stop();
      assert.deepEqual(await told(server), ['refused', 'refused']);
      await server.start();
      assert.deepEqual(await told(server), ['ok', 'ok']);
    },
  );
}

const PROBE = `
  const [lookUpFile, clockFile, host] = process.argv.slice(1);
  const { lookUp } = await import(lookUpFile);
  const { systemClock } = await import(clockFile);
  const limits = { timeoutMs: 4_000, signal: new AbortController().signal };
  for (const protocol of ['udp', 'tcp']) {
    const outcome = await lookUp({ host: 'both.podnet.test.', server: { host, port: 53 }, protocol }, limits, systemClock);
    console.log(outcome.ok ? 'ok' : outcome.reason);
  }`;

const SILENT_SERVER = `require('node:dgram').createSocket('udp4').bind(53, '127.0.0.9', () => console.log('bound'))`;

test('a server given by name is found through resolv.conf', { skip: missing('root', 'ip', 'dnsmasq') }, async (t) => {
  const netns = 'pndns';
  const etc = `/etc/netns/${netns}`;
  ip('netns', 'add', netns);
  t.after(() => ip('netns', 'del', netns));
  ip('-n', netns, 'link', 'set', 'lo', 'up');
  await mkdir(etc, { recursive: true });
  t.after(() => rm(etc, { recursive: true }));
  await writeFile(`${etc}/resolv.conf`, 'nameserver 127.0.0.1\n');
  const records = ['--host-record=dns4.podnet.test,127.0.0.1', '--host-record=dns6.podnet.test,::1'];
  const flags = ['--listen-address=::1', ...records];
  const server = await startDnsServer({ address: '127.0.0.1', port: 53, netns, flags });
  t.after(() => server.stop());
  const files = ['nodeagent/probes/dns.js', 'runtime/clock.js'].map(
    (file) => new URL(`../../../${file}`, import.meta.url).href,
  );
  const inNetns = ['netns', 'exec', netns, process.execPath, '--input-type=module', '-e', PROBE, ...files];
  const toldThere = async (host: string) =>
    (await promisify(execFile)('ip', [...inNetns, host])).stdout.trim().split('\n');
  assert.deepEqual(await toldThere('dns4.podnet.test'), ['ok', 'ok']);
  assert.deepEqual(await toldThere('dns6.podnet.test'), ['ok', 'ok']);
  assert.deepEqual(await toldThere('127.0.0.1'), ['ok', 'ok']);
  assert.deepEqual(await toldThere('absent.podnet.test'), ['dns', 'dns']);
  assert.deepEqual(await toldThere('192.0.2.1'), ['unreachable', 'unreachable']);
  assert.deepEqual(await toldThere('2001:db8::1'), ['unreachable', 'unreachable']);
  const silent = run('ip', ['netns', 'exec', netns, process.execPath, '-e', SILENT_SERVER]);
  t.after(() => silent.child.kill('SIGKILL'));
  await eventually(
    () => silent.out(),
    (text) => text === 'bound\n',
  );
  await writeFile(`${etc}/resolv.conf`, 'nameserver 127.0.0.9\nnameserver 127.0.0.1\n');
  assert.deepEqual(await toldThere('dns4.podnet.test'), ['ok', 'ok'], 'the first server of two is dead');
  await server.stop();
  assert.deepEqual(await toldThere('dns4.podnet.test'), ['dns', 'dns']);
});
