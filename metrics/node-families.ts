import type {
  ExclusiveCpu,
  NodeCpus,
  PhysicalFunctionReport,
  VirtualFunctionReport,
} from '../openapi/device-report.js';
import type { IpamSourceReport } from '../openapi/ipam-report.js';
import type { DialSeries, DnsSeries, NtpSeries, ProbesReport } from '../openapi/probe-report.js';
import { NODE_FAMILIES } from './catalogue.js';
import { addDevices, adderTo } from './device-lines.js';
import { addIpam } from './ipam/lines.js';
import type { PodLabel } from './labels.js';
import { addPods, type PrintedPods } from './pod-lines.js';
import { addProbes } from './probe-lines.js';
import { textOf, type SampleLines } from './render.js';

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
  /** Of the pod, those whose traffic it carries again. */
  readonly lowerDevices?: readonly string[];
  readonly receiveUnreliable?: boolean;
  /** Nothing of it is known. */
  readonly unproven?: boolean;
}

/** What was rendered of a node, of which most stays the same from one report to the next. */
export interface NodeLines {
  /** One for each of NODE_FAMILIES and in its order, without headers. Undefined: the same as the one before. */
  readonly blocks: readonly (string | SampleLines | undefined)[];
  readonly printed: PrintedPods;
}

/** Sample lines of a node, one text for each of NODE_FAMILIES and in its order, without headers. A counter that is not known has no line. */
export function renderNode(view: NodeView, podLabels: readonly PodLabel[] = []): string[] {
  return renderChanges(view, podLabels).blocks.map((lines = '') => textOf(lines));
}

/**
 * Of the sample lines of a node those that are not what they were before.
 * @param before what this gave of the same node with the same choice of labels, of no use afterwards; descriptions that are the same objects
 *   say the same
 */
export function renderChanges(view: NodeView, podLabels: readonly PodLabel[], before?: PrintedPods): NodeLines {
  const blocks = NODE_FAMILIES.map((): string | SampleLines | undefined => '');
  const add = adderTo(blocks);
  const printed = addPods(view, podLabels, blocks, before);
  addDevices(view, podLabels, add);
  addProbes(view, add);
  addIpam(view, add);
  return { blocks, printed };
}
