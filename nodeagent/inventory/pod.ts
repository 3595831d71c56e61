import type { Workload } from '../../openapi/node-report.js';
import type { SkipReason } from '../../openapi/report-terms.js';

/** What a pod's network annotation says of one of its interfaces. */
export interface Attachment {
  readonly network: string;
  readonly nadNamespace: string;
  readonly isDefault: boolean;
  /** Of the device behind it, as its device-info says. */
  readonly pciAddress?: string;
  /** IPv4 and IPv6, where they were asked for and there are any. */
  readonly ips?: readonly string[];
}

/**
 * What a pod's network annotation says without naming an interface: a device that a userspace driver has, or a network whose CNI
 * does not tell its interface.
 */
export type Device = Attachment;

/** A process through which a network namespace can be read. */
export interface NetnsProcess {
  readonly pid: number;
  /** Start of the process, milliseconds since boot: another one is another process with the same pid. Absent: whoever has it will do. */
  readonly startMs?: number;
}

/** A network namespace and the processes through which it can be read, the likeliest to live first. */
export interface Netns {
  /** Of its net/dev, see ProcFs.netInode. */
  readonly inode: number;
  /** Counts up when none of the pod's processes lived on: under the same inode it may be another namespace since. Absent: 0. */
  readonly generation?: number;
  readonly processes: readonly NetnsProcess[];
}

/** A container as the kubelet or the runtime names it; for the labels of predecessors. */
export interface PodContainer {
  readonly name: string;
  readonly image: string;
  /** Of its cgroup, from the root of the hierarchy, such as `/kubepods/burstable/pod<uid>/<id>`. Empty: not known. */
  readonly cgroup: string;
}

/** A pod of this node, and where its counters are to be found. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339. */
  readonly creationTimestamp: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload?: Workload;
  readonly hostNetwork: boolean;
  /** Set where it stands for the machine's own network namespace. */
  readonly machine?: true;
  readonly netns?: Netns;
  /** Without a netns: that it has none (not yet, or no more), or why it cannot be told. */
  readonly netnsAbsence?: 'none' | SkipReason;
  /** By interface name. */
  readonly attachments: ReadonlyMap<string, Attachment>;
  readonly devices?: readonly Device[];
  /** Its first one, in the order of its specification. */
  readonly container?: PodContainer;
  /** All of them, by name; the id of one that has started, as the runtime gave it. */
  readonly containers?: readonly { readonly name: string; readonly id?: string }[];
  /** Names of the ResourceClaims in its namespace that were made or chosen for it. */
  readonly resourceClaims?: readonly string[];
  /** Set where all its containers have ended for good: it has no device any more. */
  readonly isEnded?: true;
}

/** Where pods come from. */
export interface PodSource {
  /** The pods of this moment; undefined while nobody can tell. */
  pods(nowMs: number): readonly Pod[] | undefined;
}

export interface InterfaceNetwork {
  readonly network: string;
  readonly nadNamespace: string;
  readonly primary: boolean;
}

/**
 * The network of an interface: what the annotation says of it. Else the interface of the default route is on the default network, if
 * the annotation does not say where that is: `default` where nobody names it. Of any other nothing is known.
 */
export function networkOf(pod: Pod, interfaceName: string, defaultRoute: string | undefined): InterfaceNetwork {
  const attachment = pod.attachments.get(interfaceName);
  if (attachment !== undefined) {
    return { network: attachment.network, nadNamespace: attachment.nadNamespace, primary: attachment.isDefault };
  }
  if (interfaceName !== defaultRoute) return { network: '', nadNamespace: '', primary: false };
  const devices = pod.devices ?? [];
  const ofDefault = devices.find(({ isDefault, pciAddress }) => isDefault && pciAddress === undefined);
  if (ofDefault !== undefined) {
    return { network: ofDefault.network, nadNamespace: ofDefault.nadNamespace, primary: true };
  }
  const hasOtherDefault = [...pod.attachments.values(), ...devices].some(({ isDefault }) => isDefault);
  return { network: 'default', nadNamespace: '', primary: !hasOtherDefault };
}
