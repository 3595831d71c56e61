import type { DeviceOwner, PhysicalFunctionReport } from '../../openapi/device-report.js';
import type { VfCounterAbsence, VfCounterSource } from '../../openapi/report-terms.js';

/** An SR-IOV physical function as sysfs tells it. */
export interface PhysicalFunction {
  /** Its interface on the node; without one its RDMA device, else its PCI address. */
  readonly name: string;
  /** Domain:bus:device.function, as sysfs writes it. */
  readonly pciAddress: string;
  readonly numaNode?: number;
  readonly driver?: string;
  readonly linkLayer: PhysicalFunctionReport['linkLayer'];
  /** Its interface in the namespace of the sysfs, and the index of it; absent where it has none there. */
  readonly netdev?: { readonly name: string; readonly ifindex?: number };
  readonly totalVirtualFunctions: number;
  /** Those that are there, by index. */
  readonly virtualFunctions: readonly VirtualFunction[];
}

export interface VirtualFunction {
  readonly index: number;
  readonly pciAddress: string;
  readonly numaNode?: number;
  /** vfio-pci, iavf, mlx5_core, …; absent of one that none is bound to. */
  readonly driver?: string;
  /** Its interface, while that is in the namespace of the sysfs. */
  readonly netdev?: string;
  /** RDMA devices on it, while they are in the namespace of the sysfs. */
  readonly rdmaDevices: readonly string[];
}

/** How a physical function has a VF set up. What the kernel left out is absent. */
export interface VfSettings {
  readonly mac?: string;
  readonly vlan?: number;
  readonly linkState?: 'auto' | 'enable' | 'disable';
  readonly spoofCheck?: boolean;
  readonly trust?: boolean;
  readonly minTransmitRateMbps?: number;
  readonly maxTransmitRateMbps?: number;
}

/**
 * Cumulative counters by name: those of VF_COUNTERS, and `rdma/<device>/<port>/<hw or port>/<file>`. Exact, as a u64 does not fit a
 * double. One that is not there is not known.
 */
export type DeviceCounters = ReadonlyMap<string, bigint>;

/** One reading of a VF. */
export interface VfReading {
  readonly vf: VirtualFunction;
  readonly settings: VfSettings;
  /** Absent: they could not be read, or are not to be believed. */
  readonly counters?: DeviceCounters;
}

/** One reading of a physical function and its VFs. */
export interface PfReading {
  readonly pf: PhysicalFunction;
  /** Where the counters come from; else why there are none. Neither: it has no VFs. */
  readonly counterSource?: VfCounterSource;
  readonly counterAbsence?: VfCounterAbsence;
  readonly virtualFunctions: readonly VfReading[];
}

/** The pod that has a device. */
export type Owner = DeviceOwner;

/** What an owner is told apart by: the uid of the pod; without one, its name. */
export function ownerKey({ podUid, namespace, pod }: Pick<Owner, 'podUid' | 'namespace' | 'pod'>): string {
  return podUid ?? `${namespace}/${pod}`;
}
