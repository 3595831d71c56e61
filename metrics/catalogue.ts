import { INTERFACE_COUNTERS, type InterfaceCounter } from '../openapi/report-terms.js';
import { DEVICE_FAMILIES } from './device-families.js';
import { IPAM_FIGURES, IPAM_NODES } from './ipam/figures.js';
import { IPAM_FAMILIES } from './ipam/known-families.js';
import { INTERFACE_LABELS, NODE_LABEL, POD_LABELS } from './labels.js';
import { PROBE_FAMILIES } from './probe-families.js';
import { TRANSPORT_FAMILIES, TRANSPORT_RATE_FAMILIES } from './transport-families.js';
import { WORKLOAD_TRANSPORT_FAMILIES, workloadNetworkFamily, type WorkloadFamily } from './workload-families.js';

/** One metric family: all that a scrape, an HPA and the documentation need to know of it. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'info' | 'histogram' | 'summary' | 'unknown';
  readonly help: string;
  /** OpenMetrics unit; the name ends in it (before `_total`). */
  readonly unit?: string;
  /** Label names in the order they are printed. */
  readonly labels: readonly string[];
  readonly stability: 'alpha' | 'stable';
}

/** What counts: each interface of a pod, or the network stack of the pod, which knows no interfaces. */
export type RateLevel = 'interface' | 'pod';

/** A family of counters, and the rate of it that the HPA can ask for. */
export interface RateFamily extends MetricFamily {
  readonly level: RateLevel;
  /** Column of the counter in a reading of its level. */
  readonly column: number;
  /** Name on custom.metrics.k8s.io. */
  readonly rateName: string;
  readonly rateHelp: string;
}

/** A family of one of the eight interface counters. */
export interface InterfaceCounterFamily extends RateFamily {
  readonly counter: InterfaceCounter;
}

type Direction = 'receive' | 'transmit';
/** What is counted, by the end of the counter's name. */
const WHAT_HELP = {
  bytes: (verb: Direction) => `Bytes ${verb === 'receive' ? 'received' : 'transmitted'} by the pod`,
  packets: (verb: Direction) => `Packets ${verb === 'receive' ? 'received' : 'transmitted'} by the pod`,
  errors: (verb: Direction) => `Packets that the pod failed to ${verb} for an error`,
  packets_dropped: (verb: Direction) => `Packets dropped when the pod was to ${verb} them`,
} as const;

function interfaceCounterFamily(counter: InterfaceCounter, column: number): InterfaceCounterFamily {
  const [direction, ...rest] = counter.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).split('_');
  const what = rest.join('_');
  if ((direction !== 'receive' && direction !== 'transmit') || !isWhat(what))
    throw new TypeError(`no family for ${counter}`);
  const said = WHAT_HELP[what](direction);
  return {
    counter,
    column,
    name: `podnet_interface_${direction}_${what}_total`,
    type: 'counter',
    help: `${said}, on one of its interfaces.`,
    ...(what !== 'packets_dropped' && { unit: what }),
    labels: INTERFACE_LABELS,
    stability: 'alpha',
    level: 'interface',
    rateName: `network_${direction}_${what}_per_second`,
    rateHelp: `${said}, per second: the sum over the interfaces selected, each traffic counted once.`,
  };
}

function isWhat(what: string): what is keyof typeof WHAT_HELP {
  return Object.hasOwn(WHAT_HELP, what);
}

/** The eight interface counters, in the order of a reading. */
export const INTERFACE_COUNTER_FAMILIES: readonly InterfaceCounterFamily[] =
  INTERFACE_COUNTERS.map(interfaceCounterFamily);

export const INTERFACE_INFO: MetricFamily = {
  name: 'podnet_interface_info',
  type: 'info',
  help: 'Each interface of a pod: its peer on the host, its PCI address, and where its counters come from (netdev, vf or ip). Always 1.',
  labels: [...INTERFACE_LABELS, 'host_interface', 'pci_address', 'source'],
  stability: 'alpha',
};

export const INTERFACE_STACKED_INFO: MetricFamily = {
  name: 'podnet_interface_stacked_info',
  type: 'info',
  help: 'Each network whose traffic an interface of a pod counts again, as it is stacked on one of the pod that is on that network (a bond, a VLAN). Always 1.',
  labels: [...POD_LABELS, 'interface', 'network', 'nad_namespace'],
  stability: 'alpha',
};

export const POD_INFO: MetricFamily = {
  name: 'podnet_pod_info',
  type: 'info',
  help: 'Each pod: the workload that runs it, and whether it shares the network of its node. Always 1.',
  labels: [...POD_LABELS, 'workload_kind', 'workload', 'host_network'],
  stability: 'alpha',
};

export const RECEIVE_UNRELIABLE: MetricFamily = {
  name: 'podnet_interface_receive_unreliable',
  type: 'gauge',
  help: 'Interfaces that count less than the pod receives (eBPF host routing of the CNI): what they received is not known. Always 1.',
  labels: INTERFACE_LABELS,
  stability: 'alpha',
};

/** Every family of a node, in the order a scrape prints them. */
export const NODE_FAMILIES: readonly MetricFamily[] = [
  ...INTERFACE_COUNTER_FAMILIES,
  RECEIVE_UNRELIABLE,
  ...TRANSPORT_FAMILIES,
  INTERFACE_INFO,
  INTERFACE_STACKED_INFO,
  POD_INFO,
  ...DEVICE_FAMILIES,
  ...PROBE_FAMILIES,
  ...IPAM_FAMILIES,
];

/** Place of a family's lines in what is rendered of a node. */
export const blockOf = (family: MetricFamily): number => NODE_FAMILIES.indexOf(family);

export const NODE_SUSPECT_RATIO: MetricFamily = {
  name: 'podnet_node_suspect_ratio',
  type: 'gauge',
  unit: 'ratio',
  help: 'Share of the agents dialling a node over a network that see it failing or slow: 1 for a bad node, 1/k for each that it dials itself.',
  labels: [NODE_LABEL, 'network'],
  stability: 'alpha',
};

export const NODE_LAST_REPORT: MetricFamily = {
  name: 'podnet_node_last_report_timestamp_seconds',
  type: 'gauge',
  unit: 'seconds',
  help: "When the newest report of an agent arrived, by the server's clock: also of one that fell silent, for as long as it is held.",
  labels: [NODE_LABEL, 'role'],
  stability: 'alpha',
};

/** Of the pods that --max-series leaves out, in the order of a reading. */
export const WORKLOAD_NETWORK_FAMILIES: readonly WorkloadFamily[] =
  INTERFACE_COUNTER_FAMILIES.map(workloadNetworkFamily);

/** Families that are not of a node's report but of all together, in the order a scrape prints them. */
export const CLUSTER_FAMILIES: readonly MetricFamily[] = [
  NODE_SUSPECT_RATIO,
  NODE_LAST_REPORT,
  ...WORKLOAD_NETWORK_FAMILIES,
  ...WORKLOAD_TRANSPORT_FAMILIES,
  IPAM_NODES,
  ...IPAM_FIGURES.map(({ cluster }) => cluster),
];

/** A latency that the HPA can ask for. */
export interface LatencyMetric {
  /** Name on custom.metrics.k8s.io. */
  readonly metricName: string;
  readonly metricHelp: string;
  /** The family of histograms that it is a quantile of. */
  readonly family: string;
}

export const DIAL_LATENCY: LatencyMetric = {
  metricName: 'network_dial_latency_seconds',
  metricHelp:
    'Seconds that it takes to connect to a node, by `quantile`: the median over the agents that dial it of the quantile that each of them sees. Of nodes alone.',
  family: 'podnet_dial_latency_seconds',
};

/** The families whose rates are answered, in the order discovery lists them. */
export const RATE_FAMILIES: readonly RateFamily[] = [...INTERFACE_COUNTER_FAMILIES, ...TRANSPORT_RATE_FAMILIES];

const BY_RATE_NAME = new Map(RATE_FAMILIES.map((family) => [family.rateName, family]));

/** Names that custom.metrics.k8s.io answers for pods, in the order discovery lists them. */
export const RATE_NAMES: readonly string[] = [...BY_RATE_NAME.keys()];

/** The counter behind a metric of custom.metrics.k8s.io; undefined for a name nobody serves. */
export function familyOfRate(rateName: string): RateFamily | undefined {
  return BY_RATE_NAME.get(rateName);
}
