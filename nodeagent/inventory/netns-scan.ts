import { isDenied, isGone } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import type { Netns, NetnsProcess } from './pod.js';

/** A process that starts in one namespace and then moves (every container does) has done so by this age. */
const SETTLED_AFTER_MS = 10_000;
/** How often a settled process is looked at again. */
const RECHECK_EVERY_MS = 10_000;

interface Seen {
  inode: number;
  readonly firstMs: number;
  checkedMs: number;
}

/**
 * Finds the network namespaces of all processes, and the processes of each. A process is looked at when it is new, until it has
 * settled, and then every ten seconds; whoever reads through a process checks the inode it got, so a stale entry costs a retry
 * and never a wrong name.
 */
export class NetnsScan {
  readonly #procfs: ProcFs;
  readonly #seen = new Map<number, Seen>();
  /** Processes that may not be looked at (procfs mounted with hidepid). */
  denied = 0;

  constructor(procfs: ProcFs) {
    this.#procfs = procfs;
  }

  /** @returns namespaces by inode; processes by pid, so that the oldest of a namespace is asked first */
  scan(nowMs: number): Map<number, Netns> {
    const pids = this.#procfs.pids();
    const alive = new Set(pids);
    for (const pid of this.#seen.keys()) {
      if (!alive.has(pid)) this.#seen.delete(pid);
    }
    const found = new Map<number, { readonly inode: number; readonly processes: NetnsProcess[] }>();
    this.denied = 0;
    for (const pid of pids) {
      const inode = this.#inodeOf(pid, nowMs);
      if (inode === undefined) continue;
      const netns = found.get(inode);
      if (netns === undefined) found.set(inode, { inode, processes: [{ pid }] });
      else netns.processes.push({ pid });
    }
    return found;
  }

  /** To be called for a process that turned out to be in another namespace, so that the next scan looks at it. */
  forget(pid: number): void {
    this.#seen.delete(pid);
  }

  #inodeOf(pid: number, nowMs: number): number | undefined {
    const seen = this.#seen.get(pid);
    const isSettled = seen !== undefined && nowMs - seen.firstMs >= SETTLED_AFTER_MS;
    if (isSettled && nowMs - seen.checkedMs < RECHECK_EVERY_MS) return seen.inode;
    try {
      const inode = this.#procfs.netInode(pid);
      if (seen === undefined) this.#seen.set(pid, { inode, firstMs: nowMs, checkedMs: nowMs });
      else Object.assign(seen, { inode, checkedMs: nowMs });
      return inode;
    } catch (error) {
      this.#seen.delete(pid);
      if (isDenied(error)) this.denied++;
      else if (!isGone(error)) throw error;
      return undefined;
    }
  }
}
