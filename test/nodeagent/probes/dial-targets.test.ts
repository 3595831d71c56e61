import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { DialTargets } from '../../../nodeagent/probes/dial-targets.js';
import { DEFAULT_NETWORK, type Peer, type PeerList } from '../../../nodeagent/probes/peers.js';
import type { Family } from '../../../nodeagent/probes/server-address.js';
import { systemClock } from '../../../runtime/clock.js';
import type { HostPort } from '../../../runtime/options/kinds.js';

const BOTH: ReadonlySet<Family> = new Set(['ipv4', 'ipv6']);
const IPV6: ReadonlySet<Family> = new Set(['ipv6']);
const PORT = 9809;

function peer(i: number, parts: Partial<Peer> = {}): Peer {
  const addresses = [
    { host: `10.0.0.${i}`, port: PORT },
    { host: `fd00::${i}`, port: PORT },
  ];
  return {
    ...{ node: `n${i}`, zone: `z${i % 2}`, isStarted: true },
    addresses: new Map([[DEFAULT_NETWORK, addresses]]),
    ...parts,
  };
}

const six = [1, 2, 3, 4, 5, 6].map((i) => peer(i));

function targets(self: string, list: PeerList, count = 4, isLive = (): boolean => true): DialTargets {
  const source = { list: () => list, isLive };
  return new DialTargets({ self, count, source, nowMs: () => systemClock.monotonicMs() });
}

function dialled(self: string, list: PeerList, families = BOTH, count = 4): string[] {
  return targets(self, list, count)
    .of(list, families)
    .map(({ meta: { peer: to, host, network, family } }) => `${to?.node ?? host ?? ''} ${network} ${family ?? ''}`)
    .sort();
}

test('each dials four others at every address of a family that it has, and is dialled by four', () => {
  const dials = six.map(({ node }) => ({ node, to: dialled(node, { peers: six }) }));
  for (const { node, to } of dials) {
    assert.equal(to.length, 8);
    assert.ok(!to.some((one) => one.startsWith(`${node} `)));
    const probers = dials.filter((other) => other.to.includes(`${node} default ipv4`));
    assert.equal(probers.length, 4, node);
  }
  assert.equal(dialled('n1', { peers: six }, IPV6).length, 4);
});

test('the Service is dialled, also by who is alone', () => {
  const service = { host: 'podnet-probe.podnet-system', addresses: [{ host: '10.96.0.7', port: PORT }] };
  assert.deepEqual(dialled('n1', { peers: [peer(1)], service }), ['podnet-probe.podnet-system default ipv4']);
  assert.deepEqual(dialled('n1', { peers: [peer(1)], service }, IPV6), []);
  assert.deepEqual(dialled('n1', { peers: [] }), []);
});

test('who is not listed itself dials as if it were, and nobody dials itself', () => {
  assert.equal(dialled('n7', { peers: six }, IPV6).length, 4);
  assert.deepEqual(dialled('n7', { peers: [peer(1)] }, IPV6), ['n1 default ipv6']);
});

test('on a secondary network only who has an address there dials, at the families that it has there', () => {
  const at = (i: number, ...hosts: string[]): Peer['addresses'] =>
    new Map<string, HostPort[]>([
      [DEFAULT_NETWORK, [{ host: `10.0.0.${i}`, port: PORT }]],
      ['storage', hosts.map((host) => ({ host, port: PORT }))],
    ]);
  const peers = [
    peer(1, { addresses: at(1, '10.1.0.1') }),
    peer(2, { addresses: at(2, '10.1.0.2', 'fd01::2') }),
    peer(3, { addresses: new Map([[DEFAULT_NETWORK, [{ host: '10.0.0.3', port: PORT }]]]) }),
  ];
  assert.deepEqual(dialled('n1', { peers }), ['n2 default ipv4', 'n2 storage ipv4', 'n3 default ipv4']);
  assert.deepEqual(dialled('n3', { peers }), ['n1 default ipv4', 'n2 default ipv4']);
});

test('what is dialled by name has no family', () => {
  const named = peer(2, { addresses: new Map([[DEFAULT_NETWORK, [{ host: 'node-2.example', port: PORT }]]]) });
  assert.deepEqual(dialled('n1', { peers: [peer(1), named] }, IPV6), ['n2 default ']);
});

test('one that was never ready fails only after it has answered; one that is gone never does', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const addresses = new Map([[DEFAULT_NETWORK, [{ host: '127.0.0.1', port }]]]);
  const list: PeerList = { peers: [peer(1), peer(2, { addresses, isStarted: false })] };
  let isLive = true;
  const all = targets('n1', list, 4, () => isLive);
  const [target] = all.of(list, BOTH);
  assert.equal(target?.isFailure?.(), false);
  const outcome = await target?.probe({ timeoutMs: 5_000, signal: new AbortController().signal });
  assert.equal(outcome?.ok, true);
  assert.equal(target?.isFailure?.(), true);
  isLive = false;
  assert.equal(target?.isFailure?.(), false);
  isLive = true;
  // forgotten with the node
  all.of({ peers: [peer(1)] }, BOTH);
  assert.equal(target?.isFailure?.(), false);
  server.close();
});

test('the next agent of a node has not answered because the one before did', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const at = (host: string) => new Map([[DEFAULT_NETWORK, [{ host, port }]]]);
  let list: PeerList = { peers: [peer(1), peer(2, { addresses: at('127.0.0.1'), isStarted: false })] };
  const source = { list: () => list, isLive: () => true };
  const all = new DialTargets({ self: 'n1', count: 4, source, nowMs: () => systemClock.monotonicMs() });
  const [first] = all.of(list, BOTH);
  await first?.probe({ timeoutMs: 5_000, signal: new AbortController().signal });
  assert.equal(first?.isFailure?.(), true);
  // its end and the beginning of the next may be learnt of at once
  list = { peers: [peer(1), peer(2, { addresses: at('127.0.0.2'), isStarted: false })] };
  const [next] = all.of(list, BOTH);
  assert.equal(next?.isFailure?.(), false);
});

test('a node that is away for a time changes whom it dials and who dials it, and nobody else', () => {
  let nowMs = 0;
  const peers = Array.from({ length: 40 }, (_, i) => peer(i + 1));
  const agents = peers.map(({ node }) => {
    const source = { list: () => undefined, isLive: () => true };
    return { node, all: new DialTargets({ self: node, count: 4, source, nowMs: () => nowMs }) };
  });
  const pairs = (listed: readonly Peer[]) =>
    agents.flatMap(({ node, all }) => all.of({ peers: listed }, IPV6).map(({ key }) => `${node} > ${key}`));
  const isOf = (node: string) => (pair: string) => pair.startsWith(`${node} `) || pair.includes(`peer ${node} `);
  const before = pairs(peers);
  for (const { node } of peers) {
    const without = pairs(peers.filter((one) => one.node !== node));
    assert.deepEqual(
      without.filter((pair) => !isOf(node)(pair)),
      before.filter((pair) => !isOf(node)(pair)),
    );
    assert.equal(without.length, before.length - 4);
    assert.deepEqual(pairs(peers), before);
  }
  const rest = peers.slice(1);
  pairs(rest);
  nowMs = agents[1]?.all.changesAtMs ?? NaN;
  assert.equal(nowMs, 120_000);
  assert.equal(pairs(rest).length, 40 * 4, 'the one that is gone dials four, as who is not listed does');
  assert.equal(agents[1]?.all.changesAtMs, Infinity);
});
