import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { InterfaceView } from '../../metrics/node-families.js';
import { COLLECTORS } from '../../nodeagent/collectors/registry.js';
import { NetnsLayouts } from '../../nodeagent/inventory/layout.js';
import { ProcFs } from '../../nodeagent/procfs/fs.js';
import { createSelfMetrics } from '../../nodeagent/self-metrics.js';
import { Sweeper } from '../../nodeagent/sweeper.js';
import { SysFs } from '../../nodeagent/sysfs/fs.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { createLogger } from '../../runtime/logger.js';
import { ip } from '../support/netns.js';
import { ADDRESS, ADDRESS6, NetnsPair, type Side } from '../support/netns-pair.js';
import { createShiftedClock } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const skip = missing('root', 'ip');

/** An agent that sees one side of a pair. */
function watch(pair: NetnsPair, without: readonly string[] = []) {
  const clock = createShiftedClock();
  const procfs = new ProcFs('/proc');
  const deps = { procfs, forget: () => undefined, layouts: new NetnsLayouts(procfs, new SysFs('/nonexistent')) };
  const sender = { node: 'n', role: 'node', bootId: 'b', instance: { id: 'i', startedAt: 0 } } as const;
  const enabled = COLLECTORS.filter(({ name }) => !without.includes(name));
  const sweeper = new Sweeper({
    sender: { ...sender, intervalMs: 15_000, agentVersion: '0' },
    podSource: { pods: () => [pair.pod('a')] },
    collectors: new Map(enabled.map(({ name, create }) => [name, create(deps)])),
    clock,
    log: createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) }),
    metrics: createSelfMetrics(new Registry(), '0'),
    historyMs: () => 600_000,
  });
  return {
    /** The next sweep, 15 s later on its clock. */
    async sweep(): Promise<Map<string, InterfaceView>> {
      clock.shiftMs += 15_000;
      await sweeper.sweep();
      assert.equal(sweeper.problem, '');
      const [pod] = [...sweeper.view().pods];
      return new Map([...(pod?.interfaces ?? [])].map((one) => [one.meta.name, one]));
    },
    report: () => JSON.parse([...sweeper.report(0, 100).pieces].join('')) as NodeReport,
  };
}

function counter(view: InterfaceView | undefined, name: (typeof INTERFACE_COUNTERS)[number]): number {
  return view?.counters[INTERFACE_COUNTERS.indexOf(name)] ?? NaN;
}

/** Datagrams of 1,000 bytes, which somebody takes. */
function sendUdp(pair: NetnsPair, from: Side, { address, count }: { address: string; count: number }): void {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  pair.run(
    from,
    `const { createSocket } = require('node:dgram');
     const socket = createSocket('${type}');
     (async () => {
       for (let i = 0; i < ${count}; i++) await new Promise((resolve) => socket.send(Buffer.alloc(1000), 9, '${address}', resolve));
       socket.close();
     })()`,
  );
}

/** So many MiB over TCP, in segments as large as they get. */
function sendTcp(pair: NetnsPair, from: Side, { address, mib }: { address: string; mib: number }): void {
  pair.run(
    from,
    `const socket = require('node:net').connect(80, '${address}', () => socket.end(Buffer.alloc(${mib} << 20)));
     socket.resume()`,
  );
}

const SINK = `
  require('node:net').createServer((socket) => socket.resume()).listen(80, '::', () => {
    const udp = require('node:dgram').createSocket('udp6').on('message', () => {});
    udp.bind(9, () => console.log('ready'));
  })`;

/**
 * What is sent to loopback goes to the ingress of eth0 instead, behind the counters of both, as bpf_redirect_peer does it with what
 * comes from another pod: tcf_mirred_to_dev() and skb_do_redirect() hand the packet to the stack with another device in it.
 */
function hideReceived(pair: NetnsPair): void {
  const settings = ['all.accept_local=1', 'eth0.accept_local=1', 'all.rp_filter=0', 'eth0.rp_filter=0'];
  pair.exec('a', 'sysctl', '-qw', ...settings.map((setting) => `net.ipv4.conf.${setting}`));
  pair.exec('a', 'tc', 'qdisc', 'add', 'dev', 'lo', 'clsact');
  for (const protocol of ['ip', 'ipv6']) {
    const redirect = ['action', 'mirred', 'ingress', 'redirect', 'dev', 'eth0'];
    pair.exec(
      'a',
      'tc',
      'filter',
      'add',
      'dev',
      'lo',
      'egress',
      'protocol',
      protocol,
      'u32',
      'match',
      'u32',
      '0',
      '0',
      ...redirect,
    );
  }
}

/** As ip of iproute2 has it. */
function receivedOn(pair: NetnsPair, device: string): number {
  const [link] = JSON.parse(ip('-n', pair.name('a'), '-s', '-j', 'link', 'show', device)) as {
    stats64: { rx: { bytes: number } };
  }[];
  return link?.stats64.rx.bytes ?? NaN;
}

for (const address of [ADDRESS.a, ADDRESS6.a]) {
  // Fault of prometheus-network-shim: what goes past the counters of a veth is lost.
  test(`what an only interface does not count of ${address}, IP counts`, { skip }, async () => {
    await using pair = await NetnsPair.create('pnrc1');
    await pair.start('a', SINK);
    hideReceived(pair);
    const agent = watch(pair);
    assert.equal((await agent.sweep()).get('eth0')?.meta.source, 'netdev');
    const counted = receivedOn(pair, 'eth0');
    sendUdp(pair, 'a', { address, count: 100 });
    assert.ok(receivedOn(pair, 'eth0') - counted < 1_000, 'the interface counted nothing of it');
    await agent.sweep();
    const replaced = (await agent.sweep()).get('eth0');
    assert.equal(replaced?.meta.source, 'ip');
    assert.match(pairIdentity(agent.report()), /^\d+\/\d+ \d+\/\d+\/ip$/);
    sendUdp(pair, 'a', { address, count: 50 });
    const seen = (await agent.sweep()).get('eth0');
    const header = address.includes(':') ? 48 : 28;
    const grown = counter(seen, 'receiveBytes') - counter(replaced, 'receiveBytes');
    const packets = counter(seen, 'receivePackets') - counter(replaced, 'receivePackets');
    assert.ok(grown >= 50 * (1_000 + header) && grown < 50 * (1_000 + header) + 1_000, `${grown} bytes`);
    assert.ok(packets >= 50 && packets < 60, `${packets} packets`);
    assert.deepEqual([counter(seen, 'receiveErrors'), counter(seen, 'receivePacketsDropped')], [NaN, NaN]);
    assert.ok(counter(seen, 'transmitPackets') < 50, 'those of the interface: nothing was sent over it');
  });
}

test('a new agent does not tell what an only interface counts too little', { skip }, async () => {
  await using pair = await NetnsPair.create('pnrc5');
  await pair.start('a', SINK);
  hideReceived(pair);
  sendUdp(pair, 'a', { address: ADDRESS.a, count: 100 });
  const agent = watch(pair);
  for (let i = 0; i < 2; i++) {
    const seen = (await agent.sweep()).get('eth0');
    assert.deepEqual([seen?.meta.source, seen?.meta.receiveUnreliable], ['netdev', true]);
    assert.deepEqual(Array.from(seen?.counters ?? []).slice(0, 4), [NaN, NaN, NaN, NaN]);
    sendUdp(pair, 'a', { address: ADDRESS.a, count: 100 });
  }
  const replaced = (await agent.sweep()).get('eth0');
  assert.deepEqual([replaced?.meta.source, counter(replaced, 'receiveBytes')], ['ip', 0]);
});

test('what an interface counted that was removed is not missed for long', { skip }, async () => {
  await using pair = await NetnsPair.create('pnrc6');
  addSecond(pair);
  await pair.start('a', SINK);
  sendUdp(pair, 'b', { address: '10.252.0.1', count: 300 });
  ip('-n', pair.name('a'), 'link', 'del', 'net1');
  const agent = watch(pair);
  assert.equal((await agent.sweep()).get('eth0')?.meta.receiveUnreliable, true);
  for (let i = 0; i < 3; i++) {
    sendUdp(pair, 'b', { address: ADDRESS.a, count: 100 });
    const { meta } = (await agent.sweep()).get('eth0') ?? assert.fail();
    assert.deepEqual([meta.source, meta.receiveUnreliable], ['netdev', undefined]);
  }
});

/** The identities under which eth0 is reported. */
function pairIdentity(report: NodeReport): string {
  return (report.pods[0]?.interfaces ?? []).map(({ identity }) => identity).join(' ');
}

test('without the transport collector nothing is checked', { skip }, async () => {
  await using pair = await NetnsPair.create('pnrc2');
  await pair.start('a', SINK);
  hideReceived(pair);
  const agent = watch(pair, ['transport']);
  await agent.sweep();
  sendUdp(pair, 'a', { address: ADDRESS.a, count: 100 });
  for (let i = 0; i < 3; i++) assert.equal((await agent.sweep()).get('eth0')?.meta.source, 'netdev');
});

/** Another link of the two, net1 on both sides. */
function addSecond(pair: NetnsPair): void {
  ip('-n', pair.name('a'), 'link', 'add', 'net1', 'type', 'veth', 'peer', 'name', 'net1', 'netns', pair.name('b'));
  for (const side of ['a', 'b'] as const) {
    ip('-n', pair.name(side), 'addr', 'add', side === 'a' ? '10.252.0.1/24' : '10.252.0.2/24', 'dev', 'net1');
    ip('-n', pair.name(side), 'link', 'set', 'net1', 'up');
  }
}

// Fault of prometheus-network-shim: what goes past the counters of a veth is lost.
test('of two interfaces the one that counts too little is not believed', { skip }, async () => {
  await using pair = await NetnsPair.create('pnrc3');
  addSecond(pair);
  await pair.start('a', SINK);
  hideReceived(pair);
  const agent = watch(pair);
  await agent.sweep();
  sendUdp(pair, 'b', { address: '10.252.0.1', count: 300 });
  sendUdp(pair, 'a', { address: ADDRESS.a, count: 100 });
  await agent.sweep();
  const seen = await agent.sweep();
  assert.deepEqual(
    ['eth0', 'net1'].map((name) => [seen.get(name)?.meta.receiveUnreliable, seen.get(name)?.meta.source]),
    [
      [true, 'netdev'],
      [undefined, 'netdev'],
    ],
  );
  assert.deepEqual(Array.from(seen.get('eth0')?.counters ?? []).slice(0, 4), [NaN, NaN, NaN, NaN]);
  assert.ok(counter(seen.get('eth0'), 'transmitPackets') > 0);
  assert.ok(counter(seen.get('net1'), 'receiveBytes') > 300_000);
  const told = agent.report().pods[0]?.interfaces?.find(({ name }) => name === 'eth0');
  assert.deepEqual([told?.receiveUnreliable, told?.readings.at(-1)?.slice(0, 4)], [true, [null, null, null, null]]);
});

const TRAFFIC: readonly [string, (pair: NetnsPair) => void][] = [
  ['UDP over IPv4', (pair) => sendUdp(pair, 'b', { address: ADDRESS.a, count: 500 })],
  ['UDP over IPv6', (pair) => sendUdp(pair, 'b', { address: ADDRESS6.a, count: 500 })],
  ['large TCP over IPv4', (pair) => sendTcp(pair, 'b', { address: ADDRESS.a, mib: 64 })],
  ['large TCP over IPv6', (pair) => sendTcp(pair, 'b', { address: ADDRESS6.a, mib: 64 })],
  ['large TCP in small segments', inSmallSegments],
  ['what it sends, and only acknowledgements', (pair) => sendTcp(pair, 'a', { address: ADDRESS.b, mib: 64 })],
  ['TCP over loopback', (pair) => sendTcp(pair, 'a', { address: '127.0.0.1', mib: 64 })],
  ['TCP over loopback and IPv6', (pair) => sendTcp(pair, 'a', { address: '::1', mib: 64 })],
  ['UDP to its own address', (pair) => sendUdp(pair, 'a', { address: ADDRESS.a, count: 500 })],
  ['its own multicasts and broadcasts', sendToGroups],
  ['fragments', (pair) => pair.run('b', fragments())],
];

/** Without segmentation offload each packet is its own. */
function inSmallSegments(pair: NetnsPair): void {
  ip('-n', pair.name('b'), 'link', 'set', 'eth0', 'gso_max_segs', '1');
  sendTcp(pair, 'b', { address: ADDRESS.a, mib: 16 });
}

function sendToGroups(pair: NetnsPair): void {
  pair.run(
    'a',
    `const socket = require('node:dgram').createSocket('udp4').on('message', () => {});
     socket.bind(9_998, async () => {
       socket.setBroadcast(true);
       socket.setMulticastInterface('${ADDRESS.a}');
       socket.addMembership('239.1.1.1', '${ADDRESS.a}');
       for (let i = 0; i < 200; i++) for (const address of ['239.1.1.1', '255.255.255.255'])
         await new Promise((resolve) => socket.send(Buffer.alloc(1000), 9_998, address, resolve));
       socket.close();
     })`,
  );
}

function fragments(): string {
  return `const socket = require('node:dgram').createSocket('udp4');
    (async () => {
      for (let i = 0; i < 50; i++) await new Promise((resolve) => socket.send(Buffer.alloc(20000), 9, '${ADDRESS.a}', resolve));
      socket.close();
    })()`;
}

test('an interface that counts is believed, whatever comes over it', { skip }, async (context) => {
  await using pair = await NetnsPair.create('pnrc4');
  ip('-n', pair.name('a'), 'route', 'add', '255.255.255.255', 'dev', 'eth0');
  await pair.start('a', SINK);
  await pair.start('b', SINK);
  const all = watch(pair);
  await all.sweep();
  for (const [what, send] of TRAFFIC) {
    await context.test(what, async () => {
      const agent = watch(pair); // a comparison of its own: what the interface counted before does not hide anything
      await agent.sweep();
      send(pair);
      for (const one of [agent, all, agent, all]) {
        const { meta } = (await one.sweep()).get('eth0') ?? assert.fail();
        assert.deepEqual([meta.source, meta.receiveUnreliable], ['netdev', undefined]);
      }
    });
  }
});
