import type { NodeCpus, PhysicalFunctionReport, VirtualFunctionReport } from '../../openapi/device-report.js';
import type { IpamSourceReport } from '../../openapi/ipam-report.js';
import type { InterfaceReport, NodeReport, PodReport } from '../../openapi/node-report.js';
import type { ProbesReport } from '../../openapi/probe-report.js';
import type { SkipReason } from '../../openapi/report-terms.js';

/** What is known of a pod besides its counters. */
export interface PodMeta extends Pick<
  PodReport,
  | 'namespace'
  | 'name'
  | 'uid'
  | 'labels'
  | 'workload'
  | 'hostNetwork'
  | 'machine'
  | 'container'
  | 'exclusiveCpus'
  | 'numaAligned'
> {
  /** Milliseconds since 1970, by the API server. */
  readonly createdMs: number;
  /** False when an interface of it had to be left out: a sum over the pod would then be too small. */
  readonly complete: boolean;
}

/** What is known of an interface besides its counters. */
export type InterfaceMeta = Omit<InterfaceReport, 'readings'>;

/** What a report says of the devices of its node; left out is what it says nothing of. */
export interface AcceptedDevices {
  readonly physicalFunctions?: readonly PhysicalFunctionReport[];
  readonly virtualFunctions?: readonly VirtualFunctionReport[];
  /** Whether a virtual function had to be left out. */
  readonly isPartial?: boolean;
  readonly cpus?: readonly NodeCpus[];
}

/** A pod of a report that passed every check. */
export interface AcceptedPod {
  readonly meta: PodMeta;
  /** Of two with one name the earlier identity goes first, and no sample has a reading of both. */
  readonly interfaces: readonly InterfaceReport[];
  /** What its network stack counts, one reading for each sample; undefined where nothing was said of it. */
  readonly transport?: readonly (readonly (number | null)[] | null)[];
  /** Whether its agent could tell what interfaces it has; where not, what is known of them stays. */
  readonly isRead: boolean;
  /** Why not. Apart from what is known of the pod: it may change with every report. */
  readonly skipped?: SkipReason;
  /** Names of interfaces that had to be left out: they exist, so what is known of them stays. */
  readonly leftOut: ReadonlySet<string>;
}

/** A report whose envelope and every remaining entry are good. `readings` of an interface go with `samples`, one to one. */
export interface AcceptedReport extends Pick<
  NodeReport,
  'node' | 'role' | 'bootId' | 'instance' | 'sequence' | 'intervalMs' | 'sentAt' | 'agentVersion' | 'samples'
> {
  readonly pods: readonly AcceptedPod[];
  readonly devices?: AcceptedDevices;
  /** What its probes counted; `readings` go with `samples`. Of role probe alone. */
  readonly probes?: ProbesReport;
  /** What its sources tell of the IP addresses of the node; of role node alone. */
  readonly ipam?: readonly IpamSourceReport[];
  /** Uids and `namespace/name` of pods that had to be left out: they exist, so what is known of them stays. */
  readonly leftOut: ReadonlySet<string>;
}
