import { Type, type Static, type TSchema } from 'typebox';
import { definition, kindDefinition } from './definition.js';
import { ListMeta } from './kubernetes.js';
import { DEVICE_OWNER_SOURCES, VF_COUNTER_ABSENCES, VF_COUNTER_SOURCES } from './report-terms.js';

export const PODNET_GROUP = 'podnet.dev';
export const PODNET_VERSION = 'v1alpha1';
export const PODNET_GROUP_VERSION = 'podnet.dev/v1alpha1';

// Every field is described: `kubectl explain` prints it.
const text = (description: string) => Type.String({ description });
const count = (description: string) => Type.Integer({ minimum: 0, description });
const optionalText = (description: string) => Type.Optional(text(description));
const optionalCount = (description: string) => Type.Optional(count(description));
const time = (description: string) => Type.String({ format: 'date-time', description });

const options = (kind: string, description: string) => ({
  ...kindDefinition(`v1alpha1.${kind}`, PODNET_GROUP_VERSION, kind),
  description,
});
const part = (name: string, description: string) => ({ ...definition(`v1alpha1.${name}`), description });
const header = <Kind extends string>(kind: Kind) => ({
  apiVersion: Type.Literal(PODNET_GROUP_VERSION, { description: 'Group and version of this object.' }),
  kind: Type.Literal(kind, { description: 'Kind of this object.' }),
});
const list = <Kind extends string, T extends TSchema>(kind: Kind, item: T) =>
  Type.Object(
    { ...header(`${kind}List`), metadata: ListMeta, items: Type.Array(item, { description: `Each ${kind}.` }) },
    options(`${kind}List`, `A list of ${kind}.`),
  );

const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description });

const optionalCreation = Type.Optional(time('When the object behind this one was created.'));
const NamespacedMetadata = Type.Object(
  {
    name: text('Name, unique in the namespace.'),
    namespace: text('Namespace of the pod.'),
    labels: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Labels of the pod.' })),
    creationTimestamp: optionalCreation,
  },
  part('NamespacedMetadata', 'Name, namespace and labels.'),
);
const ClusterMetadata = Type.Object(
  { name: text('Name, unique in the cluster.'), creationTimestamp: optionalCreation },
  part('ClusterMetadata', 'Name.'),
);

const rate = (description: string) =>
  optionalText(`${description}, per second, as a quantity; absent where it is not known.`);
export const InterfaceRates = Type.Object(
  {
    receiveBytes: rate('Bytes received by the pod'),
    receivePackets: rate('Packets received by the pod'),
    receiveErrors: rate('Packets that the pod failed to receive for an error'),
    receivePacketsDropped: rate('Packets dropped when the pod was to receive them'),
    transmitBytes: rate('Bytes transmitted by the pod'),
    transmitPackets: rate('Packets transmitted by the pod'),
    transmitErrors: rate('Packets that the pod failed to transmit for an error'),
    transmitPacketsDropped: rate('Packets dropped when the pod was to transmit them'),
  },
  part('InterfaceRates', 'The eight rates; each is absent where it is not known, which is not zero.'),
);
export type InterfaceRates = Static<typeof InterfaceRates>;

export const Absence = Type.Object(
  { reason: text('One word for it.'), message: text('Why there is no rate, in a sentence.') },
  part('Absence', 'Why there is no rate.'),
);
export type Absence = Static<typeof Absence>;

export const PodNetwork = Type.Object(
  {
    ...header('PodNetwork'),
    metadata: NamespacedMetadata,
    pod: Type.Object({ name: text('Name of the pod.'), uid: text('Uid of the pod.') }, { description: 'The pod.' }),
    node: text('Node that the pod runs on.'),
    interface: text('Name of the interface inside the pod.'),
    network: text('Network without its namespace; default for the default-route interface, empty where unknown.'),
    nadNamespace: text("Namespace of the NetworkAttachmentDefinition; empty for a CNI's own network."),
    primary: Type.Boolean({ description: "Whether this is the pod's default interface." }),
    hostInterface: optionalText('Its peer on the host.'),
    pciAddress: optionalText('PCI address of the device behind it.'),
    source: Type.Union([Type.Literal('netdev'), Type.Literal('vf'), Type.Literal('ip')], {
      description: 'Where the counters come from: the netdev in the pod, the VF counters of the PF, the IP layer.',
    }),
    receiveUnreliable: Type.Optional(
      Type.Boolean({
        description:
          'The pod receives more than this interface counts (eBPF host routing): what it received is not known.',
      }),
    ),
    timestamp: Type.Optional(time('End of the window.')),
    windowSeconds: optionalCount('Seconds before timestamp that the rates cover.'),
    rates: Type.Optional(InterfaceRates),
    absent: Type.Optional(Absence),
  },
  options('PodNetwork', 'One interface of a pod, the network it is on, and its traffic now.'),
);
export type PodNetwork = Static<typeof PodNetwork>;
export const PodNetworkList = list('PodNetwork', PodNetwork);
export type PodNetworkList = Static<typeof PodNetworkList>;

export const DialLatency = Type.Object(
  {
    p50Seconds: text('Median, seconds, as a quantity.'),
    p99Seconds: text('99th percentile, seconds, as a quantity.'),
  },
  part(
    'DialLatency',
    'How long it takes to connect to the node over the default network: of what each agent sees that dials it, the median.',
  ),
);

export const IpAddresses = Type.Object(
  {
    assigned: count('IP addresses that pods have.'),
    total: count('IP addresses that the node has.'),
    maximum: count('IP addresses that the node can have.'),
    free: count(
      'IP addresses that could still be given to pods: those that the node can have, less those that pods have.',
    ),
    exhaustionSeconds: optionalCount(
      'When no address is left to give, at the trend of the last hour, seconds; absent where they do not become fewer, and before half an hour is known.',
    ),
    enisAllocated: optionalCount('Network interfaces (ENIs) that the node has; absent where it is not known.'),
    enisMaximum: optionalCount('Network interfaces (ENIs) that the node can have; absent where it is not known.'),
  },
  part('IpAddresses', 'What ipamd says of the IP addresses of the node.'),
);
export type IpAddresses = Static<typeof IpAddresses>;

export const NodeNetwork = Type.Object(
  {
    ...header('NodeNetwork'),
    metadata: ClusterMetadata,
    roles: Type.Array(Type.String(), { description: 'Roles of the agents that report for the node: node, probe.' }),
    agentVersion: text('Version of the agent.'),
    bootId: text('Boot that the agent runs under: counters of another one are not compared.'),
    lastReport: time('When the newest report arrived.'),
    intervalMilliseconds: count('Time between two reports, milliseconds.'),
    pods: optionalCount('Pods reported; absent where no agent of role node reports.'),
    interfaces: optionalCount('Interfaces of these pods.'),
    physicalFunctions: optionalCount('SR-IOV physical functions of the node; absent where its agent does not tell.'),
    virtualFunctions: optionalCount('SR-IOV virtual functions of the node; absent where its agent does not tell.'),
    virtualFunctionsInUse: optionalCount('Those of them that a pod has.'),
    ipAddresses: Type.Optional(IpAddresses),
    dialLatency: Type.Optional(DialLatency),
    suspectRatio: Type.Optional(
      Type.Number({
        ...{ minimum: 0, maximum: 1 },
        description:
          'Part of the agents dialling the node that see it failing or slow, on the network where it is most; absent where none dials it.',
      }),
    ),
    suspectNetworks: Type.Optional(
      Type.Array(Type.String(), { description: 'Networks on which an agent sees the node failing or slow.' }),
    ),
    windowSeconds: optionalCount('Seconds before the newest sample that the rates cover.'),
    rates: Type.Optional(InterfaceRates),
    absent: Type.Optional(Absence),
  },
  options('NodeNetwork', "What is known of a node: its agent, and the traffic of its pods together, not its NIC's."),
);
export type NodeNetwork = Static<typeof NodeNetwork>;
export const NodeNetworkList = list('NodeNetwork', NodeNetwork);
export type NodeNetworkList = Static<typeof NodeNetworkList>;

export const VirtualFunction = Type.Object(
  {
    ...header('VirtualFunction'),
    metadata: ClusterMetadata,
    node: text('Node that has it.'),
    pf: text('Its physical function, as an interface of the node.'),
    index: count('Number of the virtual function on its physical function.'),
    pciAddress: text('Its PCI address.'),
    driver: optionalText('Driver bound to it, such as vfio-pci.'),
    numaNode: optionalCount('NUMA node that it is attached to.'),
    mac: optionalText('MAC address that the physical function gave it.'),
    vlan: optionalCount('VLAN that the physical function puts it in; 0: none.'),
    linkState: Type.Optional(
      Type.Union([Type.Literal('auto'), Type.Literal('enable'), Type.Literal('disable')], {
        description: 'Link state as set on the physical function.',
      }),
    ),
    spoofCheck: Type.Optional(Type.Boolean({ description: 'Whether frames with a foreign source are dropped.' })),
    trust: Type.Optional(Type.Boolean({ description: 'Whether it may change its MAC address and be promiscuous.' })),
    minTransmitRateMbps: optionalCount('Bandwidth it is promised, Mbit/s; 0: none.'),
    maxTransmitRateMbps: optionalCount('Bandwidth it is held to, Mbit/s; 0: not held.'),
    pod: Type.Optional(
      Type.Object(
        {
          namespace: text('Its namespace.'),
          name: text('Its name.'),
          uid: optionalText('Its uid; absent where the agent of the node lists no pods.'),
        },
        { description: 'The pod that has it; absent while it is free.' },
      ),
    ),
    ownerSource: Type.Optional(oneOf(DEVICE_OWNER_SOURCES, 'Who says that the pod has it.')),
    interface: optionalText('Interface of the pod that it backs.'),
    network: optionalText('Network of that interface.'),
    nadNamespace: optionalText('Namespace of the NetworkAttachmentDefinition of that network.'),
    container: optionalText('Container that it was given to.'),
    resource: optionalText('Resource that it was allocated as, such as openshift.io/inteldpdk.'),
    counterSource: Type.Optional(oneOf(VF_COUNTER_SOURCES, 'Where its physical function counts for it.')),
    counterAbsence: Type.Optional(oneOf(VF_COUNTER_ABSENCES, 'Why its physical function does not count for it.')),
    timestamp: Type.Optional(time('End of the window.')),
    windowSeconds: optionalCount('Seconds before the newest sample that the rates cover.'),
    rates: Type.Optional(InterfaceRates),
    absent: Type.Optional(Absence),
  },
  options('VirtualFunction', 'One SR-IOV virtual function of a node, the pod that has it, and its traffic now.'),
);
export type VirtualFunction = Static<typeof VirtualFunction>;
export const VirtualFunctionList = list('VirtualFunction', VirtualFunction);
export type VirtualFunctionList = Static<typeof VirtualFunctionList>;

const optionalQuantity = (description: string) => optionalText(`${description}, as a quantity.`);
export const ExplainedInterface = Type.Object(
  {
    name: text('Name of the interface inside the pod.'),
    network: text('Network without its namespace; empty where unknown.'),
    nadNamespace: optionalText('Namespace of its NetworkAttachmentDefinition.'),
    matched: Type.Boolean({ description: 'Whether the metricLabelSelector selects it.' }),
    counted: Type.Boolean({ description: 'Whether it is part of the sum; one that another carries again is not.' }),
    value: optionalQuantity('Its rate'),
    reason: optionalText('Why it is not counted, or has no rate: one word.'),
  },
  part('ExplainedInterface', 'What one interface adds to the value of its pod, and why.'),
);
export type ExplainedInterface = Static<typeof ExplainedInterface>;

export const ExplainedPod = Type.Object(
  {
    name: text('Name of the pod.'),
    uid: text('Uid of the pod.'),
    node: text('Node that it runs on.'),
    value: optionalQuantity('The value that the HPA gets'),
    windowSeconds: optionalCount('Seconds that the value covers.'),
    ageSeconds: Type.Optional(Type.Number({ description: 'Age of the newest sample, seconds.' })),
    samples: Type.Array(
      Type.Object({
        ageSeconds: Type.Number({ description: 'Its age, seconds.' }),
        value: Type.Optional(
          Type.Number({
            description: 'The counter, summed over the interfaces counted; that of the pod where it counts as a whole.',
          }),
        ),
      }),
      { description: 'The samples inside the window, oldest first.' },
    ),
    interfaces: Type.Array(ExplainedInterface, {
      description: 'Every interface of the pod; none where the metric is counted of the pod as a whole.',
    }),
    reason: optionalText('Why there is no value: one word.'),
    message: optionalText('Why there is no value, in a sentence.'),
  },
  part('ExplainedPod', 'How the value of one pod came about.'),
);
export type ExplainedPod = Static<typeof ExplainedPod>;

export const Explanation = Type.Object(
  {
    ...header('Explanation'),
    metadata: NamespacedMetadata,
    metric: text('Metric asked for.'),
    window: text('Time that it is averaged over, such as 60s.'),
    pods: Type.Array(ExplainedPod, { description: 'The pods that the answer is made of.' }),
    total: optionalQuantity('Their sum; absent where a member has no value'),
    members: count('Pods that should have a value.'),
    present: count('Pods that have one.'),
    message: text('The answer in a sentence.'),
  },
  options('Explanation', 'Why a metric has the value it has, or none: pods, interfaces and samples behind it.'),
);
export type Explanation = Static<typeof Explanation>;
