import { VF_COUNTERS, type VfCounter } from '../openapi/report-terms.js';
import type { MetricFamily } from './catalogue.js';
import { NODE_LABEL, POD_LABELS } from './labels.js';

/** Labels every series of a physical function has. */
export const PF_LABELS = ['pf', 'pci_address', 'numa_node'] as const;
/** Labels every series of a virtual function has, behind those of its owner. */
export const VF_LABELS = ['pf', 'vf', 'pci_address', 'numa_node'] as const;
/** What the owner of a VF adds; empty where nobody knows. */
export const OWNER_LABELS = [...POD_LABELS, 'interface', 'network', 'nad_namespace', 'container', 'resource'] as const;

/** A family of one of the counters of a VF. */
export interface VfCounterFamily extends MetricFamily {
  readonly counter: VfCounter;
}

const HELP: Readonly<Record<VfCounter, string>> = {
  receiveBytes: 'Bytes received by the VF',
  receivePackets: 'Packets received by the VF',
  receiveErrors: 'Packets that the VF failed to receive for an error',
  receivePacketsDropped: 'Packets dropped when the VF was to receive them',
  transmitBytes: 'Bytes transmitted by the VF',
  transmitPackets: 'Packets transmitted by the VF',
  transmitErrors: 'Packets that the VF failed to transmit for an error',
  transmitPacketsDropped: 'Packets dropped when the VF was to transmit them',
  receiveBroadcastPackets: 'Broadcast packets received by the VF',
  receiveMulticastPackets: 'Multicast packets received by the VF',
  transmitBroadcastPackets: 'Broadcast packets transmitted by the VF',
  transmitMulticastPackets: 'Multicast packets transmitted by the VF',
  transmitSpoofedPackets: 'Packets that the VF was not let transmit for their source address or VLAN',
};

function family(counter: VfCounter, prefix: string, help: string, labels: readonly string[]): VfCounterFamily {
  const what = counter.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const unit = /_(bytes|packets|errors)$/.exec(what)?.[1];
  return {
    ...{ counter, name: `${prefix}_${what}_total`, type: 'counter', help, labels, stability: 'alpha' },
    ...(unit !== undefined && { unit }),
  };
}

/** What a VF counted since its owner got it. */
export const VF_COUNTER_FAMILIES: readonly VfCounterFamily[] = VF_COUNTERS.map((counter) =>
  family(counter, 'podnet_vf', `${HELP[counter]} since the pod that has it got it.`, [...OWNER_LABELS, ...VF_LABELS]),
);

/** What a VF counted that no pod can be credited with. */
export const VF_UNATTRIBUTED_FAMILIES: readonly VfCounterFamily[] = VF_COUNTERS.map((counter) =>
  family(
    counter,
    'podnet_vf_unattributed',
    `${HELP[counter]} that no pod can be credited with: while none had it, or around a hand-over.`,
    [NODE_LABEL, ...VF_LABELS],
  ),
);

/** A family of counters of the RDMA devices of a VF. */
export interface RdmaFamily extends MetricFamily {
  /** Counters that it is of: those beside the port (`port`) or those of the device's own (`hw`), by their file in sysfs. */
  readonly kind: 'port' | 'hw';
  /** Without one: every file that no other family is of, its name in the label `counter`. */
  readonly file?: string;
  /** What the kernel counts in, in units of the family. */
  readonly factor: number;
}

/** What an RDMA device has of its own, behind what its VF and owner have. */
const RDMA_LABELS = [...OWNER_LABELS, ...VF_LABELS, 'rdma_device', 'port'] as const;

/** Octets that port_rcv_data and port_xmit_data count at once (Linux Documentation/ABI/stable/sysfs-class-infiniband). */
const OCTETS = 4;

function rdmaFamily(what: string, help: string, parts: Pick<RdmaFamily, 'kind'> & Partial<RdmaFamily>): RdmaFamily {
  return {
    ...{ name: `podnet_vf_rdma_${what}_total`, type: 'counter', factor: 1, labels: RDMA_LABELS, stability: 'alpha' },
    ...{ help: `${help}, since the pod that has the VF got it.`, ...parts },
  };
}

const port = (file: string) => ({ kind: 'port', file }) as const;
const OTHERS = { labels: [...RDMA_LABELS, 'counter'] };

/** What the RDMA devices of a VF counted since its owner got it. */
export const VF_RDMA_FAMILIES: readonly RdmaFamily[] = [
  rdmaFamily('receive_bytes', 'Bytes received by the RDMA port', {
    ...{ ...port('port_rcv_data'), unit: 'bytes', factor: OCTETS },
  }),
  rdmaFamily('transmit_bytes', 'Bytes transmitted by the RDMA port', {
    ...{ ...port('port_xmit_data'), unit: 'bytes', factor: OCTETS },
  }),
  rdmaFamily('receive_packets', 'Packets received by the RDMA port', { ...port('port_rcv_packets'), unit: 'packets' }),
  rdmaFamily('transmit_packets', 'Packets transmitted by the RDMA port', {
    ...{ ...port('port_xmit_packets'), unit: 'packets' },
  }),
  rdmaFamily('receive_errors', 'Packets with an error that the RDMA port received', {
    ...{ ...port('port_rcv_errors'), unit: 'errors' },
  }),
  rdmaFamily('transmit_packets_dropped', 'Packets that the RDMA port did not transmit: it is down or congested', {
    ...port('port_xmit_discards'),
  }),
  rdmaFamily('port_counter', 'Every other counter of the RDMA port, by its file in sysfs and in its own unit', {
    ...{ kind: 'port', ...OTHERS },
  }),
  rdmaFamily('hw_counter', 'Each counter of the hardware of the RDMA port, by its file in sysfs and in its own unit', {
    ...{ kind: 'hw', ...OTHERS },
  }),
];

export const VF_INFO: MetricFamily = {
  name: 'podnet_vf_info',
  type: 'info',
  help: 'Each SR-IOV virtual function: the pod that has it and who says so (kubelet, network-status or resource-claim), and how its PF has it set up. Always 1.',
  labels: [
    ...OWNER_LABELS,
    ...VF_LABELS,
    ...['driver', 'mac', 'vlan', 'link_state', 'spoof_check', 'trust'],
    ...['min_transmit_rate_mbps', 'max_transmit_rate_mbps', 'owner_source'],
  ],
  stability: 'alpha',
};

export const PF_INFO: MetricFamily = {
  name: 'podnet_pf_info',
  type: 'info',
  help: 'Each SR-IOV physical function: where the counters of its VFs come from (rtnetlink, sysfs or netdev), or the reason why they have none. Always 1.',
  labels: [NODE_LABEL, ...PF_LABELS, 'driver', 'link_layer', 'counter_source', 'reason'],
  stability: 'alpha',
};

export const PF_VIRTUAL_FUNCTIONS: MetricFamily = {
  name: 'podnet_pf_virtual_functions',
  type: 'gauge',
  help: 'Virtual functions that a physical function has.',
  labels: [NODE_LABEL, ...PF_LABELS],
  stability: 'alpha',
};

export const POD_CPU_INFO: MetricFamily = {
  name: 'podnet_pod_cpu_info',
  type: 'info',
  help: 'Each CPU that a container of a pod has to itself. Always 1.',
  labels: [...POD_LABELS, 'container', 'cpu', 'numa_node'],
  stability: 'alpha',
};

export const POD_NUMA_ALIGNED: MetricFamily = {
  name: 'podnet_pod_numa_aligned',
  type: 'gauge',
  help: 'Whether the exclusive CPUs of a pod and its VFs are all on one NUMA node. Absent where that cannot be told.',
  labels: POD_LABELS,
  stability: 'alpha',
};

export const DEVICE_FAMILIES: readonly MetricFamily[] = [
  ...VF_COUNTER_FAMILIES,
  ...VF_RDMA_FAMILIES,
  ...VF_UNATTRIBUTED_FAMILIES,
  VF_INFO,
  PF_INFO,
  PF_VIRTUAL_FUNCTIONS,
  POD_CPU_INFO,
  POD_NUMA_ALIGNED,
];
