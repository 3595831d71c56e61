import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countedInterfaces } from '../../../apiserver/store/counted.js';
import { kubevirtStacking } from '../../../nodeagent/inventory/kubevirt-names.js';
import { stackingOf } from '../../../nodeagent/inventory/pod-stacking.js';
import type { Link } from '../../../nodeagent/rtnetlink/link.js';

type Options = Partial<Omit<Link, 'ifindex' | 'name'>>;
const link = (ifindex: number, name: string, options: Options = {}): Link => ({ ifindex, name, ...options });

/** Those that a sum over the chosen interfaces adds up. */
function counted(
  stacking: ReadonlyMap<string, readonly string[]>,
  names: readonly string[],
  chosen: readonly string[] = names,
): string[] {
  const all = new Map(names.map((name) => [name, { name, lowerDevices: stacking.get(name) ?? [] }]));
  const items = chosen.flatMap((name) => all.get(name) ?? []);
  return countedInterfaces(items, all).map(({ name }) => name);
}

const namesOf = (links: readonly Link[]) => links.map(({ name }) => name);

const PLUG = { kind: 'tun', master: 5 } as const;
/** KubeVirt, bridge binding: the nic was renamed and put into a bridge, a dummy has its name and address. */
const BRIDGED = [
  link(2, 'eth0-nic', { kind: 'veth', link: 40, linkNetnsid: 0, master: 5 }),
  link(5, 'k6t-eth0', { kind: 'bridge' }),
  link(6, 'tap0', PLUG),
  link(7, 'eth0', { kind: 'dummy' }),
];
/** KubeVirt, masquerade: the bridge is behind address translation. */
const MASQUERADED = [
  link(2, 'eth0', { kind: 'veth', link: 40, linkNetnsid: 0 }),
  link(5, 'k6t-eth0', { kind: 'bridge' }),
  link(6, 'tap0', PLUG),
];

test('a bridged virtual machine is counted at its nic', () => {
  const stacking = stackingOf(BRIDGED, undefined);
  assert.deepEqual(counted(stacking, namesOf(BRIDGED)), ['eth0-nic', 'eth0']);
  assert.deepEqual(counted(stacking, namesOf(BRIDGED), ['tap0']), ['tap0']);
  assert.deepEqual(counted(stacking, namesOf(BRIDGED), ['tap0', 'k6t-eth0']), ['tap0']);
});

test('a masqueraded virtual machine is counted at the interface behind the bridge', () => {
  const stacking = stackingOf(MASQUERADED, 'eth0');
  assert.deepEqual(counted(stacking, namesOf(MASQUERADED)), ['eth0']);
  assert.deepEqual(counted(stacking, namesOf(MASQUERADED), ['tap0', 'k6t-eth0']), ['tap0']);
});

test('an old masquerade with a dummy in its bridge is counted the same', () => {
  const links = [...MASQUERADED, link(8, 'k6t-eth0-nic', { kind: 'dummy', master: 5 })];
  assert.deepEqual(counted(stackingOf(links, 'eth0'), namesOf(links)), ['eth0']);
});

test('a bridge of taps of another name is counted at the default route', () => {
  const links = [link(2, 'net1'), link(5, 'br0', { kind: 'bridge' }), link(6, 'vm0', PLUG)];
  assert.deepEqual(counted(stackingOf(links, 'net1'), namesOf(links)), ['net1']);
  assert.deepEqual(counted(stackingOf(links, undefined), namesOf(links)), ['net1', 'vm0']);
});

test('a default route over the bridge itself leaves its taps to be counted', () => {
  const links = [link(5, 'br0', { kind: 'bridge' }), link(6, 'vm0', PLUG), link(7, 'br0.7', { kind: 'vlan', link: 5 })];
  assert.deepEqual(counted(stackingOf(links, 'br0'), namesOf(links)), ['vm0']);
  assert.deepEqual(counted(stackingOf(links, 'br0.7'), namesOf(links)), ['vm0']);
});

test('a tap in no bridge is nobody else again', () => {
  const links = [link(2, 'eth0'), link(6, 'tun0', { kind: 'tun' })];
  assert.equal(stackingOf(links, 'eth0').size, 0);
});

for (const kind of ['vlan', 'macvlan', 'ipvlan', 'macvtap', 'vxlan']) {
  test(`a ${kind} is stacked on a parent of its own namespace alone`, () => {
    const here = [link(2, 'eth0'), link(3, 'net1', { kind, link: 2 })];
    assert.deepEqual([...stackingOf(here, 'eth0')], [['net1', ['eth0']]]);
    const there = [link(2, 'eth0'), link(3, 'net1', { kind, link: 2, linkNetnsid: 4 })];
    assert.equal(stackingOf(there, 'eth0').size, 0);
  });
}

test('a veth pair within the pod is not stacked on itself', () => {
  const links = [link(2, 'a', { kind: 'veth', link: 3 }), link(3, 'b', { kind: 'veth', link: 2 })];
  assert.equal(stackingOf(links, undefined).size, 0);
});

test('a bond carries its slaves and a VLAN on it both', () => {
  const links = [
    link(2, 'net1', { master: 4 }),
    link(3, 'net2', { master: 4 }),
    link(4, 'bond0', { kind: 'bond' }),
    link(5, 'bond0.7', { kind: 'vlan', link: 4 }),
  ];
  assert.deepEqual(counted(stackingOf(links, 'bond0.7'), namesOf(links)), ['net1', 'net2']);
});

test('the names of KubeVirt tell the same without a right', () => {
  assert.deepEqual(counted(kubevirtStacking(namesOf(BRIDGED)), namesOf(BRIDGED)), ['eth0-nic', 'eth0']);
  assert.deepEqual(counted(kubevirtStacking(namesOf(MASQUERADED)), namesOf(MASQUERADED)), ['eth0']);
});

test('a secondary network of KubeVirt is told by its hashed names', () => {
  const names = ['eth0', 'k6t-eth0', 'tap0', 'pod7e0055a6880', '7e0055a6880-nic', 'k6t-7e0055a6880', 'tap7e0055a6880'];
  assert.deepEqual(counted(kubevirtStacking(names), names), ['eth0', 'pod7e0055a6880', '7e0055a6880-nic']);
});

test('names that only begin like those of KubeVirt claim nothing', () => {
  assert.equal(kubevirtStacking(['eth0', 'tap0']).size, 0);
  assert.equal(kubevirtStacking(['k6t-eth0', 'tap0']).size, 0);
  assert.equal(kubevirtStacking(['eth0', 'k6t-eth0']).size, 0);
});
