import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeAllocations } from '../../../nodeagent/podresources/decode.js';
import { POD_RESOURCES_LISTER } from '../../../nodeagent/podresources/messages.js';
import { definitionOf, type Message } from '../../support/grpc-server.js';

const LIST = definitionOf(POD_RESOURCES_LISTER)['List'];

function recorded(file: string): Buffer {
  return readFileSync(`test/fixtures/kubelet/${file}`);
}

function decodeBytes(bytes: Buffer) {
  return decodeAllocations(LIST?.responseDeserialize(bytes));
}

/** As the bytes of it read. */
function decode(...pods: readonly Message[]) {
  const { allocations, bad } = decodeBytes(LIST?.responseSerialize({ pod_resources: pods }) ?? Buffer.of());
  return { allocations, bad: Object.fromEntries(bad) };
}

/** One pod with one container that has what is said. */
function decodeContainer(container: Message) {
  const { allocations, bad } = decode({ name: 'a', namespace: 'x', containers: [{ name: 'c', ...container }] });
  return { ...allocations[0], bad };
}

/** A field that has a text, or other fields. */
function part(id: number, ...contents: readonly (string | Buffer)[]): Buffer {
  const content = Buffer.concat(contents.map((one) => (typeof one === 'string' ? Buffer.from(one) : one)));
  return Buffer.concat([Buffer.of((id << 3) | 2, content.length), content]);
}

const nothing = { devices: [], cpus: [], claims: [] };

test('what a kubelet answered is read whole', () => {
  const { allocations, bad } = decodeBytes(recorded('List.pb'));
  const inteldpdk = { resource: 'openshift.io/inteldpdk', numaNodes: [0] };
  assert.deepEqual(allocations, [
    {
      ...{ namespace: 'default', pod: 'netdev-client', container: 'app', cpus: [], claims: [] },
      devices: [{ resource: 'intel.com/sriov_netdevice', id: '0000:65:02.0', numaNodes: [1] }],
    },
    { namespace: 'default', pod: 'netdev-client', container: 'side', ...nothing },
    { namespace: 'default', pod: 'hostnet', container: 'c', ...nothing },
    {
      ...{ namespace: 'default', pod: 'dpdk-client', container: 'testpmd', cpus: [1], claims: [] },
      devices: [
        { ...inteldpdk, id: '0000:17:01.2' },
        { ...inteldpdk, id: '0000:17:01.3' },
        { resource: 'example.com/gpu', id: 'GPU-1234', numaNodes: [] },
      ],
    },
    { namespace: 'default', pod: 'web-5b8dd9f89-5j84t', container: 'c', ...nothing },
  ]);
  assert.deepEqual([...bad], []);
});

test('an answer to another question allocates nothing', () => {
  const { allocations, bad } = decodeBytes(recorded('GetAllocatableResources.pb'));
  assert.deepEqual(allocations, []);
  assert.deepEqual([...bad], [['pod', 7]]);
});

test('an answer that was cut is an error', () => {
  const bytes = recorded('List.pb');
  assert.throws(() => decodeBytes(bytes.subarray(0, bytes.length - 3)));
});

for (const value of [undefined, null, 'x', 7, [], {}, { pod_resources: 'x' }, { pod_resources: [] }]) {
  test(`${JSON.stringify(value)} allocates nothing`, () => {
    assert.deepEqual(decodeAllocations(value), { allocations: [], bad: new Map() });
  });
}

test('devices of a claim have driver, pool and name', () => {
  const { claims, bad } = decodeContainer({
    dynamic_resources: [
      {
        ...{ claim_name: 'vf-claim', claim_namespace: 'telco' },
        claim_resources: [
          { driver_name: 'sriovnetwork.k8snetworkplumbingwg.io', pool_name: 'worker-1', device_name: '0000-17-01-2' },
          { driver_name: 'dra.net', pool_name: 'nodes/worker-1', device_name: 'eth1' },
        ],
      },
    ],
  });
  assert.deepEqual(claims, [
    {
      ...{ namespace: 'telco', name: 'vf-claim' },
      devices: [
        { driver: 'sriovnetwork.k8snetworkplumbingwg.io', pool: 'worker-1', device: '0000-17-01-2' },
        { driver: 'dra.net', pool: 'nodes/worker-1', device: 'eth1' },
      ],
    },
  ]);
  assert.deepEqual(bad, {});
});

test('a claim of a kubelet that names no devices has none', () => {
  // CDI devices alone, and the class in field 1, before Kubernetes 1.31
  const device = part(1, part(1, 'v.com/c=d1'));
  const claim = [part(1, 'class'), part(2, 'cl'), part(3, 'x'), part(4, device)];
  const container = [part(1, 'c'), part(5, ...claim)];
  const bytes = part(1, part(1, 'a'), part(2, 'x'), part(3, ...container));
  const { allocations, bad } = decodeBytes(bytes);
  assert.deepEqual(allocations[0]?.claims, [{ namespace: 'x', name: 'cl', devices: [] }]);
  assert.equal(bad.size, 0);
});

test('a PCI address is one in any case and with white space', () => {
  const ids = ['0000:3B:0A.7', ' 0000:3b:0a.6\n', '0000:3b:0a.8', 'x0000:3b:0a.5', 'GPU-12Ab', '10000:01:00.0'];
  const { devices } = decodeContainer({ devices: [{ resource_name: 'a.b/c', device_ids: ids }] });
  assert.deepEqual(
    devices?.map(({ id }) => id),
    ['0000:3b:0a.7', '0000:3b:0a.6', '0000:3b:0a.8', 'x0000:3b:0a.5', 'GPU-12Ab', '10000:01:00.0'],
  );
});

test('a bad device costs itself', () => {
  const { devices, bad } = decodeContainer({
    devices: [
      { resource_name: 'a.b/c', device_ids: ['', 'x'.repeat(254), 'good'] },
      { resource_name: 'no name', device_ids: ['1', '2'] },
      { resource_name: '', device_ids: ['3'] },
      { resource_name: 'a.b/d', device_ids: [], topology: { nodes: [{ ID: 1 }] } },
      { resource_name: 'a.b/e', device_ids: ['4'], topology: {} },
    ],
  });
  assert.deepEqual(devices, [
    { resource: 'a.b/c', id: 'good', numaNodes: [] },
    { resource: 'a.b/e', id: '4', numaNodes: [] },
  ]);
  assert.deepEqual(bad, { device: 4 });
});

test('a NUMA node that is none is not known', () => {
  const nodes = [{ ID: 0 }, { ID: -1 }, { ID: 1_023 }, { ID: 1_024 }, {}];
  const { devices, bad } = decodeContainer({
    devices: [{ resource_name: 'a.b/c', device_ids: ['1'], topology: { nodes } }],
  });
  assert.deepEqual(devices?.[0]?.numaNodes, [0, 1_023, 0]);
  assert.deepEqual(bad, { numa_node: 2 });
});

test('a CPU that is none is left out', () => {
  const { cpus, bad } = decodeContainer({ cpu_ids: ['0', '-1', '65535', '65536', '9223372036854775807', '31'] });
  assert.deepEqual(cpus, [0, 65_535, 31]);
  assert.deepEqual(bad, { cpu: 3 });
});

test('a pod or a container without a good name costs itself', () => {
  const containers = [{ name: 'c' }];
  const { allocations, bad } = decode(
    { name: '', namespace: 'x', containers },
    { name: 'a/b', namespace: 'x', containers },
    { name: 'a', namespace: '', containers },
    { name: 'a', namespace: 'X', containers },
    { name: 'x'.repeat(254), namespace: 'x', containers },
    { name: 'a', namespace: 'x', containers: [{ name: '' }, { name: 'a\nb' }, { name: 'good' }] },
  );
  assert.deepEqual(allocations, [{ namespace: 'x', pod: 'a', container: 'good', ...nothing }]);
  assert.deepEqual(bad, { pod: 5, container: 2 });
});

test('a bad claim, or a bad device of it, costs itself', () => {
  const good = { driver_name: 'd', pool_name: 'p', device_name: 'v' };
  const { claims, bad } = decodeContainer({
    dynamic_resources: [
      { claim_name: '', claim_namespace: 'x', claim_resources: [good] },
      { claim_name: 'a', claim_namespace: '', claim_resources: [good] },
      {
        ...{ claim_name: 'b', claim_namespace: 'x' },
        claim_resources: [
          { ...good, driver_name: '' },
          { ...good, pool_name: 'a//b' },
          { ...good, pool_name: `${'a/'.repeat(126)}bc` },
          { ...good, device_name: 'a b' },
          good,
        ],
      },
    ],
  });
  assert.deepEqual(claims, [{ namespace: 'x', name: 'b', devices: [{ driver: 'd', pool: 'p', device: 'v' }] }]);
  assert.deepEqual(bad, { claim: 6 });
});

test('what is more than a node can have is left out', () => {
  const cpus = Array.from({ length: 40_000 }, () => 1);
  const { allocations, bad } = decode(
    ...['a', 'b', 'c'].map((name) => ({ name, namespace: 'x', containers: [{ name: 'c', cpu_ids: cpus }] })),
  );
  assert.deepEqual(
    allocations.map(({ pod, cpus: { length } }) => [pod, length]),
    [
      ['a', 40_000],
      ['b', 25_534],
    ],
  );
  assert.deepEqual(bad, { too_many: 14_467 });
});
