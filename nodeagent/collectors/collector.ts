import type { InterfaceReport } from '../../openapi/node-report.js';
import type { SkipReason } from '../../openapi/report-terms.js';
import type { PfReading } from '../devices/device.js';
import type { HostInterfaces } from '../inventory/host-interfaces.js';
import type { NetnsLayouts } from '../inventory/layout.js';
import type { Pod } from '../inventory/pod.js';
import type { IpReceived } from '../inventory/receive-check.js';
import type { ProcFs } from '../procfs/fs.js';
import type { SriovSources } from './sriov.js';

/** One reading of one interface. */
export interface InterfaceReading {
  readonly meta: Omit<InterfaceReport, 'readings'>;
  /** In the order of INTERFACE_COUNTERS; NaN: not known. */
  readonly counters: readonly number[];
}

/** One reading of what TCP and UDP count in the network namespace of a pod. */
export interface TransportReading {
  /** In the order of TRANSPORT_COUNTERS; NaN: not known. */
  readonly counters: readonly number[];
  /** For the receive check. */
  readonly ip: IpReceived;
}

/** What one round over the node collects. Collectors add to it; it belongs to whoever started the round. */
export interface Sweep {
  readonly pods: readonly Pod[];
  /** Monotonic, at the start of the round. */
  readonly startedMs: number;
  /** @param loopback its counters, in the order of INTERFACE_COUNTERS, where they were read */
  addInterfaces(pod: Pod, interfaces: readonly InterfaceReading[], loopback?: readonly number[]): void;
  addTransport(pod: Pod, transport: TransportReading): void;
  /** Every physical function of the node; none where it has none. */
  addDevices(devices: readonly PfReading[]): void;
  /** A pod that two collectors skip is told once. @param error what is to be told of it, where that is more than the reason */
  skip(pod: Pod, reason: SkipReason, error?: unknown): void;
}

/**
 * Reads through its sources and adds to the sweep. Touches no registry, logger or clock. Any failure of one pod is a skip; what it
 * throws is a failure of the whole collector.
 */
export type Collector = (sweep: Sweep, signal: AbortSignal) => Promise<void>;

export interface CollectorDeps {
  readonly procfs: ProcFs;
  /** To be called for a process that turned out to be in another namespace. */
  readonly forget: (pid: number) => void;
  readonly layouts: NetnsLayouts;
  /** Absent where the agent does not look for them. */
  readonly hostInterfaces?: Pick<HostInterfaces, 'namesOf'>;
  /** Absent where nobody looks for SR-IOV devices. */
  readonly sriov?: SriovSources;
}
