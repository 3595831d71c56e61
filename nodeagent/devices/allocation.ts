/** What the kubelet gave to one container, as its PodResources API lists it. Pods have no uid there. */
export interface Allocation {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Devices of device plugins; those that are PCI devices or not. */
  readonly devices: readonly AllocatedDevice[];
  /** CPUs that the container has to itself. */
  readonly cpus: readonly number[];
  /** Devices of Dynamic Resource Allocation. */
  readonly claims: readonly AllocatedClaim[];
}

export interface AllocatedDevice {
  /** Such as openshift.io/inteldpdk. */
  readonly resource: string;
  /** As the device plugin names it: a PCI address, in lower case, where it is one. */
  readonly id: string;
  readonly numaNodes: readonly number[];
}

export interface AllocatedClaim {
  readonly namespace: string;
  readonly name: string;
  readonly devices: readonly ClaimedDevice[];
}

/** A device of a ResourceSlice: its name means something within its pool alone. */
export interface ClaimedDevice {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
}

/** What the kubelet says of its allocations. */
export interface Allocations {
  /** Undefined while nobody can tell. */
  readonly list: readonly Allocation[] | undefined;
  /** When it was asked for the list, monotonic milliseconds; -Infinity without one. */
  readonly askedMs: number;
  /** Whether the first answer is still to be waited for. */
  readonly isAwaited: boolean;
  /** Begins to ask: until then nobody was of interest, and it costs no memory. */
  start(): unknown;
  /** To be asked soon: there is a pod that the list cannot have. */
  refresh(): void;
}
