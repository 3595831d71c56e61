import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfaceReading } from '../../../nodeagent/collectors/collector.js';
import { PodInterfaces, type OwnedVf } from '../../../nodeagent/devices/pod-interfaces.js';

const UID = 'uid-1';
const PCI = '0000:01:10.2';

function netdev(name: string, counters: readonly number[], pciAddress?: string): InterfaceReading {
  return {
    counters,
    meta: {
      ...{ name, network: 'sriov', nadNamespace: 'telco', primary: false, identity: '4026/3', source: 'netdev' },
      ...(pciAddress !== undefined && { pciAddress }),
    },
  };
}

function vf(change: Partial<OwnedVf> = {}, interfaceName?: string): OwnedVf {
  return {
    ...{ pciAddress: PCI, epoch: 'e-1', isCountedByPf: true, mayBeNetdev: false },
    counted: { receiveBytes: 500, transmitBytes: 70 },
    owner: {
      ...{ podUid: UID, namespace: 'telco', pod: 'du-0', network: 'sriov', nadNamespace: 'telco', source: 'kubelet' },
      ...(interfaceName !== undefined && { interface: interfaceName }),
    },
    ...change,
  };
}

function namesOf(interfaces: readonly InterfaceReading[]): string[] {
  return interfaces.map(({ meta }) => meta.name);
}

const ETH0 = netdev('eth0', [1, 2, 3, 4, 5, 6, 7, 8]);
const NET1 = netdev('net1', [9, 9, 9, 9, 9, 9, 9, 9]);

test('of a proven PF the counters of the VF are reported, and the netdev that is still in the pod is not', () => {
  const [eth0, net1, more] = new PodInterfaces().withVfs(UID, [ETH0, NET1], [vf({}, 'net1')]);
  assert.deepEqual(eth0, ETH0);
  assert.equal(more, undefined);
  assert.deepEqual(net1?.counters, [500, NaN, NaN, NaN, 70, NaN, NaN, NaN]);
  const { source, identity, pciAddress, network } = net1.meta;
  assert.deepEqual(
    { source, identity, pciAddress, network },
    { source: 'vf', identity: 'e-1', pciAddress: PCI, network: 'sriov' },
  );
});

test('of a PF that is not proven the netdev is reported, once', () => {
  const [net1, more] = new PodInterfaces().withVfs(UID, [NET1], [vf({ isCountedByPf: false }, 'net1')]);
  assert.equal(more, undefined);
  assert.deepEqual(net1, { ...NET1, meta: { ...NET1.meta, pciAddress: PCI } });
});

test('a netdev that the annotation does not name is known by its PCI address', () => {
  const known = netdev('net7', NET1.counters, PCI);
  const names = new PodInterfaces().withVfs(UID, [known], [vf()]).map(({ meta }) => [meta.name, meta.source]);
  assert.deepEqual(names, [['net7', 'vf']]);
});

test('a VF without a netdev has the name its network gave it, else its PCI address', () => {
  const pods = new PodInterfaces();
  const names = [vf({}, 'net1'), vf()].map((one) => pods.withVfs(UID, [ETH0], [one])[1]?.meta);
  assert.deepEqual(
    names.map((meta) => [meta?.name, meta?.network, meta?.primary, meta?.source]),
    [
      ['net1', 'sriov', false, 'vf'],
      [PCI, 'sriov', false, 'vf'],
    ],
  );
});

test('a VF without a netdev and without proof is there, and nothing of it is known', () => {
  const [, net1] = new PodInterfaces().withVfs(UID, [ETH0], [vf({ isCountedByPf: false }, 'net1')]);
  assert.equal(net1?.meta.unproven, true);
  assert.equal(net1.meta.identity, '');
  assert.ok(net1.counters.every(Number.isNaN));
});

test('what is proven later takes over and stays, also while it cannot be read', () => {
  const pods = new PodInterfaces();
  const sourceOf = (one: OwnedVf): (string | boolean)[] => {
    const [net1] = pods.withVfs(UID, [NET1], [one]);
    return [net1?.meta.source ?? '', Number.isNaN(net1?.counters[0])];
  };
  const { counted: _, ...unread } = vf({ isCountedByPf: false }, 'net1');
  assert.deepEqual(sourceOf(vf({ isCountedByPf: false }, 'net1')), ['netdev', false]);
  assert.deepEqual(sourceOf(vf({}, 'net1')), ['vf', false]);
  assert.deepEqual(sourceOf(unread), ['vf', true]);
  pods.keepOnly(new Set());
  assert.deepEqual(sourceOf(unread), ['netdev', false]);
});

test('a doubt about what the netdev received is none about its VF', () => {
  const doubted = { ...NET1, meta: { ...NET1.meta, receiveUnreliable: true } };
  const [net1] = new PodInterfaces().withVfs(UID, [doubted], [vf({}, 'net1')]);
  assert.equal(net1?.meta.receiveUnreliable, undefined);
  assert.equal(net1?.counters[0], 500);
});

test('several VFs of a pod on one network are told apart by their addresses', () => {
  const second = vf({ pciAddress: '0000:01:10.4', epoch: 'e-2', counted: { receiveBytes: 3 } });
  const found = new PodInterfaces().withVfs(UID, [], [vf(), second]);
  assert.deepEqual(
    found.map(({ meta, counters }) => [meta.name, meta.identity, counters[0]]),
    [
      [PCI, 'e-1', 500],
      ['0000:01:10.4', 'e-2', 3],
    ],
  );
});

test('a netdev that may be the VF is reported alone while nobody tells which interface the VF is', () => {
  const pods = new PodInterfaces();
  const unnamed = vf({ mayBeNetdev: true });
  assert.deepEqual(pods.withVfs(UID, [ETH0, NET1], [unnamed]), [ETH0, NET1]);
  const veth = { ...ETH0, meta: { ...ETH0.meta, hostInterface: 'veth1' } };
  assert.deepEqual(namesOf(pods.withVfs(UID, [veth], [unnamed])), ['eth0', PCI]);
  assert.deepEqual(namesOf(pods.withVfs(UID, [veth, NET1], [vf({ mayBeNetdev: true }, 'net1')])), ['eth0', 'net1']);
});

test('of two VFs that are said to be one interface neither is lost', () => {
  const second = vf({ pciAddress: '0000:01:10.4', epoch: 'e-2', counted: { receiveBytes: 3 } }, 'net1');
  const found = new PodInterfaces().withVfs(UID, [], [vf({}, 'net1'), second]);
  assert.deepEqual(
    found.map(({ meta, counters }) => [meta.name, counters[0]]),
    [
      ['net1', 500],
      ['0000:01:10.4', 3],
    ],
  );
});
