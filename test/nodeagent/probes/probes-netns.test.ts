import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import type { Outcome } from '../../../nodeagent/probes/probe.js';
import { ADDRESS, ADDRESS6, NetnsPair, type Side } from '../../support/netns-pair.js';
import { missing } from '../../support/requirements.js';

const skip = missing('root', 'ip', 'iptables');
const PROGRAM = join(import.meta.dirname, '../../support/probe-program.js');
const PORT = 9_809;
const DISCARD = `require('node:net').createServer((socket) => socket.resume()).listen(${PORT}, '::', () => console.log(1))`;

/** How a probe from side a goes. */
function probe(pair: NetnsPair, kind: 'dial' | 'ntp', host: string, timeoutMs = 20_000, lingerMs = 0): Outcome {
  const argv = [process.execPath, PROGRAM, kind, host, ...[PORT, timeoutMs, lingerMs].map(String)];
  return JSON.parse(pair.exec('a', ...argv)) as Outcome;
}

const reasonOf = (outcome: Outcome): string => (outcome.ok ? 'ok' : outcome.reason);

/** What an operator of side a does to packets of one destination, and what becomes of probes. */
const FORBIDDEN: readonly (readonly [what: string, dial: string, ntp: string])[] = [
  ['DROP', 'timeout', 'unreachable'],
  ['REJECT', 'refused', 'unreachable'],
  ['REJECT --reject-with admin-prohibited', 'unreachable', 'unreachable'],
];

for (const [program, host, admin] of [
  ['iptables', ADDRESS.b, 'icmp-admin-prohibited'],
  ['ip6tables', ADDRESS6.b, 'icmp6-adm-prohibited'],
] as const) {
  test(`${program}: what a packet filter of this machine forbids`, { skip }, async () => {
    await using pair = await NetnsPair.create('pdlf');
    await pair.start('b', DISCARD);
    assert.equal(reasonOf(probe(pair, 'dial', host)), 'ok');
    for (const [what, dialled, asked] of FORBIDDEN) {
      pair.exec('a', program, '-F', 'OUTPUT');
      pair.exec('a', program, '-A', 'OUTPUT', '-d', host, '-j', ...what.replace('admin-prohibited', admin).split(' '));
      assert.equal(reasonOf(probe(pair, 'dial', host, dialled === 'timeout' ? 500 : 20_000)), dialled, what);
      assert.equal(reasonOf(probe(pair, 'ntp', host)), asked, what);
    }
  });
}

test('a server that a packet filter keeps silent costs the timeout', { skip }, async () => {
  await using pair = await NetnsPair.create('pdls');
  for (const [program, host] of [
    ['iptables', ADDRESS.b],
    ['ip6tables', ADDRESS6.b],
  ] as const) {
    pair.exec('b', program, '-A', 'INPUT', '-p', program === 'iptables' ? 'tcp' : 'udp', '-j', 'DROP');
    const kind = program === 'iptables' ? 'dial' : 'ntp';
    assert.equal(reasonOf(probe(pair, kind, host, 500)), 'timeout');
  }
});

test('a port that nobody listens on refuses, over either protocol', { skip }, async () => {
  await using pair = await NetnsPair.create('pdlr');
  for (const host of [ADDRESS.b, ADDRESS6.b]) {
    for (const kind of ['dial', 'ntp'] as const) assert.equal(reasonOf(probe(pair, kind, host)), 'refused', kind);
  }
});

test('what no route leads to is unreachable, and what is not on the link', { skip }, async () => {
  await using pair = await NetnsPair.create('pdlu');
  pair.exec('a', 'sysctl', '-qw', 'net.ipv4.neigh.eth0.mcast_solicit=1', 'net.ipv6.neigh.eth0.mcast_solicit=1');
  for (const type of ['unreachable', 'prohibit', 'blackhole']) {
    pair.exec('a', 'ip', 'route', 'add', type, `10.252.0.${type.length}`);
    pair.exec('a', 'ip', '-6', 'route', 'add', type, `fd00:252::${type.length}`);
  }
  const away = ['unreachable', 'prohibit', 'blackhole'].flatMap(({ length }) => [
    `10.252.0.${length}`,
    `fd00:252::${length}`,
  ]);
  for (const host of [...away, '203.0.113.1', '2001:db8::1']) {
    for (const kind of ['dial', 'ntp'] as const) assert.equal(reasonOf(probe(pair, kind, host)), 'unreachable', host);
  }
  // The kernel keeps from a socket of UDP what may pass: there is nothing but silence then.
  for (const host of ['10.251.0.77', 'fd00:251::77']) assert.equal(reasonOf(probe(pair, 'dial', host)), 'unreachable');
});

test('a machine without IPv6 cannot reach an IPv6 address', { skip }, async () => {
  await using pair = await NetnsPair.create('pdl4');
  pair.exec('a', 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  for (const kind of ['dial', 'ntp'] as const) {
    assert.equal(reasonOf(probe(pair, kind, ADDRESS6.b)), 'unreachable', kind);
  }
});

const TALKING = `
  const { createServer } = require('node:net');
  createServer((socket) => socket.on('error', () => {}).end('220 who is there?')).listen(${PORT}, '::', () => console.log(1));`;
const BUILT = join(import.meta.dirname, '../../..');
const LISTENING = `
  Promise.all(['nodeagent/probes/listener.js', 'runtime/clock.js'].map((file) => import('${BUILT}/' + file)))
    .then(([{ startProbeListener }, { systemClock: clock }]) => startProbeListener({ host: '', port: ${PORT} }, { clock, log: console }))
    .then(() => console.log(1));`;

for (const [who, script] of [
  ['the listener of an agent', LISTENING],
  ['a peer that talks first', TALKING],
] as const) {
  test(`dials of ${who} end without a reset by either side`, { skip }, async () => {
    await using pair = await NetnsPair.create('pdlx');
    await pair.start('b', script);
    for (const host of [ADDRESS.b, ADDRESS6.b]) {
      for (let n = 0; n < 3; n++) assert.equal(reasonOf(probe(pair, 'dial', host, 20_000, 1_500)), 'ok');
    }
    assert.deepEqual([resetsSent(pair, 'a'), resetsSent(pair, 'b')], [0, 0]);
  });
}

/** OutRsts of /proc/net/snmp. */
function resetsSent(pair: NetnsPair, side: Side): number {
  const [names, values] = pair
    .exec(side, 'cat', '/proc/net/snmp')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('OutRsts') ?? -1]);
}

/** Answers every question with one address, some time later; AAAA with none. */
const slowDns = (delayMs: number, address: string): string => `
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (question, { address, port }) => {
    const end = question.indexOf(0, 12) + 5;
    const isA = question.readUInt16BE(end - 4) === 1;
    const answer = Buffer.concat([question.subarray(0, end), isA ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ${address.split('.').join(',')}]) : Buffer.alloc(0)]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(isA ? 1 : 0, 6);
    answer.writeUInt32BE(0, 8);
    setTimeout(() => socket.send(answer, port, address), ${delayMs});
  });
  socket.bind(53, '${ADDRESS.b}', () => console.log(1));`;

test('the time that a name takes is no part of the latency', { skip }, async () => {
  await using pair = await NetnsPair.create('pdln');
  const directory = join('/etc/netns', pair.name('a')); // ip netns exec puts what is in it over /etc
  await mkdir(directory, { recursive: true });
  try {
    await writeFile(join(directory, 'resolv.conf'), `nameserver ${ADDRESS.b}\n`);
    await pair.start('b', DISCARD);
    const dns = await pair.start('b', slowDns(2_000, ADDRESS.b));
    const begun = Date.now();
    const outcome = probe(pair, 'dial', 'peer.example.com');
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.ok(Date.now() - begun >= 2_000 && outcome.seconds * 1_000 <= Date.now() - begun - 2_000);
    assert.equal(reasonOf(probe(pair, 'ntp', 'time.example.com')), 'refused');
    dns.kill('SIGSTOP');
    for (const kind of ['dial', 'ntp'] as const) {
      assert.equal(reasonOf(probe(pair, kind, 'peer.example.com', 1_000)), 'dns', kind);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
