// Apart from the schema, which the agent does without: it would take six of its 80 MiB.

/** Where agents POST their report, one gzip-compressed JSON document per interval. */
export const NODE_REPORTS_PATH = '/apis/podnet.dev/v1alpha1/nodereports';
export const NODE_REPORT_VERSION = 'podnet.dev/v1alpha1';

/** Bounds of one report. Each is far above what a node can have (kubelet's default is 110 pods) and stops what is not a node. */
export const REPORT_LIMITS = {
  compressedBytes: 8 * 1024 * 1024,
  inflatedBytes: 32 * 1024 * 1024,
  pods: 2_048,
  interfacesPerPod: 256,
  /** Of all pods of a report together. */
  interfaces: 16_384,
  /** Of the interfaces of a pod on average: those that one is stacked on, however deep. A VLAN on a bond of four has five. */
  stackingPerInterface: 16,
  /** And the networks of those: a line on /metrics each, so that there are fewer of them than their interfaces have of counters. */
  stackedNetworksPerInterface: 4,
  samples: 1_024,
  labelsPerPod: 128,
  physicalFunctions: 1_024,
  virtualFunctions: 8_192,
  /** Those of its RDMA device included. */
  countersPerVf: 512,
  /** Of all VFs of a report together: raw, counted and unattributed. */
  vfCounters: 1_048_576,
  /** Characters, about, of the lines that these have on /metrics: each repeats the names of the VF and its owner. */
  vfCounterText: 96 * 1024 * 1024,
  /** JSON of the bases in an answer: an agent takes answers of twice that. */
  virtualFunctionBaseBytes: 2 * 1024 * 1024,
  exclusiveCpus: 4_096,
  numaNodes: 1_024,
  /** Characters of the list of the CPUs of a NUMA node. */
  cpuListLength: 4_096,
  /** Of each kind; a histogram is some three kilobytes on /metrics. */
  probeSeries: 1_024,
  /** Outcomes that a verdict on a target goes by. */
  recentProbes: 8,
  /** More than there are: a server must not refuse the report of an agent that knows one more. */
  ipamSources: 16,
  /** Of one source of figures of IP addresses. */
  ipamFamilies: 256,
  /** Of all sources of a report together. */
  ipamSamples: 16_384,
  ipamPools: 256,
  /** An hour, one a minute. */
  ipamPoolSamples: 61,
  collectors: 64,
  /** A report names at most this many of its rejected entries; all are counted. */
  rejectedNamed: 100,
  minIntervalMs: 100,
  maxIntervalMs: 300_000,
} as const;

/**
 * The order of the eight counters in a reading. Each is cumulative since the interface was created, seen from inside the pod:
 * `receive` is what the pod received.
 */
export const INTERFACE_COUNTERS = [
  'receiveBytes',
  'receivePackets',
  'receiveErrors',
  'receivePacketsDropped',
  'transmitBytes',
  'transmitPackets',
  'transmitErrors',
  'transmitPacketsDropped',
] as const;
export type InterfaceCounter = (typeof INTERFACE_COUNTERS)[number];

/**
 * The order of the counters in a reading of a virtual function: first the eight of an interface, as the pod that has it sees them, so
 * `receive` is what the VF received.
 */
export const VF_COUNTERS = [
  ...INTERFACE_COUNTERS,
  'receiveBroadcastPackets',
  'receiveMulticastPackets',
  'transmitBroadcastPackets',
  'transmitMulticastPackets',
  'transmitSpoofedPackets',
] as const;
export type VfCounter = (typeof VF_COUNTERS)[number];

/** Where the counters of the VFs of a physical function can come from. */
export const VF_COUNTER_SOURCES = ['rtnetlink', 'sysfs', 'netdev'] as const;
export type VfCounterSource = (typeof VF_COUNTER_SOURCES)[number];

/** Why the VFs of a physical function have no counters. */
export const VF_COUNTER_ABSENCES = ['unproven', 'no_source', 'failed'] as const;
export type VfCounterAbsence = (typeof VF_COUNTER_ABSENCES)[number];

/** Who says which pod has a device. */
export const DEVICE_OWNER_SOURCES = ['kubelet', 'network-status', 'resource-claim'] as const;
export type DeviceOwnerSource = (typeof DEVICE_OWNER_SOURCES)[number];

/** What interfaces of a pod are where there is more than a report takes. */
export const TOO_MUCH_STACKING = `stacked on more than ${REPORT_LIMITS.stackingPerInterface} others each, or on more than ${REPORT_LIMITS.stackedNetworksPerInterface} networks, on average`;

/** Why an agent could not read the interfaces of a pod, as a sentence about the pod. */
export const SKIP_REASONS = {
  no_process: 'no process of it is known (a container that is being started, or a runtime that keeps them elsewhere)',
  virtual_machine: 'it runs in a virtual machine, and no process of the node is in its network namespace',
  process_gone: 'its processes ended while its agent read it',
  not_readable: 'its agent may not look at its processes',
  host_namespace: "its processes are in the node's network namespace, and the pod is not",
  shared_namespace: 'another pod has the same network namespace',
  changing: 'its interfaces changed while its agent read them',
  too_many_interfaces: `it has more than the ${REPORT_LIMITS.interfacesPerPod} interfaces that a report takes of one pod: none is reported`,
  too_much_stacking: `its interfaces are ${TOO_MUCH_STACKING}, which is what a report takes: none is reported`,
  unparsable: 'a file of its network namespace does not have the shape it ought to, as the log of its agent says',
  failed: 'its agent failed to read it, as its log says',
  no_time: 'its agent ran out of time before it was read',
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;

/** The order of the per-pod transport counters and gauges in a reading (Linux net/ipv4/proc.c, net/ipv6/proc.c). */
export const TRANSPORT_COUNTERS = [
  'tcpRetransmittedSegments',
  'tcpOutgoingResets',
  'tcpEstablishedResets',
  'tcpListenOverflows',
  'tcpListenDrops',
  'tcpSocketsInUse',
  'tcpSocketsTimeWait',
  'udpSocketsInUse',
  'udpReceiveErrors',
  'udpReceiveBufferErrors',
  'udpTransmitBufferErrors',
  'conntrackEntries',
] as const;

/** What an agent of role probe measures. */
export const PROBE_KINDS = ['dial', 'dns', 'ntp'] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

/**
 * Upper bounds of the buckets of every latency, seconds; what took longer is in one more. Doubling, so that the buckets of predecessors
 * (1 ms × 2^n) are among them; what is slower than the last of them has failed, as no probe waits longer.
 */
export const LATENCY_BOUNDS = [
  0.000_05, 0.000_125, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024,
  2.048, 4.096, 8.192, 10,
] as const;

/** Why a probe failed, by its kind, in the order of a reading. */
export const PROBE_REASONS = {
  dial: ['refused', 'timeout', 'unreachable', 'reset', 'dns', 'other'],
  dns: [
    ...['nxdomain', 'servfail', 'empty', 'timeout', 'refused'],
    ...['unreachable', 'reset', 'truncated', 'malformed', 'rcode', 'dns', 'other'],
  ],
  ntp: ['timeout', 'refused', 'unreachable', 'unsynchronized', 'kiss_of_death', 'malformed', 'dns', 'other'],
} as const satisfies Readonly<Record<ProbeKind, readonly string[]>>;
export type ProbeReason<Kind extends ProbeKind = ProbeKind> = (typeof PROBE_REASONS)[Kind][number];

/**
 * Columns of a reading of a probe: for each of LATENCY_BOUNDS how many took no longer, then how many there were in all, then the sum of
 * their seconds, then how many failed for each of PROBE_REASONS. All cumulative since the probe began.
 */
export const PROBE_COLUMNS = {
  count: LATENCY_BOUNDS.length,
  sum: LATENCY_BOUNDS.length + 1,
  failures: LATENCY_BOUNDS.length + 2,
} as const;

/** What keeps the books of a node's IP addresses: Amazon's VPC CNI (ipamd), and the state directory of the CNI plugin host-local. */
export const IPAM_SOURCES = ['awscni', 'host-local'] as const;
export type IpamSourceName = (typeof IPAM_SOURCES)[number];

/** Types of a family, as the text format of Prometheus has them; `unknown` is its `untyped`. */
export const IPAM_TYPES = ['counter', 'gauge', 'histogram', 'summary', 'unknown'] as const;
export type IpamType = (typeof IPAM_TYPES)[number];

/** What a sample of a family adds to its name. */
export const IPAM_SUFFIXES = ['_bucket', '_sum', '_count'] as const;
export type IpamSuffix = (typeof IPAM_SUFFIXES)[number];
