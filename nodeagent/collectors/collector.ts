import type { InterfaceReport } from '../../openapi/node-report.js';
import type { HostInterfaces } from '../inventory/host-interfaces.js';
import type { NetnsLayouts } from '../inventory/layout.js';
import type { NetnsScan } from '../inventory/netns-scan.js';
import type { Pod, SkipReason } from '../inventory/pod.js';
import type { ProcFs } from '../procfs/fs.js';

/** One reading of one interface. */
export interface InterfaceReading {
  readonly meta: Omit<InterfaceReport, 'readings'>;
  /** In the order of INTERFACE_COUNTERS. */
  readonly counters: readonly number[];
}

/** What one round over the node collects. Collectors add to it; it belongs to whoever started the round. */
export interface Sweep {
  readonly pods: readonly Pod[];
  /** Monotonic, at the start of the round. */
  readonly startedMs: number;
  addInterfaces(pod: Pod, interfaces: readonly InterfaceReading[]): void;
  /** @param error what is to be told of it, where that is more than the reason */
  skip(pod: Pod, reason: SkipReason, error?: unknown): void;
}

/**
 * Reads through its sources and adds to the sweep. Touches no registry, logger or clock. Any failure of one pod is a skip; what it
 * throws is a failure of the whole collector.
 */
export type Collector = (sweep: Sweep, signal: AbortSignal) => Promise<void>;

export interface CollectorDeps {
  readonly procfs: ProcFs;
  readonly scan: Pick<NetnsScan, 'forget'>;
  readonly layouts: NetnsLayouts;
  /** Absent where the agent does not look for them. */
  readonly hostInterfaces?: Pick<HostInterfaces, 'namesOf'>;
}
