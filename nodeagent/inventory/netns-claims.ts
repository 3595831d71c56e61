import type { Anchor } from './pod-anchors.js';

/** The namespace that most of a pod's containers are in, and how well that is founded. */
export interface Choice {
  readonly inode: number;
  /** Of that namespace, the most senior first. */
  readonly anchors: readonly Anchor[];
  /** The runtime's sandbox is in it. */
  readonly hasSandbox: boolean;
  /** The most senior process of the pod is in it, and more than half of its containers. */
  readonly isRooted: boolean;
}

/** A pod's claim to a namespace. */
export interface Claim {
  readonly inode: number;
  readonly hasSandbox: boolean;
  readonly isRooted: boolean;
  /** It was this pod's the last time, and one of the processes by which it was has not left it. */
  readonly isHeld: boolean;
  /** It was another pod's, or in doubt, while these same processes were in it. */
  readonly isContested: boolean;
}

/**
 * A container may have entered another namespace (nsenter in a privileged pod; a process of its own making is younger, and not asked):
 * the sandbox decides, else the majority of containers, else the most senior process.
 * @param anchors of all containers, the most senior first
 */
export function choose(anchors: readonly Anchor[]): Choice | undefined {
  const groups = new Map<number, Anchor[]>();
  for (const anchor of anchors) {
    const group = groups.get(anchor.inode);
    if (group === undefined) groups.set(anchor.inode, [anchor]);
    else group.push(anchor);
  }
  let best: [number, Anchor[]] | undefined;
  for (const group of groups) {
    const isBetter = best === undefined || (best[1][0]?.isSandbox !== true && group[1].length > best[1].length);
    if (isBetter) best = group;
  }
  if (best === undefined) return undefined;
  const [inode, chosen] = best;
  return {
    inode,
    anchors: chosen,
    hasSandbox: chosen[0]?.isSandbox === true,
    isRooted: chosen[0] === anchors[0] && chosen.length * 2 > anchors.length,
  };
}

/**
 * Whose a namespace is that several pods are in: of the one pod whose sandbox is in it, else of the one that had it before, else of the one
 * that is rooted in it. In doubt it is nobody's. Who once was in doubt is not given it merely because the other one went.
 * @param claims of any key, such as a pod
 * @returns the keys of those who get what they claim
 */
export function grant<K>(claims: ReadonlyMap<K, Claim>): Set<K> {
  const byInode = new Map<number, [K, Claim][]>();
  for (const entry of claims) {
    const { inode } = entry[1];
    const same = byInode.get(inode);
    if (same === undefined) byInode.set(inode, [entry]);
    else same.push(entry);
  }
  const granted = new Set<K>();
  for (const rivals of byInode.values()) {
    const owner = rivals.length === 1 ? undisputed(rivals[0]) : ownerOf(rivals);
    if (owner !== undefined) granted.add(owner[0]);
  }
  return granted;
}

function undisputed<K>(only: [K, Claim] | undefined): [K, Claim] | undefined {
  return only === undefined || (only[1].isContested && !only[1].hasSandbox) ? undefined : only;
}

function ownerOf<K>(rivals: readonly [K, Claim][]): [K, Claim] | undefined {
  for (const has of ['hasSandbox', 'isHeld', 'isRooted'] as const) {
    const best = rivals.filter(([, claim]) => claim[has]);
    if (best.length > 1 && has !== 'isRooted') return undefined;
    if (best.length === 1) return best[0];
  }
  return undefined;
}
