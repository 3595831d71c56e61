import type {
  ExclusiveCpu,
  NodeCpus,
  PhysicalFunctionReport,
  VirtualFunctionReport,
} from '../openapi/device-report.js';
import type { IpamSourceReport } from '../openapi/ipam-report.js';
import type { DialSeries, DnsSeries, NtpSeries, ProbesReport } from '../openapi/probe-report.js';
import {
  INTERFACE_COUNTER_FAMILIES,
  INTERFACE_INFO,
  NODE_FAMILIES,
  POD_INFO,
  RECEIVE_UNRELIABLE,
  blockOf,
} from './catalogue.js';
import { addDevices, addExclusiveCpus, type AddLine } from './device-lines.js';
import { addIpam } from './ipam/lines.js';
import { INTERFACE_LABELS, POD_LABELS, chosenLabels, type PodLabel } from './labels.js';
import { addProbes } from './probe-lines.js';
import { joinLabels, labelPairs, renderLabels, renderSample } from './render.js';
import { TRANSPORT_FAMILIES } from './transport-families.js';

/** What the families of a node are rendered from; whoever holds the figures shows them in this shape. */
export interface NodeView {
  readonly node: string;
  /** In a stable order. */
  readonly pods: Iterable<PodView>;
  /** Undefined where nobody looks for them. */
  readonly devices?: DevicesView;
  /** Undefined where nobody probes. */
  readonly probes?: ProbesView;
  /** What sources tell of the IP addresses of the node, those alone that tell something of the present. */
  readonly ipam?: readonly IpamSourceView[];
}

/** What one source tells of the IP addresses of a node. Of the families none is one that refusedFamilies() refuses. */
export type IpamSourceView = Pick<IpamSourceReport, 'name' | 'families' | 'pools'>;

/** What was counted last of each target of a kind of probe, in a stable order. */
export interface ProbesView {
  readonly dials: Iterable<ProbeView<Omit<DialSeries, 'readings'>>>;
  readonly dns: Iterable<ProbeView<Omit<DnsSeries, 'readings'>>>;
  readonly ntp: Iterable<ProbeView<Omit<NtpSeries, 'readings'>>>;
  readonly internalErrors: ProbesReport['internalErrors'];
}

export interface ProbeView<Meta> {
  readonly meta: Meta;
  /** In the order of PROBE_COLUMNS. */
  readonly row: ArrayLike<number>;
}

/** The SR-IOV devices of a node and its CPUs, in a stable order. */
export interface DevicesView {
  readonly physicalFunctions: Iterable<PhysicalFunctionReport>;
  /** Without the owner where that pod is not to be shown. */
  readonly virtualFunctions: Iterable<VirtualFunctionReport>;
  readonly cpus: Iterable<NodeCpus>;
  /** CPUs that containers of other pods than those of the view have to themselves; undefined where nobody looks for them. */
  readonly unlistedCpus?: Iterable<UnlistedCpu>;
}

/** A CPU that a container has to itself, of a pod of which the node tells no more than this. */
export interface UnlistedCpu {
  /** Of the pod, with dashes. */
  readonly uid: string;
  readonly containerId: string;
  readonly cpu: number;
  readonly numaNode?: number;
}

export interface PodView {
  readonly meta: PodDescription;
  readonly interfaces: Iterable<InterfaceView>;
  /** The newest reading in the order of TRANSPORT_COUNTERS; NaN where one is not known. Absent: none of them is. */
  readonly transport?: ArrayLike<number>;
}

export interface PodDescription {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload?: { readonly kind: string; readonly name: string };
  readonly hostNetwork: boolean;
  /** Stands for the machine's own network namespace. */
  readonly machine?: boolean;
  readonly container?: { readonly name: string; readonly image: string; readonly cgroup: string };
  readonly exclusiveCpus?: readonly ExclusiveCpu[];
  readonly numaAligned?: boolean;
}

export interface InterfaceView {
  readonly meta: InterfaceDescription;
  /** The newest reading in the order of INTERFACE_COUNTERS; NaN where a counter is not known. */
  readonly counters: ArrayLike<number>;
}

export interface InterfaceDescription {
  readonly name: string;
  readonly network: string;
  readonly nadNamespace: string;
  readonly primary: boolean;
  readonly hostInterface?: string;
  readonly pciAddress?: string;
  readonly source: string;
  readonly receiveUnreliable?: boolean;
}

interface InterfaceTexts {
  readonly pod: PodDescription;
  readonly labels: string;
  readonly info: string;
}

/** What is printed of interfaces besides their counters, kept for as long as the descriptions of pod and interface are the same objects. */
export type InterfaceTextCache = WeakMap<InterfaceDescription, InterfaceTexts>;

const BLOCKS = {
  receiveUnreliable: blockOf(RECEIVE_UNRELIABLE),
  interfaceInfo: blockOf(INTERFACE_INFO),
  podInfo: blockOf(POD_INFO),
};
const INTERFACE_LINES = INTERFACE_COUNTER_FAMILIES.map((family) => ({
  block: blockOf(family),
  name: family.name,
  column: family.column,
}));
const POD_LINES = TRANSPORT_FAMILIES.flatMap((family) =>
  family.series.map(({ column, labels }) => ({
    ...{ block: blockOf(family), name: family.name, column },
    labels: renderLabels(labels),
  })),
);

/**
 * Sample lines of a node, one text for each of NODE_FAMILIES and in its order, without headers. A counter that is not known has no line.
 * @param cache one for each node and choice of labels
 */
export function renderNode(
  view: NodeView,
  podLabels: readonly PodLabel[] = [],
  cache: InterfaceTextCache = new WeakMap(),
): string[] {
  const blocks = NODE_FAMILIES.map(() => '');
  const add: AddLine = (block, line) => {
    blocks[block] = (blocks[block] ?? '') + line;
  };
  for (const { meta: pod, interfaces, transport } of view.pods) {
    const ofPod = renderLabels(labelPairs(POD_LABELS, [view.node, pod.namespace, pod.name]));
    const chosen = renderLabels(chosenLabels(pod.labels, podLabels));
    add(BLOCKS.podInfo, renderSample(POD_INFO.name, joinLabels(ofPod, renderLabels(podDetails(pod)), chosen), 1));
    if (transport !== undefined) addTransport(transport, { ofPod, chosen, add });
    addExclusiveCpus(pod, { ofPod, chosen, add });
    for (const { meta, counters } of interfaces) {
      let texts = cache.get(meta);
      if (texts?.pod !== pod) {
        const labels = joinLabels(ofPod, renderLabels(interfaceLabels(meta)), chosen);
        const info = renderSample(INTERFACE_INFO.name, joinLabels(labels, renderLabels(interfaceDetails(meta))), 1);
        texts = { pod, labels, info };
        cache.set(meta, texts);
      }
      for (const { block, name, column } of INTERFACE_LINES) {
        const value = counters[column] ?? NaN;
        if (!Number.isNaN(value)) add(block, renderSample(name, texts.labels, value));
      }
      if (meta.receiveUnreliable === true) {
        add(BLOCKS.receiveUnreliable, renderSample(RECEIVE_UNRELIABLE.name, texts.labels, 1));
      }
      add(BLOCKS.interfaceInfo, texts.info);
    }
  }
  addDevices(view, podLabels, add);
  addProbes(view, add);
  addIpam(view, add);
  return blocks;
}

interface PodLines {
  readonly ofPod: string;
  readonly chosen: string;
  readonly add: AddLine;
}

function addTransport(transport: ArrayLike<number>, { ofPod, chosen, add }: PodLines): void {
  const plain = joinLabels(ofPod, chosen);
  for (const { block, name, column, labels } of POD_LINES) {
    const value = transport[column] ?? NaN;
    if (Number.isNaN(value)) continue;
    add(block, renderSample(name, labels === '' ? plain : joinLabels(ofPod, labels, chosen), value));
  }
}

function interfaceLabels({ name, network, nadNamespace, primary }: InterfaceDescription): [string, string][] {
  return labelPairs(INTERFACE_LABELS.slice(POD_LABELS.length), [name, network, nadNamespace, String(primary)]);
}

function podDetails(pod: PodDescription): [string, string][] {
  return [
    ['workload_kind', pod.workload?.kind ?? ''],
    ['workload', pod.workload?.name ?? ''],
    ['host_network', String(pod.hostNetwork)],
  ];
}

function interfaceDetails(item: InterfaceDescription): [string, string][] {
  return [
    ['host_interface', item.hostInterface ?? ''],
    ['pci_address', item.pciAddress ?? ''],
    ['source', item.source],
  ];
}
