import type { CgroupFs } from '../cgroupfs/fs.js';
import { uidKey } from '../cgroupfs/names.js';
import { ifReadable, ProcParseError } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { choose, grant, type Choice, type Claim } from './netns-claims.js';
import type { ListedPod } from './listed-pod.js';
import { findAnchors, isSameProcess, isUnchanged } from './pod-anchors.js';
import { HIDDEN_INIT, PodCgroups, type CgroupsState } from './pod-cgroups.js';
import type { SkipReason } from '../../openapi/report-terms.js';
import type { Netns } from './pod.js';

const INIT = 1;
/** How often a pod's processes are looked for again though nothing seems to have changed, while its containers are being started. */
const REREAD_YOUNG_MS = 10_000;
/** How often it is looked whether an older one has got or lost a container. */
const REREAD_MS = 60_000;
const YOUNG_MS = 120_000;
/** Of those, in one sweep. */
const MAX_ROUTINE_REREADS = 32;
/** Processes handed out for one pod: each is asked only if those before it are gone. */
const MAX_PROCESSES = 4;

export type AskedPod = Pick<ListedPod, 'uid' | 'cgroupUid'>;

/** Where a pod is, or why that cannot be told. */
export type Located = {
  /** Paths of its containers' cgroups from the root of the hierarchy, by id, as of the last time they were read. */
  readonly cgroups: ReadonlyMap<string, string>;
} & ({ readonly netns: Netns } | { readonly absence: SkipReason });

export interface PodProcessesDeps {
  readonly procfs: ProcFs;
  readonly cgroupfs: CgroupFs;
  /** Told of what is not one of the expected ways in which a pod cannot be looked at. */
  readonly onError?: (uid: string, error: unknown) => void;
}

/** Of work done since the start. */
export interface PodProcessesCounts {
  /** Cgroups of pods read. */
  podReads: number;
  /** Searches for where pods have their cgroups. */
  searches: number;
  /** Cgroups listed, and cgroup.procs read. */
  lists: number;
  procsReads: number;
  /** Processes of the whole node that are kept an eye on; 0 unless the cgroup tree does not tell those of pods. */
  walked: number;
}

interface Entry {
  readonly uid: string;
  readonly key: string;
  readonly sinceMs: number;
  readMs: number;
  /** What its containers were when its processes were last looked for. */
  mark: string | undefined;
  cgroups: ReadonlyMap<string, string>;
  absence: SkipReason;
  choice: Choice | undefined;
  netns: Netns | undefined;
  /** The last choice there was. */
  found: Choice | undefined;
  generation: number;
  isHeld: boolean;
  isContested: boolean;
}

const NO_CGROUPS: ReadonlyMap<string, string> = new Map();

/**
 * The network namespaces of the node's pods, by the processes in their cgroups. None of the pods may be one that is meant to be in the
 * node's own namespace (hostNetwork).
 *
 * A pod is looked for in every sweep until it is found. From then on it costs a look at one process, and its cgroup is read again when
 * that ended, moved or is another one, or once a minute. A process in the node's namespace says nothing (a container that is being
 * started, conmon, a shim), and one that is not proven to be in the pod's cgroup is not asked.
 */
export class PodProcesses {
  readonly #deps: PodProcessesDeps;
  readonly #cgroups: PodCgroups;
  #entries = new Map<string, Entry>();
  #podReads = 0;
  #isBlind = false;

  constructor(deps: PodProcessesDeps) {
    this.#deps = deps;
    this.#cgroups = new PodCgroups(deps.procfs, deps.cgroupfs);
  }

  /** As of the last locate(). */
  get state(): CgroupsState {
    return this.#isBlind ? HIDDEN_INIT : this.#cgroups.state;
  }

  get counts(): PodProcessesCounts {
    const { lists, reads } = this.#deps.cgroupfs.counts;
    const { tree, walk } = this.#cgroups;
    return { podReads: this.#podReads, searches: tree.searches, lists, procsReads: reads, walked: walk.processes };
  }

  /**
   * @param pods all of the node but those with hostNetwork and those that ended
   * @param hint the pid of a pod's sandbox by the runtime; asked only where a cgroup is read
   * @returns by uid
   */
  locate(
    pods: readonly AskedPod[],
    nowMs: number,
    hint: (uid: string) => number | undefined = () => undefined,
  ): Map<string, Located> {
    this.#keepOnly(pods, nowMs);
    const hostInode = ifReadable(() => this.#deps.procfs.netInode(INIT));
    this.#isBlind = hostInode === undefined;
    if (hostInode !== undefined) this.#look(hostInode, nowMs, hint);
    const claims = new Map<Entry, Claim>();
    for (const entry of this.#entries.values()) {
      const { choice, isHeld, isContested } = entry;
      if (choice === undefined) continue;
      const { inode, hasSandbox, isRooted } = choice;
      claims.set(entry, { inode, hasSandbox, isRooted, isHeld, isContested });
    }
    const granted = this.#isBlind ? new Set<Entry>() : grant(claims);
    const located = new Map<string, Located>();
    for (const entry of this.#entries.values()) {
      entry.isHeld = granted.has(entry);
      entry.isContested = claims.has(entry) && !this.#isBlind && !entry.isHeld;
      located.set(entry.uid, resultOf(entry, this.#isBlind ? 'not_readable' : undefined));
    }
    return located;
  }

  #keepOnly(pods: readonly AskedPod[], nowMs: number): void {
    const before = this.#entries;
    this.#entries = new Map(
      pods.map(({ uid, cgroupUid }) => {
        const known = before.get(uid);
        const key = uidKey(cgroupUid);
        return [uid, known?.key === key ? known : newEntry({ uid, key, sinceMs: nowMs })];
      }),
    );
  }

  #look(hostInode: number, nowMs: number, hint: (uid: string) => number | undefined): void {
    const entries = [...this.#entries.values()];
    const lost = entries.filter((entry) => !this.#isIntact(entry, hostInode));
    const lostOnes = new Set(lost);
    const routine = entries
      .filter((entry) => !lostOnes.has(entry) && nowMs - entry.readMs >= rereadAfter(entry, nowMs))
      .sort((a, b) => a.readMs - b.readMs)
      .slice(0, MAX_ROUTINE_REREADS);
    if (lost.length + routine.length === 0 && this.#cgroups.isKnown) return;
    this.#cgroups.refresh(new Set(entries.map(({ key }) => key)), nowMs);
    const changed = routine.filter((entry) => this.#mayHaveChanged(entry, nowMs));
    for (const entry of [...lost, ...changed]) this.#reread(entry, { hostInode, nowMs, hint: hint(entry.uid) });
  }

  #mayHaveChanged(entry: Entry, nowMs: number): boolean {
    if (rereadAfter(entry, nowMs) === REREAD_YOUNG_MS || entry.mark === undefined) return true;
    if (this.#cgroups.containersMark(entry.key) !== entry.mark) return true;
    entry.readMs = nowMs;
    return false;
  }

  #isIntact({ choice }: Entry, hostInode: number): boolean {
    const first = choice?.anchors[0];
    return first !== undefined && first.inode !== hostInode && isUnchanged(first, this.#deps.procfs);
  }

  #reread(
    entry: Entry,
    { hostInode, nowMs, hint }: { hostInode: number; nowMs: number; hint: number | undefined },
  ): void {
    this.#podReads++;
    entry.readMs = nowMs;
    const before = entry.choice;
    entry.choice = undefined;
    try {
      entry.mark = this.#cgroups.containersMark(entry.key);
      const pod = this.#cgroups.read(entry.key, hint);
      entry.cgroups = new Map(
        pod.containers.flatMap(({ id, path }) => (id === undefined || path === undefined ? [] : [[id, path]])),
      );
      const isMember = this.#cgroups.isMember.bind(this.#cgroups);
      const { anchors, absence } = findAnchors(pod, { procfs: this.#deps.procfs, hostInode, isMember, hint });
      entry.absence = absence;
      entry.choice = choose(anchors);
    } catch (error) {
      entry.absence = error instanceof ProcParseError ? 'unparsable' : 'failed';
      this.#deps.onError?.(entry.uid, error);
    }
    const isContinued = entry.choice !== undefined && before !== undefined && continues(entry.choice, before);
    entry.isHeld &&= isContinued;
    entry.isContested &&= isContinued;
    entry.netns = entry.choice && remember(entry, entry.choice);
  }
}

function newEntry(of: Pick<Entry, 'uid' | 'key' | 'sinceMs'>): Entry {
  return {
    ...of,
    readMs: of.sinceMs,
    mark: undefined,
    cgroups: NO_CGROUPS,
    absence: 'no_process',
    choice: undefined,
    netns: undefined,
    found: undefined,
    generation: 0,
    isHeld: false,
    isContested: false,
  };
}

function rereadAfter({ sinceMs, isContested }: Entry, nowMs: number): number {
  return isContested || nowMs - sinceMs < YOUNG_MS ? REREAD_YOUNG_MS : REREAD_MS;
}

/** A namespace lives as long as a process is in it: with one of the former ones in it, it is the same and not merely its number. */
function continues(choice: Choice, before: Choice): boolean {
  return (
    choice.inode === before.inode &&
    choice.anchors.some((anchor) => before.anchors.some((other) => isSameProcess(anchor, other)))
  );
}

/** What was found goes on, or is the next of its kind. */
function remember(entry: Entry, choice: Choice): Netns {
  const { inode, anchors } = choice;
  if (entry.found !== undefined && !continues(choice, entry.found)) entry.generation++;
  entry.found = choice;
  return {
    inode,
    generation: entry.generation,
    processes: anchors.slice(0, MAX_PROCESSES).map(({ pid, startMs }) => ({ pid, startMs })),
  };
}

function resultOf({ cgroups, netns, isHeld, absence, choice }: Entry, unseen: SkipReason | undefined): Located {
  if (unseen !== undefined) return { cgroups, absence: unseen };
  if (netns !== undefined && isHeld) return { cgroups, netns };
  return { cgroups, absence: choice === undefined ? absence : 'shared_namespace' };
}
