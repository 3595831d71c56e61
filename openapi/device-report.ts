import { Type, type Static, type TSchema } from 'typebox';
import { definition } from './definition.js';
import * as pattern from './patterns.js';
import { COUNTER_MAX, name, namespace, token } from './report-fields.js';
import { DEVICE_OWNER_SOURCES, REPORT_LIMITS, VF_COUNTER_ABSENCES, VF_COUNTER_SOURCES } from './report-terms.js';

/** Decimal digits of a kernel u64. */
const U64_DIGITS = 20;

const interfaceName = (description: string) =>
  Type.String({
    pattern: pattern.INTERFACE_NAME,
    minLength: 1,
    maxLength: pattern.INTERFACE_NAME_MAX,
    description,
  });
const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description });
const numaNode = (description: string) => Type.Integer({ minimum: 0, maximum: 1_023, description });
const PciAddress = Type.String({ pattern: pattern.PCI_ADDRESS });

const countersOf = <T extends TSchema>(counter: T, description: string) =>
  Type.Record(Type.String({ pattern: pattern.VF_COUNTER_KEY, maxLength: pattern.VF_COUNTER_KEY_MAX }), counter, {
    maxProperties: REPORT_LIMITS.countersPerVf,
    description: `${description}; one that is not there is not known.`,
  });
export const RawCounter = Type.String({ pattern: '^[0-9]+$', minLength: 1, maxLength: U64_DIGITS });
export const CountedCounter = Type.Integer({ minimum: 0, maximum: COUNTER_MAX });
const RawCounters = countersOf(
  RawCounter,
  'Cumulative since the driver made the VF, whoever had it, in decimal digits: exact where a double is not',
);
const CountedCounters = countersOf(CountedCounter, 'Cumulative');

export const PhysicalFunctionReport = Type.Object(
  {
    name: interfaceName('Its interface on the node; without one its RDMA device, else its PCI address.'),
    pciAddress: PciAddress,
    numaNode: Type.Optional(numaNode('NUMA node that it is attached to.')),
    driver: Type.Optional(token('Driver bound to it.')),
    linkLayer: oneOf(['ethernet', 'infiniband'], 'By its PCI class.'),
    virtualFunctions: Type.Integer({ minimum: 0, maximum: 65_535, description: 'VFs that are there.' }),
    totalVirtualFunctions: Type.Integer({ minimum: 0, maximum: 65_535, description: 'VFs that it could have.' }),
    counterSource: Type.Optional(oneOf(VF_COUNTER_SOURCES, 'Where the counters of its VFs come from.')),
    counterAbsence: Type.Optional(oneOf(VF_COUNTER_ABSENCES, 'Why they have none.')),
  },
  { ...definition('v1alpha1.PhysicalFunctionReport'), description: 'One SR-IOV physical function of the node.' },
);
export type PhysicalFunctionReport = Static<typeof PhysicalFunctionReport>;

export const DeviceOwner = Type.Object(
  {
    podUid: Type.Optional(token('Uid of the pod; left out by an agent that asks no Kubernetes API.')),
    namespace: namespace('Namespace of the pod.'),
    pod: name('Name of the pod.'),
    container: Type.Optional(name('Container the device was given to.')),
    resource: Type.Optional(Type.String({ pattern: pattern.LABEL_KEY, maxLength: pattern.LABEL_KEY_MAX })),
    interface: Type.Optional(interfaceName('Interface of the pod that it backs.')),
    network: Type.String({ pattern: pattern.NETWORK_NAME, maxLength: pattern.NETWORK_NAME_MAX }),
    nadNamespace: Type.String({ pattern: `${pattern.NAMESPACE}|^$`, maxLength: pattern.NAMESPACE_MAX }),
    source: oneOf(DEVICE_OWNER_SOURCES, 'Who says so.'),
  },
  { ...definition('v1alpha1.DeviceOwner'), description: 'The pod that has a VF, and what it is there.' },
);
export type DeviceOwner = Static<typeof DeviceOwner>;

export const VirtualFunctionReport = Type.Object(
  {
    pf: interfaceName('Physical function, by its name there.'),
    vf: Type.Integer({ minimum: 0, maximum: 65_535, description: 'Index of the VF on its PF.' }),
    pciAddress: PciAddress,
    numaNode: Type.Optional(numaNode('NUMA node that it is attached to.')),
    driver: Type.Optional(token('Driver bound to the VF, such as vfio-pci.')),
    mac: Type.Optional(Type.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5,19}$', maxLength: 59 })),
    vlan: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_095 })),
    linkState: Type.Optional(oneOf(['auto', 'enable', 'disable'], 'As set on the PF.')),
    spoofCheck: Type.Optional(Type.Boolean()),
    trust: Type.Optional(Type.Boolean()),
    minTransmitRateMbps: Type.Optional(Type.Integer({ minimum: 0 })),
    maxTransmitRateMbps: Type.Optional(Type.Integer({ minimum: 0 })),
    owner: Type.Optional(DeviceOwner),
    epoch: token('Changes when the VF changes hands, or its counters come from elsewhere.'),
    isCurrent: Type.Boolean({
      description: 'Whether its counters are of the newest sample; else they are for the base alone.',
    }),
    raw: Type.Optional(RawCounters),
    /** Since its owner got it. */
    counted: Type.Optional(CountedCounters),
    /** What nobody can be credited with: counted while nobody had the VF, or around a hand-over. */
    unattributed: Type.Optional(CountedCounters),
  },
  { ...definition('v1alpha1.VirtualFunctionReport'), description: 'One SR-IOV virtual function of the node.' },
);
export type VirtualFunctionReport = Static<typeof VirtualFunctionReport>;

/** What an agent that was started again goes on from: the owner's figures go on where they stood. */
export const VirtualFunctionBase = Type.Object(
  {
    pciAddress: PciAddress,
    epoch: token('That of the counts.'),
    ownerKey: Type.Optional(
      Type.String({
        pattern: pattern.TOKEN,
        minLength: 1,
        maxLength: pattern.OWNER_KEY_MAX,
        description: 'Uid of the pod that had it, or its namespace/name where the uid is not known.',
      }),
    ),
    raw: RawCounters,
    counted: Type.Optional(CountedCounters),
    unattributed: Type.Optional(CountedCounters),
  },
  {
    ...definition('v1alpha1.VirtualFunctionBase'),
    description: 'What the counters of a VF stood at when it was reported last.',
  },
);
export type VirtualFunctionBase = Static<typeof VirtualFunctionBase>;

export const ExclusiveCpu = Type.Object(
  {
    container: name('Container that has it.'),
    containerId: Type.Optional(token('Id of the container, as the runtime gave it.')),
    cpu: Type.Integer({ minimum: 0, maximum: 65_535 }),
    numaNode: Type.Optional(numaNode('NUMA node of the CPU.')),
  },
  { ...definition('v1alpha1.ExclusiveCpu'), description: 'A CPU that a container has to itself.' },
);
export type ExclusiveCpu = Static<typeof ExclusiveCpu>;

export const NodeCpus = Type.Object(
  {
    numaNode: numaNode('NUMA node.'),
    cpus: Type.String({
      pattern: '^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$',
      maxLength: REPORT_LIMITS.cpuListLength,
    }),
  },
  { ...definition('v1alpha1.NodeCpus'), description: 'The CPUs of a NUMA node, as the kernel lists them: 0-3,8-11.' },
);
export type NodeCpus = Static<typeof NodeCpus>;
