import { Type, type Static } from 'typebox';
import { definition, kindDefinition } from './definition.js';
import {
  ExclusiveCpu,
  NodeCpus,
  PhysicalFunctionReport,
  VirtualFunctionBase,
  VirtualFunctionReport,
} from './device-report.js';
import { IpamSourceReport } from './ipam-report.js';
import * as pattern from './patterns.js';
import { ProbesReport } from './probe-report.js';
import { Counter, name, namespace, token } from './report-fields.js';
import {
  INTERFACE_COUNTERS,
  NODE_REPORT_VERSION,
  REPORT_LIMITS,
  SKIP_REASONS,
  TRANSPORT_COUNTERS,
  type SkipReason,
} from './report-terms.js';

const milliseconds = (description: string) =>
  Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });
const timestamp = (description: string) =>
  Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?Z$', description });

/** One reading of the eight counters, in the order of {@link INTERFACE_COUNTERS}. */
export const Reading = Type.Array(Counter, {
  ...definition('v1alpha1.Reading'),
  minItems: INTERFACE_COUNTERS.length,
  maxItems: INTERFACE_COUNTERS.length,
  description: `Cumulative counters: ${INTERFACE_COUNTERS.join(', ')}.`,
});
export type Reading = Static<typeof Reading>;

export const InterfaceReport = Type.Object(
  {
    name: Type.String({
      pattern: pattern.INTERFACE_NAME,
      minLength: 1,
      maxLength: pattern.INTERFACE_NAME_MAX,
      description: 'Name inside the pod; bytes that are not UTF-8 are written \\xNN.',
    }),
    network: Type.String({
      pattern: pattern.NETWORK_NAME,
      maxLength: pattern.NETWORK_NAME_MAX,
      description: 'Network without its namespace; "default" for the default-route interface, empty where unknown.',
    }),
    nadNamespace: Type.String({
      pattern: `${pattern.NAMESPACE}|^$`,
      maxLength: pattern.NAMESPACE_MAX,
      description: "Namespace of the NetworkAttachmentDefinition; empty for a CNI's own network.",
    }),
    primary: Type.Boolean({ description: "The pod's default interface." }),
    identity: Type.String({
      pattern: `${pattern.TOKEN}|^$`,
      maxLength: pattern.TOKEN_MAX,
      description:
        'Netns inode and ifindex, or VF epoch: another one is another counter. Empty: not known, proves nothing.',
    }),
    source: Type.Union([Type.Literal('netdev'), Type.Literal('vf'), Type.Literal('ip')], {
      description: 'Where the counters come from: the netdev in the pod, the VF counters of the PF, the IP layer.',
    }),
    lowerDevices: Type.Optional(
      Type.Array(Type.String({ maxLength: pattern.INTERFACE_NAME_MAX }), {
        maxItems: 64,
        description:
          'Interfaces of this pod whose traffic this one carries again: the slaves of a bond, the ports of a bridge.',
      }),
    ),
    hostInterface: Type.Optional(
      Type.String({
        pattern: pattern.INTERFACE_NAME,
        maxLength: pattern.INTERFACE_NAME_MAX,
        description: 'The other end of it, in the network namespace of the node.',
      }),
    ),
    receiveUnreliable: Type.Optional(
      Type.Boolean({
        description:
          'The pod receives more than this interface counts (a CNI with eBPF host routing): its receive counters are null.',
      }),
    ),
    unproven: Type.Optional(
      Type.Boolean({
        description:
          'Backed by a VF without a netdev in the pod, whose PF has not been proven to count: nothing of it is known.',
      }),
    ),
    pciAddress: Type.Optional(Type.String({ pattern: pattern.PCI_ADDRESS })),
    readings: Type.Array(Type.Union([Reading, Type.Null()]), {
      maxItems: REPORT_LIMITS.samples,
      description: 'One for each entry of samples, in its order; null where this interface was not read.',
    }),
  },
  {
    ...definition('v1alpha1.InterfaceReport'),
    description: 'One interface of a pod. An earlier identity of the same name goes before the present one.',
  },
);
export type InterfaceReport = Static<typeof InterfaceReport>;

export const Workload = Type.Object(
  { kind: name('Deployment, StatefulSet, DaemonSet, …: the controller at the top.'), name: name('Its name.') },
  {
    ...definition('v1alpha1.Workload'),
    description: 'What runs the pod, resolved: a ReplicaSet is reported as its Deployment.',
  },
);
export type Workload = Static<typeof Workload>;

export const PodContainer = Type.Object(
  {
    name: name('Name of the container.'),
    image: Type.String({ maxLength: 1_024, description: 'As the kubelet or the runtime names it.' }),
    cgroup: Type.String({ maxLength: 4_096, description: 'Path from the root of the hierarchy; empty where unknown.' }),
  },
  { ...definition('v1alpha1.PodContainer'), description: 'A container of a pod; for the labels of predecessors.' },
);
export type PodContainer = Static<typeof PodContainer>;

export const PodReport = Type.Object(
  {
    namespace: namespace('Namespace of the pod.'),
    name: name('Name of the pod.'),
    uid: token('Uid of the pod: what it is keyed by.'),
    creationTimestamp: timestamp("The API server's; under one name the newest wins."),
    labels: Type.Record(Type.String(), Type.String(), { maxProperties: REPORT_LIMITS.labelsPerPod }),
    workload: Type.Optional(Workload),
    hostNetwork: Type.Boolean({ description: "Shares the node's network namespace: has no interfaces of its own." }),
    machine: Type.Optional(
      Type.Boolean({
        description:
          "Stands for the machine's own network namespace, whose interfaces carry the traffic of other pods again: it is in no sum over pods.",
      }),
    ),
    container: Type.Optional(PodContainer),
    exclusiveCpus: Type.Optional(
      Type.Array(ExclusiveCpu, {
        maxItems: REPORT_LIMITS.exclusiveCpus,
        description: 'CPUs that its containers have to themselves. Left out: it has none, or nobody can tell.',
      }),
    ),
    numaAligned: Type.Optional(
      Type.Boolean({ description: 'Whether its CPUs and VFs share a NUMA node; left out where that cannot be told.' }),
    ),
    interfaces: Type.Optional(
      Type.Array(InterfaceReport, {
        maxItems: REPORT_LIMITS.interfacesPerPod,
        description: 'Empty: it has none. Left out: they could not be read yet, and are not known.',
      }),
    ),
    skipped: Type.Optional(
      Type.Unsafe<SkipReason>({
        type: 'string',
        enum: Object.keys(SKIP_REASONS),
        description:
          'Why its interfaces could not be read the last time: what is told of them is of before. A word that a server does not know counts for nothing.',
      }),
    ),
    transport: Type.Optional(
      Type.Array(
        Type.Union([
          Type.Array(Counter, { minItems: TRANSPORT_COUNTERS.length, maxItems: TRANSPORT_COUNTERS.length }),
          Type.Null(),
        ]),
        { maxItems: REPORT_LIMITS.samples, description: `Per entry of samples: ${TRANSPORT_COUNTERS.join(', ')}.` },
      ),
    ),
  },
  { ...definition('v1alpha1.PodReport'), description: 'One pod and its interfaces.' },
);
export type PodReport = Static<typeof PodReport>;

export const Sample = Type.Object(
  {
    sequence: Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Counts the samples of one instance.',
    }),
    takenAt: milliseconds("The node's monotonic clock, milliseconds since boot."),
  },
  { ...definition('v1alpha1.Sample'), description: 'One sweep over the node. Samples go oldest first.' },
);
export type Sample = Static<typeof Sample>;

export const CollectorResult = Type.Object(
  {
    name: token('As in --collector.<name>.'),
    ok: Type.Boolean(),
    seconds: Type.Number({ minimum: 0, description: 'Duration of its last run.' }),
    error: Type.Optional(Type.String({ maxLength: 1_024 })),
  },
  { ...definition('v1alpha1.CollectorResult'), description: 'How the last run of a collector went.' },
);
export type CollectorResult = Static<typeof CollectorResult>;

export const NodeReport = Type.Object(
  {
    apiVersion: Type.Literal(NODE_REPORT_VERSION),
    kind: Type.Literal('NodeReport'),
    node: name('Node the agent runs on.'),
    role: Type.Union([Type.Literal('node'), Type.Literal('probe')], {
      description: 'Reports are keyed by node and role.',
    }),
    bootId: token('/proc/sys/kernel/random/boot_id: the monotonic clock starts anew with it.'),
    instance: Type.Object({
      id: token('This start of the agent.'),
      startedAt: milliseconds("When it started, on the node's monotonic clock."),
    }),
    sequence: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'That of the newest sample; 0 before the first.',
    }),
    intervalMs: Type.Integer({ minimum: REPORT_LIMITS.minIntervalMs, maximum: REPORT_LIMITS.maxIntervalMs }),
    sentAt: milliseconds('When this request was made, before its first byte is sent, on the clock of takenAt.'),
    agentVersion: Type.String({ maxLength: 128 }),
    samples: Type.Array(Sample, { maxItems: REPORT_LIMITS.samples }),
    pods: Type.Array(PodReport, {
      maxItems: REPORT_LIMITS.pods,
      description: 'Every pod of the node; one left out is gone.',
    }),
    physicalFunctions: Type.Optional(Type.Array(PhysicalFunctionReport, { maxItems: REPORT_LIMITS.physicalFunctions })),
    virtualFunctions: Type.Optional(
      Type.Array(VirtualFunctionReport, {
        maxItems: REPORT_LIMITS.virtualFunctions,
        description:
          'Every VF of the node; none where it has none. Left out: not known yet, and the answer is to say what they stood at before.',
      }),
    ),
    cpus: Type.Optional(Type.Array(NodeCpus, { maxItems: REPORT_LIMITS.numaNodes })),
    probes: Type.Optional(ProbesReport),
    ipam: Type.Optional(
      Type.Array(IpamSourceReport, {
        maxItems: REPORT_LIMITS.ipamSources,
        description: 'One for each source that is looked for. Of role node alone.',
      }),
    ),
    collectors: Type.Array(CollectorResult, { maxItems: REPORT_LIMITS.collectors }),
  },
  {
    ...kindDefinition('v1alpha1.NodeReport', NODE_REPORT_VERSION, 'NodeReport'),
    description: 'What one agent saw: the pods of its node, their interfaces and networks, and the counters.',
  },
);
export type NodeReport = Static<typeof NodeReport>;

export const RejectedEntry = Type.Object(
  {
    entry: Type.String({ description: 'Where it stands in the report, such as pods[3].interfaces[1].readings[0].' }),
    reason: Type.String({ description: 'Stable word, also the label of the counter of rejections.' }),
    message: Type.String(),
  },
  { ...definition('v1alpha1.RejectedEntry'), description: 'An entry of the report that was left out, and why.' },
);
export type RejectedEntry = Static<typeof RejectedEntry>;

export const NodeReportAnswer = Type.Object(
  {
    apiVersion: Type.Literal(NODE_REPORT_VERSION),
    kind: Type.Literal('NodeReportAnswer'),
    lastSequence: Type.Integer({
      minimum: 0,
      description: 'The newest sample of this instance that the server holds; 0: none.',
    }),
    historyMs: Type.Integer({ minimum: 0, description: 'How far back the server wants samples.' }),
    rejected: Type.Array(RejectedEntry, { maxItems: REPORT_LIMITS.rejectedNamed }),
    rejectedCount: Type.Integer({ minimum: 0, description: 'All rejected entries, named or not.' }),
    virtualFunctionBases: Type.Optional(
      Type.Array(VirtualFunctionBase, {
        maxItems: REPORT_LIMITS.virtualFunctions,
        description: 'To a report without virtualFunctions: what those of this boot stood at, as reported last.',
      }),
    ),
    virtualFunctionsAt: Type.Optional(
      milliseconds(
        'When that report was sent, on the clock of the node: of several servers the one that heard last is right.',
      ),
    ),
  },
  {
    ...kindDefinition('v1alpha1.NodeReportAnswer', NODE_REPORT_VERSION, 'NodeReportAnswer'),
    description: 'What the server holds of this instance, and what it did not take.',
  },
);
export type NodeReportAnswer = Static<typeof NodeReportAnswer>;
