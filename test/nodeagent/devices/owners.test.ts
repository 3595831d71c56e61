// Three sources say which pod has a VF; none is complete, and one can be written by tenants.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Allocation, ClaimedDevice } from '../../../nodeagent/devices/allocation.js';
import { deviceKey, spelledPciAddress, type KnownClaims } from '../../../nodeagent/devices/claims.js';
import type { Owner } from '../../../nodeagent/devices/device.js';
import { resolveOwners, type OwnerConflict, type OwnersInput } from '../../../nodeagent/devices/owners.js';
import { decodeListedPod } from '../../../nodeagent/inventory/decode-listed-pod.js';
import { createKubernetesPods } from '../../../nodeagent/inventory/kubernetes-pods.js';
import type { ListedPod } from '../../../nodeagent/inventory/listed-pod.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import { annotated, listedPod, NODE } from '../../support/listed-pods.js';

const VF = '0000:3b:02.1';
const VF2 = '0000:3b:02.2';
const VFIO = '0000:3b:02.7';
const RESOURCE = 'openshift.io/inteldpdk';

interface PodParts {
  readonly status?: readonly object[];
  readonly phase?: string;
  readonly metadata?: object;
  readonly spec?: object;
}

/** As the list of pods gives it; its uid is its name with `uid-` before it. */
function pod(name: string, { status = [], phase = 'Running', metadata = {}, spec = {} }: PodParts = {}): Pod {
  const listed = listedPod(
    `uid-${name}`,
    {
      name,
      namespace: 'telco',
      creationTimestamp: '2026-11-20T10:00:00Z',
      ...annotated(JSON.stringify(status)),
      ...metadata,
    },
    spec,
  );
  const decoded = decodeListedPod({ ...listed, status: { ...listed.status, phase } }, NODE)?.pod;
  return podsOf(decoded ?? assert.fail('not a pod'))[0] ?? assert.fail('no pod');
}

function podsOf(...listed: readonly ListedPod[]): readonly Pod[] {
  const source = createKubernetesPods({
    ...{ listed: () => listed, isCurrent: () => true, locate: () => new Map(), sandboxOf: () => undefined },
  });
  return source.pods(0) ?? [];
}

/** An entry of a network annotation, as Multus writes it. */
function network(name: string, interfaceName: string | undefined, pciAddress?: string, type = 'pci'): object {
  const info = { type, version: '1.1.0', [type]: { 'pci-address': pciAddress } };
  return {
    ...{ name, ...(interfaceName !== undefined && { interface: interfaceName }), mac: '02:00:00:00:00:01', dns: {} },
    ...(pciAddress !== undefined && { 'device-info': info }),
  };
}

/** What the kubelet lists of a container. */
function allocated(podName: string, ids: readonly string[], parts: Partial<Allocation> = {}): Allocation {
  const devices = ids.map((id) => ({ resource: RESOURCE, id, numaNodes: [0] }));
  return { namespace: 'telco', pod: podName, container: 'app', devices, cpus: [], claims: [], ...parts };
}

const claimedDevice = (device: string): ClaimedDevice => ({
  driver: 'sriovnetwork.k8snetworkplumbingwg.io',
  pool: NODE,
  device,
});

/** A claim that is reserved for a pod. */
function held(podName: string, device: string, interfaceName?: string): KnownClaims['held'][number] {
  return { ...claimedDevice(device), podUid: `uid-${podName}`, ...(interfaceName !== undefined && { interfaceName }) };
}

/** @param slices PCI addresses by the names of devices */
function claims(holds: KnownClaims['held'], slices: Readonly<Record<string, string>> = {}): KnownClaims {
  const byKey = new Map(Object.entries(slices).map(([device, address]) => [deviceKey(claimedDevice(device)), address]));
  return { held: holds, watched: [], pciAddressOf: (device) => byKey.get(deviceKey(device)) };
}

function resolve(input: Partial<OwnersInput>): ReturnType<typeof resolveOwners> {
  const devices = new Set([VF, VF2, VFIO]);
  return resolveOwners({ pods: [], arePodsListed: true, allocations: undefined, claims: undefined, devices, ...input });
}

function ownerOf(input: Partial<OwnersInput>, address = VF): Owner | undefined {
  return resolve(input).owners.get(address);
}

const NET1 = network('telco/sriov-net1', 'net1', VF);
const ROLE = { interface: 'net1', network: 'sriov-net1', nadNamespace: 'telco' };
const IDENTITY = { podUid: 'uid-upf-0', namespace: 'telco', pod: 'upf-0' };

test('the annotation tells pod, interface and network of a VF', () => {
  const owner = ownerOf({ pods: [pod('upf-0', { status: [NET1] })] });
  assert.deepEqual(owner, { ...IDENTITY, ...ROLE, source: 'network-status' });
});

test('the kubelet tells pod, container and resource, and nothing of networks', () => {
  const owner = ownerOf({ pods: [pod('upf-0')], allocations: [allocated('upf-0', [VF])] });
  const unknown = { network: '', nadNamespace: '' };
  assert.deepEqual(owner, { ...IDENTITY, ...unknown, container: 'app', resource: RESOURCE, source: 'kubelet' });
});

test('a claim tells pod and interface; its network has the name that the annotation gives', () => {
  const known = claims([held('upf-0', 'vf-a', 'net1')], { 'vf-a': VF });
  const unnamed = ownerOf({ pods: [pod('upf-0')], claims: known });
  assert.deepEqual(unnamed, {
    ...IDENTITY,
    interface: 'net1',
    network: '',
    nadNamespace: '',
    source: 'resource-claim',
  });
  const named = ownerOf({ pods: [pod('upf-0', { status: [network('telco/sriov-net1', 'net1')] })], claims: known });
  assert.deepEqual(named, { ...IDENTITY, ...ROLE, source: 'resource-claim' });
});

test('the network of an interface that is another device is not that of the VF', () => {
  const known = claims([held('upf-0', 'vf-a', 'net1')], { 'vf-a': VF });
  const owner = ownerOf({ pods: [pod('upf-0', { status: [network('telco/other', 'net1', VF2)] })], claims: known });
  assert.deepEqual([owner?.interface, owner?.network], ['net1', '']);
});

test('the same pod told three ways has the same labels', () => {
  const pods = [pod('upf-0', { status: [NET1] })];
  const known = claims([held('upf-0', 'vf-a', 'net1')], { 'vf-a': VF });
  const dynamic = { namespace: 'telco', name: 'upf-0-vf', devices: [claimedDevice('vf-a')] };
  const ways: Partial<OwnersInput>[] = [
    { pods },
    { pods, claims: known },
    { pods, allocations: [allocated('upf-0', [VF])] },
    { pods, claims: known, allocations: [allocated('upf-0', [], { claims: [dynamic] })] },
    { pods, claims: known, allocations: [allocated('upf-0', [VF])] },
    // without a device in the annotation, the claim tells it
    { pods: [pod('upf-0', { status: [network('telco/sriov-net1', 'net1')] })], claims: known },
  ];
  const owners = ways.map((way) => ownerOf(way));
  for (const owner of owners) {
    const { source: _source, container: _container, resource: _resource, ...labels } = owner ?? assert.fail('no owner');
    assert.deepEqual(labels, { ...IDENTITY, ...ROLE });
  }
  assert.deepEqual(
    owners.map((owner) => owner?.source),
    ['network-status', 'resource-claim', 'kubelet', 'kubelet', 'kubelet', 'resource-claim'],
  );
});

test('a tenant who writes the VF of another pod into its annotation does not get it', () => {
  const pods = [pod('mallory', { status: [NET1] }), pod('upf-0')];
  const known = claims([held('upf-0', 'vf-a')], { 'vf-a': VF });
  for (const input of [{ allocations: [allocated('upf-0', [VF])] }, { claims: known }]) {
    const { owners, conflicts } = resolve({ pods, ...input });
    const { pod: name, interface: interfaceName, network: networkName } = owners.get(VF) ?? assert.fail('no owner');
    // and what it calls the VF is not what the VF is called in the pod that has it
    assert.deepEqual([name, interfaceName, networkName], ['upf-0', undefined, '']);
    assert.deepEqual(conflicts, []);
  }
});

test('a claim does not take a VF that the kubelet gives to another pod', () => {
  const known = claims([held('other', 'vf-a', 'net9')], { 'vf-a': VF });
  const owner = ownerOf({ pods: [pod('upf-0'), pod('other')], allocations: [allocated('upf-0', [VF])], claims: known });
  assert.deepEqual([owner?.pod, owner?.interface], ['upf-0', undefined]);
});

test('two living pods that the same source names have nothing of it', () => {
  const pods = [pod('a', { status: [NET1] }), pod('b', { status: [NET1] })];
  const expected = (source: string) => [[VF, source, 'uid-a', 'uid-b']];
  const told = (conflicts: readonly OwnerConflict[]) =>
    conflicts.map(({ pciAddress, source, claimants }) => [pciAddress, source, ...claimants.map((one) => one.podUid)]);
  const byStatus = resolve({ pods });
  assert.deepEqual([byStatus.owners.size, told(byStatus.conflicts)], [0, expected('network-status')]);
  const shared = claims([held('a', 'vf-a'), held('b', 'vf-a')], { 'vf-a': VF });
  const byClaims = resolve({ pods, claims: shared });
  assert.deepEqual([byClaims.owners.size, told(byClaims.conflicts)], [0, expected('resource-claim')]);
  // also where a source below would tell one of them
  const allocations = [allocated('a', [VF]), allocated('b', [VF])];
  const byKubelet = resolve({ pods, allocations, claims: claims([held('a', 'vf-a')], { 'vf-a': VF }) });
  assert.deepEqual([byKubelet.owners.size, told(byKubelet.conflicts)], [0, expected('kubelet')]);
});

test('of two pods that the annotation names the kubelet knows which', () => {
  const pods = [pod('a', { status: [NET1] }), pod('b', { status: [NET1] })];
  const { owners, conflicts } = resolve({ pods, allocations: [allocated('b', [VF])] });
  assert.deepEqual([owners.get(VF)?.pod, conflicts], ['b', []]);
});

// kubernetes issues 119423 and 132020
test('a pod that has ended has nothing, also where the kubelet still lists it', () => {
  for (const phase of ['Succeeded', 'Failed']) {
    const done = pod('done', { phase, status: [NET1] });
    const allocations = [allocated('done', [VF])];
    const known = claims([held('done', 'vf-a')], { 'vf-a': VF });
    assert.equal(ownerOf({ pods: [done], allocations, claims: known }), undefined);
    const next = resolve({ pods: [done, pod('next')], allocations: [...allocations, allocated('next', [VF])] });
    assert.deepEqual([next.owners.get(VF)?.pod, next.conflicts], ['next', []]);
    const byStatus = ownerOf({ pods: [done, pod('next', { status: [NET1] })], allocations });
    assert.deepEqual([byStatus?.pod, byStatus?.source], ['next', 'network-status']);
  }
});

test('a pod that is being deleted has its VF until the kubelet gives it to another', () => {
  const leaving = pod('leaving', { status: [NET1], metadata: { deletionTimestamp: '2026-11-21T00:00:00Z' } });
  assert.equal(ownerOf({ pods: [leaving], allocations: [allocated('leaving', [VF])] })?.pod, 'leaving');
  assert.equal(ownerOf({ pods: [leaving] })?.pod, 'leaving');
  const pods = [leaving, pod('next', { status: [NET1] })];
  assert.equal(ownerOf({ pods, allocations: [allocated('next', [VF])] })?.pod, 'next');
});

test('a pod that was made again under the same name is the one that the list has', () => {
  const again = pod('upf-0', { metadata: { uid: 'uid-second' } });
  assert.equal(ownerOf({ pods: [again], allocations: [allocated('upf-0', [VF])] })?.podUid, 'uid-second');
  // the first one ended, and is still listed beside it
  const first = pod('upf-0', { phase: 'Failed' });
  assert.equal(ownerOf({ pods: [first, again], allocations: [allocated('upf-0', [VF])] })?.podUid, 'uid-second');
  // which no sound list has
  const both = resolve({ pods: [pod('upf-0'), again], allocations: [allocated('upf-0', [VF])] });
  assert.deepEqual([both.owners.size, both.conflicts.length], [0, 1]);
  // a claim that was reserved for the first is not that of the second
  assert.equal(ownerOf({ pods: [again], claims: claims([held('upf-0', 'vf-a')], { 'vf-a': VF }) }), undefined);
});

test('a static pod is known by the uid of its mirror', () => {
  const hash = '81cdabfc720501d9e81b425b15921b4d';
  const annotations = { 'kubernetes.io/config.hash': hash, 'kubernetes.io/config.mirror': hash };
  const mirror = pod('router-node-a', { metadata: { annotations } });
  const owner = ownerOf({ pods: [mirror], allocations: [allocated('router-node-a', [VF])] });
  assert.deepEqual([owner?.podUid, owner?.pod], ['uid-router-node-a', 'router-node-a']);
});

test('what the kubelet gives to a pod that is not listed nobody has', () => {
  const pods = [pod('mallory', { status: [NET1] })];
  const { owners, conflicts } = resolve({ pods, allocations: [allocated('soon', [VF])] });
  assert.deepEqual([owners.size, conflicts], [0, []]);
});

test('without a list of pods the kubelet names them, without their uids', () => {
  const allocations = [allocated('upf-0', [VF])];
  const owner = ownerOf({ arePodsListed: false, allocations });
  const expected = {
    namespace: 'telco',
    pod: 'upf-0',
    network: '',
    nadNamespace: '',
    container: 'app',
    resource: RESOURCE,
  };
  assert.deepEqual(owner, { ...expected, source: 'kubelet' });
  const twice = resolve({ arePodsListed: false, allocations: [...allocations, allocated('b', [VF])] });
  assert.deepEqual([twice.owners.size, twice.conflicts.length], [0, 1]);
});

test('a device of DRA that the kubelet lists is known by its slice, else by its name', () => {
  const list = (device: string) => [
    allocated('upf-0', [], { claims: [{ namespace: 'telco', name: 'c', devices: [claimedDevice(device)] }] }),
  ];
  const pods = [pod('upf-0')];
  assert.equal(ownerOf({ pods, allocations: list('vf-a'), claims: claims([], { 'vf-a': VF }) })?.container, 'app');
  assert.equal(ownerOf({ pods, allocations: list('0000-3b-02-1') })?.source, 'kubelet');
  // the slice is right where the two disagree
  const slices = claims([], { '0000-3b-02-1': VF2 });
  assert.deepEqual([...resolve({ pods, allocations: list('0000-3b-02-1'), claims: slices }).owners.keys()], [VF2]);
  assert.equal(ownerOf({ pods, allocations: list('vf-a') }), undefined);
  assert.equal(ownerOf({ arePodsListed: false, allocations: list('0000-3b-02-1') })?.podUid, undefined);
});

// KEP-5018: a monitor of the devices holds none of them.
test('a claim with administrative access has no device', () => {
  const device = claimedDevice('vf-a');
  const monitor = { namespace: 'telco', name: 'all-vfs', devices: [device] };
  const known: KnownClaims = {
    ...claims([held('upf-0', 'vf-a')], { 'vf-a': VF }),
    watched: [{ ...device, namespace: 'telco', claim: 'all-vfs' }],
  };
  const allocations = [
    allocated('monitor', [], { claims: [monitor] }),
    allocated('upf-0', [], { claims: [{ ...monitor, name: 'upf-0-vf' }] }),
  ];
  const { owners, conflicts } = resolve({ pods: [pod('upf-0'), pod('monitor')], allocations, claims: known });
  assert.deepEqual([owners.get(VF)?.pod, conflicts], ['upf-0', []]);
});

test('the device behind a vDPA device is told, in upper case, too', () => {
  const status = [network('telco/vdpa-net', 'net1', VF.toUpperCase(), 'vdpa')];
  assert.equal(ownerOf({ pods: [pod('upf-0', { status })] })?.network, 'vdpa-net');
});

test('a device that an entry without an interface tells has its network and no interface', () => {
  const status = [network('telco/dpdk-net', undefined, VFIO), network('telco/sriov-net1', 'net1', VF)];
  const pods = [pod('upf-0', { status })];
  const allocations = [allocated('upf-0', [VFIO, VF])];
  const dpdk = ownerOf({ pods, allocations }, VFIO);
  assert.deepEqual([dpdk?.network, dpdk?.nadNamespace, 'interface' in (dpdk ?? {})], ['dpdk-net', 'telco', false]);
  assert.equal(ownerOf({ pods, allocations })?.interface, 'net1');
});

test('entries of one pod that disagree about a device name no network', () => {
  const disagreeing = [network('telco/a', undefined, VF), network('telco/b', undefined, VF)];
  const owner = ownerOf({ pods: [pod('upf-0', { status: disagreeing })] });
  assert.deepEqual([owner?.pod, owner?.network], ['upf-0', '']);
  const repeated = [network('telco/a', undefined, VF), network('telco/a', undefined, VF)];
  assert.equal(ownerOf({ pods: [pod('upf-0', { status: repeated })] })?.network, 'a');
});

test('VFs of one pod on the same network are told apart by their addresses', () => {
  const status = [NET1, network('telco/sriov-net1', 'net2', VF2)];
  const { owners } = resolve({ pods: [pod('upf-0', { status })], allocations: [allocated('upf-0', [VF, VF2])] });
  assert.deepEqual(
    [VF, VF2].map((address) => [owners.get(address)?.interface, owners.get(address)?.network]),
    [
      ['net1', 'sriov-net1'],
      ['net2', 'sriov-net1'],
    ],
  );
});

test('of two containers that share a VF the first names it', () => {
  const allocations = [
    allocated('upf-0', [VF], { container: 'dataplane' }),
    allocated('upf-0', [VF], { container: 'side' }),
  ];
  const { owners, conflicts } = resolve({ pods: [pod('upf-0')], allocations });
  assert.deepEqual([owners.get(VF)?.container, conflicts], ['dataplane', []]);
});

test('a pod on the host network has what the kubelet gives it, and no interface', () => {
  const hosted = pod('dpdk', { spec: { hostNetwork: true }, status: [NET1] });
  const known = claims([held('dpdk', 'vf-a', 'net1')], { 'vf-a': VF });
  const owner = ownerOf({ pods: [hosted], allocations: [allocated('dpdk', [VF])], claims: known });
  assert.deepEqual([owner?.pod, owner?.interface, owner?.network], ['dpdk', undefined, '']);
  // no CNI was called for it: its annotation is somebody's invention
  assert.equal(ownerOf({ pods: [hosted] }), undefined);
});

test('what is no VF of this node has no owner', () => {
  const elsewhere = '0000:af:00.3';
  const pods = [pod('upf-0', { status: [network('telco/x', 'net1', elsewhere)] })];
  const allocations = [allocated('upf-0', ['mlx5_core.sf.4', elsewhere, 'gpu-0'])];
  assert.equal(resolve({ pods, allocations }).owners.size, 0);
});

test('names spell the address of their device, or do not', () => {
  const names = ['0000-3b-02-1', 'pci-0000-3b-02-1', '0000-3b-02-9', '0000-3B-02-1', 'vf-0000-3b-02-1', '3b-02-1', ''];
  assert.deepEqual(names.map(spelledPciAddress), [VF, VF, ...Array<undefined>(5).fill(undefined)]);
});
