import type { InterfaceReading } from './collectors/collector.js';
import type { Netns } from './inventory/pod.js';

/** The namespace that a pod was last read in. */
interface Known {
  readonly inode: number;
  readonly generation: number;
  /** Namespaces of the pod before it. */
  readonly epoch: number;
  /** By interface, loopback included. */
  readonly counters: ReadonlyMap<string, readonly number[]>;
}

const LOOPBACK = 'lo';

/**
 * Tells the network namespaces of a pod apart, also where a later one has the inode of an earlier one: the kernel gives the lowest that
 * is free. It is another one when no process of the pod lived on **and** a counter fell. Without the latter it may be the same (a runtime
 * that keeps no process in a sandbox, and a container that was started again): then it is taken for the same, for a counter that
 * goes on rising tells no more than what it counted.
 */
export class NetnsEpochs {
  readonly #known = new Map<string, Known>();

  /** @returns what names the namespace among all of the node at all times */
  idOf(
    uid: string,
    { inode, generation = 0 }: Netns,
    interfaces: readonly InterfaceReading[],
    loopback: readonly number[] = [],
  ): string {
    const before = this.#known.get(uid);
    const counters = new Map([
      ...interfaces.map(({ meta, counters: row }) => [`${meta.name} ${meta.identity}`, row] as const),
      [LOOPBACK, loopback],
    ]);
    const isAnother =
      before !== undefined &&
      (before.inode !== inode || (before.generation !== generation && hasFallen(counters, before.counters)));
    const epoch = (before?.epoch ?? 0) + (isAnother ? 1 : 0);
    this.#known.set(uid, { inode, generation, epoch, counters });
    return epoch === 0 ? String(inode) : `${inode}.${epoch}`;
  }

  /** Forgets the pods that are not among these. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#known.keys()) {
      if (!uids.has(uid)) this.#known.delete(uid);
    }
  }
}

function hasFallen(now: Known['counters'], before: Known['counters']): boolean {
  return [...now].some(([name, row]) => before.get(name)?.some((value, i) => (row[i] ?? value) < value) === true);
}
