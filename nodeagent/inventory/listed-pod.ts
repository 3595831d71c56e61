import type { ListedAddresses } from './listed-addresses.js';
import type { Pod } from './pod.js';

/** A pod of this node as the Kubernetes API has it. */
export interface ListedPod extends Omit<Pod, 'netns' | 'netnsAbsence' | 'machine' | 'container' | 'isEnded'> {
  /** What the kubelet calls it in the names of cgroups: of a static pod that is another uid than that of its mirror. */
  readonly cgroupUid: string;
  /** waiting: it has no address and no process yet; ended: all its containers have, for good. */
  readonly phase: 'waiting' | 'running' | 'ended';
  readonly isTerminating: boolean;
  /** Absent: it is in the node's network. */
  readonly addresses?: ListedAddresses;
  /** Its first container, in the order of its specification. */
  readonly container?: {
    readonly name: string;
    readonly image: string;
    /** Of the runtime, without its scheme; absent before it has started. */
    readonly id?: string;
  };
}
