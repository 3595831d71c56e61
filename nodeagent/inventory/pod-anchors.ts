import type { ContainerCgroup, PodCgroup } from '../cgroupfs/tree.js';
import { isDenied, isGone } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseStartTime } from '../procfs/process.js';
import type { SkipReason } from '../../openapi/report-terms.js';

/** Of a container, looked at for the oldest: the lowest pids (v1), or those that are longest in the cgroup (v2). */
const MAX_CANDIDATES = 64;
/** A pod with more containers than this is judged by as many. */
const MAX_ANCHORS = 32;

/** A process of a pod, proven to be in its cgroup and in a network namespace that is not the node's. */
export interface Anchor {
  readonly pid: number;
  /** Milliseconds since boot, in steps of 10. */
  readonly startMs: number;
  readonly inode: number;
  /** It is what the runtime calls the pod's sandbox. */
  readonly isSandbox: boolean;
}

export interface AnchorSearch {
  readonly procfs: ProcFs;
  readonly hostInode: number;
  readonly isMember: (pid: number, container: ContainerCgroup) => boolean;
  /** The sandbox as the runtime has it. */
  readonly hint: number | undefined;
}

/** What the processes of a pod say, the sandbox first, then the oldest. */
export interface FoundAnchors {
  readonly anchors: readonly Anchor[];
  /** Why there are none. */
  readonly absence: SkipReason;
}

/** The oldest process of each container: it is the one that was made to be in the pod, and that others were made by. */
export function findAnchors({ containers, isDenied: isCgroupDenied }: PodCgroup, search: AnchorSearch): FoundAnchors {
  const seen = { host: false, denied: isCgroupDenied };
  const anchors: Anchor[] = [];
  for (const container of containers) {
    if (anchors.length >= MAX_ANCHORS) break;
    const anchor = firstProven(container, search, seen);
    if (anchor !== undefined) anchors.push(anchor);
  }
  const absence = seen.denied ? 'not_readable' : seen.host ? 'host_namespace' : 'no_process';
  return { anchors: anchors.sort(bySeniority), absence };
}

/** Whether a process still is the one that was proven, and in the same namespace. */
export function isUnchanged({ pid, startMs, inode }: Anchor, procfs: ProcFs): boolean {
  try {
    return procfs.netInode(pid) === inode && startOf(pid, procfs) === startMs;
  } catch (error) {
    if (isGone(error) || isDenied(error)) return false;
    throw error;
  }
}

export function isSameProcess(a: Anchor, b: Anchor): boolean {
  return a.pid === b.pid && a.startMs === b.startMs;
}

interface Seen {
  host: boolean;
  denied: boolean;
}

function firstProven(container: ContainerCgroup, search: AnchorSearch, seen: Seen): Anchor | undefined {
  const { procfs, hint } = search;
  const starts = new Map<number, number>();
  const isHinted = hint !== undefined && container.pids.includes(hint);
  for (const pid of [...(isHinted ? [hint] : []), ...container.pids.slice(0, MAX_CANDIDATES)]) {
    const startMs = attempt(() => startOf(pid, procfs), seen);
    if (startMs !== undefined) starts.set(pid, startMs);
  }
  const rank = (pid: number): number => (pid === hint ? 0 : 1);
  const oldest = [...starts].sort(([a, aMs], [b, bMs]) => rank(a) - rank(b) || aMs - bMs || a - b);
  for (const [pid, startMs] of oldest) {
    const inode = attempt(() => prove({ pid, startMs, container }, search), seen);
    if (inode === search.hostInode) seen.host = true;
    else if (inode !== undefined) return { pid, startMs, inode, isSandbox: pid === hint };
  }
  return undefined;
}

/**
 * That the namespace and the cgroup are those of one process: it had the pid before and has it after both were looked at. What was read of a
 * process that ended meanwhile, or of another that got its pid, is given up.
 * @returns the namespace
 */
function prove(
  { pid, startMs, container }: { pid: number; startMs: number; container: ContainerCgroup },
  { procfs, isMember }: AnchorSearch,
): number | undefined {
  const inode = procfs.netInode(pid);
  const isProven = isMember(pid, container) && procfs.netInode(pid) === inode && startOf(pid, procfs) === startMs;
  return isProven ? inode : undefined;
}

function startOf(pid: number, procfs: ProcFs): number {
  return parseStartTime(procfs.readStart(`${pid}/stat`));
}

function attempt<T>(look: () => T, seen: Seen): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isDenied(error)) seen.denied = true;
    else if (!isGone(error)) throw error;
    return undefined;
  }
}

function bySeniority(a: Anchor, b: Anchor): number {
  return Number(b.isSandbox) - Number(a.isSandbox) || a.startMs - b.startMs || a.pid - b.pid;
}
