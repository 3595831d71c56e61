import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE_FAMILIES } from '../../metrics/catalogue.js';
import { DEVICE_FAMILIES } from '../../metrics/device-families.js';
import { podLabel } from '../../metrics/labels.js';
import { renderNode, type NodeView, type PodDescription } from '../../metrics/node-families.js';
import type { VirtualFunctionReport } from '../../openapi/device-report.js';
import { countersFrom, devicesView, ownerOf, virtualFunction } from '../support/device-view.js';

const POD: PodDescription = { namespace: 'a', name: 'dpdk', uid: 'u1', labels: { app: 'upf' }, hostNetwork: false };

function viewOf(...virtualFunctions: readonly VirtualFunctionReport[]): NodeView {
  const devices = { physicalFunctions: [], virtualFunctions, cpus: [] };
  return { node: 'n1', pods: [{ meta: POD, interfaces: [] }], devices };
}

function linesOf(view: NodeView, family: string, labels: readonly string[] = []): string[] {
  const text = renderNode(view, labels.map(podLabel))[NODE_FAMILIES.findIndex(({ name }) => name === family)] ?? '';
  return text.split('\n').filter((line) => line !== '');
}

const OWNER =
  'node="n1",namespace="a",pod="dpdk",interface="net1",network="n3",nad_namespace="telco",container="web",resource="openshift.io/inteldpdk"';
const NOBODY = 'node="n1",namespace="",pod="",interface="",network="",nad_namespace="",container="",resource=""';
const VF = 'pf="ens1f0",vf="1",pci_address="0000:3b:02.1",numa_node=""';

// Fault of sriov-network-metrics-exporter: who has a VF is in another family, whose labels do not tell the node.
test('a VF that a pod has counts with all labels joined', () => {
  const view = viewOf(virtualFunction(1, { owner: ownerOf(POD), counted: countersFrom(5) }));
  const families = DEVICE_FAMILIES.filter(({ name }) => /^podnet_vf_(receive|transmit)_/.test(name));
  assert.deepEqual(
    families.flatMap(({ name }) => linesOf(view, name)),
    families.map(({ name }, i) => `${name}{${OWNER},${VF}} ${5 + i}`),
  );
  assert.equal(families.length, 13);
});

// Fault of sriov-network-metrics-exporter: a VF whose driver does not count has false zeros.
test('a counter of a VF that is not known has no line', () => {
  const view = viewOf(virtualFunction(1, { owner: ownerOf(POD), counted: { receiveBytes: 0 } }));
  assert.deepEqual(linesOf(view, 'podnet_vf_receive_bytes_total'), [`podnet_vf_receive_bytes_total{${OWNER},${VF}} 0`]);
  assert.deepEqual(linesOf(view, 'podnet_vf_transmit_bytes_total'), []);
});

test('what no pod can be credited with has the labels of no pod', () => {
  const view = viewOf(virtualFunction(1, { owner: ownerOf(POD), unattributed: { transmitPackets: 3 } }));
  assert.deepEqual(linesOf(view, 'podnet_vf_unattributed_transmit_packets_total'), [
    `podnet_vf_unattributed_transmit_packets_total{node="n1",${VF}} 3`,
  ]);
});

test('counts that nobody has, or of an older sample, have no line', () => {
  const counts = { counted: countersFrom(1), unattributed: countersFrom(1) };
  const old = virtualFunction(2, { owner: ownerOf(POD), ...counts, isCurrent: false });
  const text = renderNode(viewOf(old)).join('');
  assert.doesNotMatch(text, /_total/);
  assert.match(text, /^podnet_vf_info\{/m);
  assert.deepEqual(
    linesOf(viewOf(virtualFunction(1, { counted: countersFrom(1) })), 'podnet_vf_receive_bytes_total'),
    [],
  );
});

test('a VF is told with its settings; what is not known is empty', () => {
  const known = virtualFunction(1, {
    ...{ owner: ownerOf(POD), driver: 'vfio-pci', mac: '02:00:00:00:00:01', vlan: 0, linkState: 'enable' },
    ...{ spoofCheck: true, trust: false, minTransmitRateMbps: 0, maxTransmitRateMbps: 100 },
  });
  const empty = 'driver="",mac="",vlan="",link_state="",spoof_check="",trust=""';
  assert.deepEqual(linesOf(viewOf(known), 'podnet_vf_info'), [
    `podnet_vf_info{${OWNER},${VF},driver="vfio-pci",mac="02:00:00:00:00:01",vlan="0",link_state="enable",spoof_check="true",trust="false",min_transmit_rate_mbps="0",max_transmit_rate_mbps="100",owner_source="kubelet"} 1`,
  ]);
  assert.deepEqual(linesOf(viewOf(virtualFunction(1)), 'podnet_vf_info'), [
    `podnet_vf_info{${NOBODY},${VF},${empty},min_transmit_rate_mbps="",max_transmit_rate_mbps="",owner_source=""} 1`,
  ]);
});

test('a PF tells where the counters of its VFs come from, or why there are none', () => {
  const view: NodeView = { node: 'n1', pods: [], devices: devicesView(POD) };
  const labels = [
    'node="n1",pf="ens1f0",pci_address="0000:3b:00.0",numa_node="0"',
    'node="n1",pf="ib0",pci_address="0000:5e:00.0",numa_node=""',
  ] as const;
  assert.deepEqual(linesOf(view, 'podnet_pf_info'), [
    `podnet_pf_info{${labels[0]},driver="ice",link_layer="ethernet",counter_source="rtnetlink",reason=""} 1`,
    `podnet_pf_info{${labels[1]},driver="",link_layer="infiniband",counter_source="",reason="no_source"} 1`,
  ]);
  assert.deepEqual(linesOf(view, 'podnet_pf_virtual_functions'), [
    `podnet_pf_virtual_functions{${labels[0]}} 5`,
    `podnet_pf_virtual_functions{${labels[1]}} 0`,
  ]);
});

test('counters of an RDMA port are in the units of their families', () => {
  const counted = {
    'rdma/mlx5_2/1/port/port_rcv_data': 25,
    'rdma/mlx5_2/1/port/port_xmit_data': 50,
    'rdma/mlx5_2/1/port/port_rcv_packets': 3,
    'rdma/mlx5_2/1/port/port_xmit_packets': 4,
    'rdma/mlx5_2/1/port/port_rcv_errors': 5,
    'rdma/mlx5_2/1/port/port_xmit_discards': 6,
    'rdma/mlx5_2/1/port/symbol_error': 7,
    'rdma/mlx5_2/1/hw/out_of_sequence': 8,
    'rdma/mlx5_2/1/hw/port_rcv_data': 9,
    'rdma/mlx5_2/1': 10,
  };
  const view = viewOf(virtualFunction(1, { owner: ownerOf(POD), counted }));
  const rdma = DEVICE_FAMILIES.filter(({ name }) => name.startsWith('podnet_vf_rdma_'));
  const labels = `{${OWNER},${VF},rdma_device="mlx5_2",port="1"`;
  assert.deepEqual(
    rdma.flatMap(({ name }) => linesOf(view, name, ['app'])).map((line) => line.replace(labels, '')),
    [
      'podnet_vf_rdma_receive_bytes_total,label_app="upf"} 100',
      'podnet_vf_rdma_transmit_bytes_total,label_app="upf"} 200',
      'podnet_vf_rdma_receive_packets_total,label_app="upf"} 3',
      'podnet_vf_rdma_transmit_packets_total,label_app="upf"} 4',
      'podnet_vf_rdma_receive_errors_total,label_app="upf"} 5',
      'podnet_vf_rdma_transmit_packets_dropped_total,label_app="upf"} 6',
      'podnet_vf_rdma_port_counter_total,counter="symbol_error",label_app="upf"} 7',
      'podnet_vf_rdma_hw_counter_total,counter="out_of_sequence",label_app="upf"} 8',
      'podnet_vf_rdma_hw_counter_total,counter="port_rcv_data",label_app="upf"} 9',
    ],
  );
  assert.doesNotMatch(renderNode(viewOf(virtualFunction(1, { counted }))).join(''), /_rdma_/);
});

test('exclusive CPUs and whether they are aligned are told only where known', () => {
  const cpus = [
    { container: 'app', cpu: 3, numaNode: 0 },
    { container: 'app', cpu: 5 },
    { container: 'app', cpu: 5 },
  ];
  const viewWith = (parts: Partial<PodDescription>): NodeView => ({
    node: 'n1',
    pods: [{ meta: { ...POD, ...parts }, interfaces: [] }],
  });
  const pod = 'node="n1",namespace="a",pod="dpdk"';
  assert.deepEqual(linesOf(viewWith({ exclusiveCpus: cpus }), 'podnet_pod_cpu_info', ['app']), [
    `podnet_pod_cpu_info{${pod},container="app",cpu="3",numa_node="0",label_app="upf"} 1`,
    `podnet_pod_cpu_info{${pod},container="app",cpu="5",numa_node="",label_app="upf"} 1`,
  ]);
  const aligned = (numaAligned?: boolean) =>
    linesOf(viewWith(numaAligned === undefined ? {} : { numaAligned }), 'podnet_pod_numa_aligned');
  assert.deepEqual(aligned(true), [`podnet_pod_numa_aligned{${pod}} 1`]);
  assert.deepEqual(aligned(false), [`podnet_pod_numa_aligned{${pod}} 0`]);
  assert.deepEqual(aligned(), []);
});

test('chosen labels are those of the pod that has the VF, and of no other of its name', () => {
  const infoOf = (parts: Parameters<typeof ownerOf>[1]) =>
    linesOf(viewOf(virtualFunction(1, { owner: ownerOf(POD, parts) })), 'podnet_vf_info', ['app']).join('');
  const { podUid: _uid, ...unnamed } = ownerOf(POD);
  assert.match(infoOf({}), /owner_source="kubelet",label_app="upf"\} 1$/);
  assert.match(
    linesOf(viewOf(virtualFunction(1, { owner: unnamed })), 'podnet_vf_info', ['app']).join(''),
    /label_app="upf"/,
  );
  assert.doesNotMatch(infoOf({ podUid: 'u0' }), /label_app/);
  assert.doesNotMatch(infoOf({ pod: 'other' }), /label_app/);
});

test('a device that is there twice is told once', () => {
  const twice = virtualFunction(1, { owner: ownerOf(POD), counted: countersFrom(5) });
  assert.equal(linesOf(viewOf(twice, twice), 'podnet_vf_info').length, 1);
  assert.equal(linesOf(viewOf(twice, twice), 'podnet_vf_receive_bytes_total').length, 1);
});

test('a node on which nobody looks for devices has no lines of them', () => {
  const text = renderNode({ node: 'n1', pods: [{ meta: POD, interfaces: [] }] }).join('');
  assert.doesNotMatch(text, /podnet_(vf|pf|pod_cpu|pod_numa)_/);
});
