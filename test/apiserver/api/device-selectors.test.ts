// Interfaces chosen by the device behind them: its VF by the node's report, what it was allocated as by the owner of the VF.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualFunctionReport } from '../../../openapi/device-report.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import type { Status } from '../../../openapi/kubernetes.js';
import type { Explanation } from '../../../openapi/podnet-api.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { apiPod, createTestCluster } from '../../support/cluster.js';
import { freeVf, net1, ownerReport, pfReport, vfReport } from '../../support/device-reports.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const METRIC = 'network_receive_bytes_per_second';
const EXTERNAL = `/apis/external.metrics.k8s.io/v1beta1/namespaces/default/${METRIC}`;

/** web-0: eth0 at 1, net1 on VF 3 at 10. web-1: eth0 at 100, net1 on VF 4 of another PF, without a NUMA node, at 1000. */
function pods(second: number) {
  const eth0 = (rate: number) => interfaceReport({ readings: [readingOf(rate * second)] });
  return [
    podReport({ interfaces: [eth0(1), net1(10 * second)] }),
    podReport({
      ...{ name: 'web-1', uid: 'uid-web-1' },
      interfaces: [eth0(100), net1(1_000 * second, { pciAddress: '0000:01:10.4' })],
    }),
  ];
}

function secondVf(): VirtualFunctionReport {
  const { numaNode: _, ...vf } = freeVf({ pf: 'ens1f1' });
  const owner = ownerReport({ podUid: 'uid-web-1', pod: 'web-1', container: 'side.car', resource: 'vendor.com/rdma' });
  return { ...vf, owner };
}

const KNOWN = { physicalFunctions: [pfReport()], virtualFunctions: [vfReport(), secondVf()] };

async function serverWith(devices: Partial<NodeReport> = KNOWN, server = createTestServer()): Promise<TestServer> {
  for (const second of [1, 2]) {
    const { statusCode, text } = await server.push(nodeReport(second * 1_000, { pods: pods(second), ...devices }));
    assert.equal(statusCode, 200, text);
    server.clock.advance(1_000);
  }
  return server;
}

async function valuesOf(server: TestServer, metricLabelSelector: string): Promise<string> {
  const { statusCode, body } = await server.get(metricPath('*', METRIC, { metricLabelSelector }));
  assert.equal(statusCode, 200, body.message);
  return body.items.map(({ describedObject, value }) => `${describedObject.name}=${value}`).join(' ');
}

/** The sum over the namespace, or why there is none. */
async function sumOf(server: TestServer, labelSelector: string): Promise<string> {
  const { statusCode, body } = await server.get(`${EXTERNAL}?${new URLSearchParams({ labelSelector }).toString()}`);
  return statusCode === 200 ? body.items.map(({ value }) => value).join() : (body.message.split(': ').at(-1) ?? '');
}

const SELECTED: readonly (readonly [string, string])[] = [
  ['pf=ens1f0', 'web-0=10'],
  ['pf=ens1f0,vf=3', 'web-0=10'],
  ['pf=ens1f0,vf=4', ''],
  ['vf in (3,4)', 'web-0=10 web-1=1k'],
  ['vf>3', 'web-1=1k'],
  ['pci_address=0000_01_10.3', 'web-0=10'],
  ['numa_node=1', 'web-0=10'],
  ['numa_node=0', ''],
  ['resource=openshift.io_inteldpdk', 'web-0=10'],
  ['container=side.car', 'web-1=1k'],
  ['pf', 'web-0=10 web-1=1k'],
  ['!pf', 'web-0=1 web-1=100'],
  ['pf!=ens1f0', 'web-0=1 web-1=1100'],
  ['!numa_node', 'web-0=1 web-1=1100'],
  ['pf notin (ens1f0),network=sriov', 'web-1=1k'],
  ['network=sriov,resource=openshift.io_inteldpdk,window=1s', 'web-0=10'],
];
for (const [selector, expected] of SELECTED) {
  test(`${selector} selects ${expected === '' ? 'nothing' : expected}`, async () => {
    assert.equal(await valuesOf(await serverWith(), selector), expected);
  });
}

test('a sum over a device is a sum over its interfaces', async () => {
  const server = await serverWith();
  assert.equal(await sumOf(server, 'vf in (3,4)'), '1010');
  assert.equal(await sumOf(server, 'resource=vendor.com_rdma'), '1k');
  assert.equal(await sumOf(server, 'resource=none'), 'no pod of it has traffic of its own');
});

test('while an agent that was started again does not know its VFs, those reported last are chosen by', async () => {
  const server = await serverWith();
  const restarted = { instance: { id: 'b', startedAt: 2_500 }, sequence: 1 };
  await server.push(nodeReport(3_000, { ...restarted, samples: [{ sequence: 1, takenAt: 3_000 }], pods: pods(3) }));
  assert.equal(await sumOf(server, 'pf=ens1f0'), '10');
});

test('where nobody tells of the VFs a sum is absent, not too small', async () => {
  const server = await serverWith({});
  assert.equal(await sumOf(server, 'pf=ens1f0'), '0 of 2 pods have samples');
  assert.equal(await sumOf(server, 'pf!=ens1f0'), '0 of 2 pods have samples');
  assert.equal(
    await sumOf(server, 'resource=openshift.io_inteldpdk,network=other'),
    'no pod of it has traffic of its own',
  );
  assert.equal(await sumOf(server, 'pci_address=0000_01_10.3'), '10');
  assert.equal(await sumOf(server, 'network=sriov'), '1010');
  const { body } = await server.get<Status>(metricPath('web-0', METRIC, { metricLabelSelector: 'vf=3' }));
  assert.match(body.message, /: nobody tells which virtual function its interface is, or what it was allocated as$/);
});

test('a VF that had to be left out of the report may be the one that is chosen', async () => {
  const bad = { ...secondVf(), mac: 'none' };
  const server = await serverWith({ virtualFunctions: [vfReport(), bad] });
  assert.equal(await valuesOf(server, 'pf=ens1f0'), 'web-0=10');
  assert.equal(await sumOf(server, 'pf=ens1f0'), '1 of 2 pods have samples');
});

test('an interface may be the VF that its pod has, where nobody tells which one is', async () => {
  const untold = (second: number) =>
    pods(second).map((pod) => ({
      ...pod,
      interfaces: (pod.interfaces ?? []).map(({ pciAddress: _, ...one }) =>
        one.name === 'eth0' ? { ...one, hostInterface: 'veth7' } : one,
      ),
    }));
  const server = createTestServer();
  for (const second of [1, 2]) {
    await server.push(nodeReport(second * 1_000, { pods: untold(second), ...KNOWN }));
    server.clock.advance(1_000);
  }
  for (const selector of ['pf=ens1f0', 'resource!=vendor.com_rdma', 'pci_address=0000_01_10.3', '!vf']) {
    assert.equal(await sumOf(server, selector), '0 of 2 pods have samples', selector);
  }
  assert.equal(await sumOf(server, '!vf,interface=eth0'), '101', 'one end of a pair is no VF');
  assert.equal(await sumOf(server, 'network=sriov'), '1010');
});

test('an address that is none of the VFs has no labels of one', async () => {
  const server = await serverWith({ virtualFunctions: [vfReport()] });
  assert.equal(await sumOf(server, 'pf=ens1f0'), '10');
  assert.equal(await valuesOf(server, '!pf'), 'web-0=1 web-1=1100');
});

for (const source of ['network-status', 'resource-claim'] as const) {
  test(`what the kubelet was not asked about is not known, where ${source} has the owner`, async () => {
    const { container: _c, resource: _r, ...owner } = ownerReport({ source });
    const server = await serverWith({ virtualFunctions: [vfReport({ owner }), secondVf()] });
    assert.equal(await sumOf(server, 'resource=vendor.com_rdma'), '1 of 2 pods have samples');
    assert.equal(await sumOf(server, 'container=side.car'), '1 of 2 pods have samples');
    assert.equal(await sumOf(server, 'container!=side.car,pf'), '0 of 1 pods have samples');
    assert.equal(await sumOf(server, 'pf=ens1f0'), '10');
  });
}

test('what DRA gave to a container has no resource, by the kubelet', async () => {
  const { resource: _, ...owner } = ownerReport();
  const server = await serverWith({ virtualFunctions: [vfReport({ owner }), secondVf()] });
  assert.equal(await sumOf(server, 'resource=vendor.com_rdma'), '1k');
  assert.equal(await sumOf(server, 'container=app'), '10');
});

test('a VF that another pod has tells nothing of this one', async () => {
  const owner = ownerReport({ podUid: 'uid-web-1', pod: 'web-1' });
  const server = await serverWith({ virtualFunctions: [vfReport({ owner }), secondVf()] });
  assert.equal(await valuesOf(server, 'resource=openshift.io_inteldpdk'), '');
  assert.equal(await sumOf(server, 'resource=openshift.io_inteldpdk'), '0 of 2 pods have samples');
});

test('a pod that nobody reports could have a device if it is on a network of its own', async () => {
  const listed = (networks: string[]) =>
    createTestCluster([
      apiPod(),
      apiPod({ name: 'web-1', uid: 'uid-web-1' }),
      apiPod({ name: 'new', uid: 'new', networks }),
    ]);
  const onNad = await serverWith(KNOWN, createTestServer({ cluster: listed(['cbr0', 'telco/sriov']) }));
  assert.equal(await sumOf(onNad, 'pf=ens1f0'), '1 of 2 pods have samples');
  assert.equal(await sumOf(onNad, 'pf=ens1f0,network=other'), 'no pod of it has traffic of its own');
  const plain = await serverWith(KNOWN, createTestServer({ cluster: listed(['cbr0']) }));
  assert.equal(await sumOf(plain, 'pf=ens1f0'), '10');
  assert.equal(await sumOf(plain, '!pf'), '2 of 3 pods have samples');
});

test('of a network a device is no total', async () => {
  const server = await serverWith();
  const url = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/telco/network-attachment-definitions.k8s.cni.cncf.io/sriov/${METRIC}`;
  assert.equal((await server.get(url)).body.items[0]?.value, '1010');
  const { statusCode } = await server.get(`${url}?metricLabelSelector=pf%3Dens1f0`);
  assert.equal(statusCode, 403);
});

test('what a pod counts as a whole is not chosen by a device', async () => {
  const server = await serverWith();
  const path = metricPath('web-0', 'network_tcp_retransmitted_segments_per_second', {
    metricLabelSelector: 'pf=ens1f0',
  });
  const { statusCode, body } = await server.get<Status>(path);
  assert.equal(statusCode, 404);
  assert.match(body.message, /by pf: it is counted of a pod as a whole/);
});

test('explain tells which interface a device selects, and which nobody can tell', async () => {
  const explained = async (server: TestServer) => {
    const url = `/apis/podnet.dev/v1alpha1/namespaces/default/explain/${METRIC}?metricLabelSelector=vf%3D3`;
    const { body } = await server.get<Explanation>(url);
    return body.pods.flatMap(({ name, reason, interfaces }) => [
      `${name}: ${reason ?? 'value'}`,
      ...interfaces.map((one) => `${one.name}: ${one.reason ?? one.value ?? ''}`),
    ]);
  };
  assert.deepEqual(await explained(await serverWith()), [
    ...['web-0: value', 'eth0: not_selected', 'net1: 10'],
    ...['web-1: no_such_series', 'eth0: not_selected', 'net1: not_selected'],
  ]);
  assert.deepEqual(await explained(await serverWith({})), [
    ...['web-0: device_unknown', 'eth0: not_selected', 'net1: device_unknown'],
    ...['web-1: device_unknown', 'eth0: not_selected', 'net1: device_unknown'],
  ]);
});
