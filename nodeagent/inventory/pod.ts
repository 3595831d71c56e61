import type { Workload } from '../../openapi/node-report.js';

/** What a pod's network annotation says of one of its interfaces. */
export interface Attachment {
  readonly network: string;
  readonly nadNamespace: string;
  readonly isDefault: boolean;
}

/** A network namespace and the processes through which it can be read, the likeliest to live first. */
export interface Netns {
  readonly inode: number;
  readonly pids: readonly number[];
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
  /** Absent while none of its processes is known. */
  readonly netns?: Netns;
  /** By interface name. */
  readonly attachments: ReadonlyMap<string, Attachment>;
}

/** Where pods come from. */
export interface PodSource {
  /** The pods of this moment. */
  pods(nowMs: number): readonly Pod[];
}

export interface InterfaceNetwork {
  readonly network: string;
  readonly nadNamespace: string;
  readonly primary: boolean;
}

/**
 * The network of an interface: what the annotation says; else the interface of the default route is `default`, and of any
 * other nothing is known.
 */
export function networkOf(pod: Pod, interfaceName: string, defaultRoute: string | undefined): InterfaceNetwork {
  const attachment = pod.attachments.get(interfaceName);
  if (attachment !== undefined) {
    return { network: attachment.network, nadNamespace: attachment.nadNamespace, primary: attachment.isDefault };
  }
  if (interfaceName !== defaultRoute) return { network: '', nadNamespace: '', primary: false };
  const hasOtherDefault = [...pod.attachments.values()].some(({ isDefault }) => isDefault);
  return { network: 'default', nadNamespace: '', primary: !hasOtherDefault };
}
