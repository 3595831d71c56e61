import { containerIdOf, isContainerOfPod, isHelper, podKeyOf } from '../cgroupfs/names.js';
import type { ContainerCgroup, PodCgroup } from '../cgroupfs/tree.js';
import { parseCgroupPaths } from '../procfs/cgroup-paths.js';
import { ifReadable, isDenied, isGone } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';

/** A process that is being started is moved to its cgroup by this age. */
const SETTLED_AFTER_MS = 10_000;
/** A pid may come to be another process'. */
const REREAD_AFTER_MS = 60_000;
/** Of one sweep, some 15 µs each; the others have their turn in the next. */
const MAX_READS = 4_096;
/** Processes that are remembered. */
const MAX_PROCESSES = 65_536;

/** Where a pod's process is: the pod, and the container among its cgroups. */
interface Place {
  readonly key: string;
  readonly container: string;
  readonly path: string | undefined;
}

interface Seen {
  readonly firstMs: number;
  readonly readMs: number;
  readonly place: Place | undefined;
}

/**
 * Finds the processes of pods where the cgroup tree does not tell them: by the cgroup of every process there is. That costs a listing
 * of /proc a sweep, and one file for each new process.
 */
export class ProcessWalk {
  readonly #procfs: ProcFs;
  #seen = new Map<number, Seen>();
  #pods = new Map<string, ContainerCgroup[]>();
  #hasPods = false;
  /** Some process may not be looked at (procfs mounted with hidepid). */
  #hasDenied = false;

  constructor(procfs: ProcFs) {
    this.#procfs = procfs;
  }

  /** Whether any process was seen in a pod's cgroup, whichever pod's. */
  get isUseful(): boolean {
    return this.#hasPods;
  }

  /** Processes that are known. */
  get processes(): number {
    return this.#seen.size;
  }

  refresh(asked: ReadonlySet<string>, nowMs: number): void {
    const before = this.#seen;
    this.#seen = new Map();
    this.#hasDenied = false;
    let reads = 0;
    for (const pid of ifReadable(() => this.#procfs.pids()) ?? []) {
      if (this.#seen.size >= MAX_PROCESSES) break;
      const known = before.get(pid);
      const isDue = known === undefined || isDueAgain(known, nowMs);
      if (isDue && reads++ < MAX_READS) {
        this.#seen.set(pid, { firstMs: known?.firstMs ?? nowMs, readMs: nowMs, place: this.#placeOf(pid) });
      } else if (known !== undefined) this.#seen.set(pid, known);
    }
    this.#pods = this.#containers(asked);
  }

  /** What was seen is of no use while the processes of pods are told otherwise. */
  forget(): void {
    this.#seen.clear();
    this.#pods.clear();
  }

  read(key: string): PodCgroup {
    return { containers: this.#pods.get(key) ?? [], isDenied: this.#hasDenied };
  }

  isMember(pid: number, { source }: ContainerCgroup): boolean {
    const place = this.#placeOf(pid);
    return place !== undefined && sourceOf(place) === source;
  }

  /** Key of the pod that a process is in; '' outside of pods; undefined where that is not to be seen. */
  podKeyOf(pid: number): string | undefined {
    const text = ifReadable(() => this.#procfs.readStart(`${pid}/cgroup`));
    return text === undefined ? undefined : (placeIn(text)?.key ?? '');
  }

  #placeOf(pid: number): Place | undefined {
    try {
      const place = placeIn(this.#procfs.readStart(`${pid}/cgroup`));
      this.#hasPods ||= place !== undefined;
      return place;
    } catch (error) {
      if (isDenied(error)) this.#hasDenied = true;
      else if (!isGone(error)) throw error;
      return undefined;
    }
  }

  #containers(asked: ReadonlySet<string>): Map<string, ContainerCgroup[]> {
    const found = new Map<string, { readonly place: Place; readonly pids: number[] }>();
    for (const [pid, { place }] of this.#seen) {
      if (place === undefined || !asked.has(place.key)) continue;
      const same = found.get(sourceOf(place));
      if (same === undefined) found.set(sourceOf(place), { place, pids: [pid] });
      else same.pids.push(pid);
    }
    const pods = new Map<string, ContainerCgroup[]>();
    for (const [source, { place, pids }] of found) {
      const container = { path: place.path, id: containerIdOf(place.container), pids, source };
      pods.set(place.key, [...(pods.get(place.key) ?? []), container]);
    }
    return pods;
  }
}

function isDueAgain({ firstMs, readMs }: Seen, nowMs: number): boolean {
  return readMs - firstMs < SETTLED_AFTER_MS || nowMs - readMs >= REREAD_AFTER_MS;
}

function sourceOf({ key, container }: Place): string {
  return `${key}/${container}`;
}

/** The outermost pod of the first hierarchy that has one: what is inside it is no pod of this node. */
function placeIn(text: string): Place | undefined {
  for (const path of parseCgroupPaths(text)) {
    const names = path.split('/');
    const at = names.findIndex((name) => podKeyOf(name) !== undefined);
    const pod = names[at];
    const key = pod === undefined ? undefined : podKeyOf(pod);
    if (pod === undefined || key === undefined) continue;
    const end = isContainerOfPod(pod) ? at : Math.min(at + 1, names.length - 1);
    const container = names[end] ?? '';
    if (isHelper(container)) return undefined;
    const isWhole = !path.startsWith('/..');
    return { key, container, path: isWhole ? names.slice(0, end + 1).join('/') : undefined };
  }
  return undefined;
}
