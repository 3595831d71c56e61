import { codeOf, lookAt } from './errors.js';
import type { CgroupFs } from './fs.js';
import { containerIdOf, isContainerOfPod, isHelper, podKeyOf } from './names.js';
import { parseProcs } from './procs.js';
import { findParents, type Parents } from './search.js';

/** Between two searches: where a pod is not found that was not looked for before, and the longest, for one that never is. */
const SEARCH_EVERY_MS = 10_000;
const SEARCH_SELDOM_MS = 300_000;
/** Cgroups listed in one search, of all hierarchies, some 20 µs each. */
const MAX_LISTED = 8_192;
const MAX_CONTAINERS = 256;
/** Cgroups inside a container that are looked at for its processes, and how deep. */
const MAX_INNER = 32;
const MAX_INNER_DEPTH = 4;

/** A container of a pod, and processes in it. */
export interface ContainerCgroup {
  /** From the root of the hierarchy, such as `/kubepods/burstable/pod<uid>/<id>`. Undefined: not known. */
  readonly path: string | undefined;
  readonly id: string | undefined;
  readonly pids: readonly number[];
  /** Where the pids were found; for who told them. */
  readonly source: string;
}

export interface PodCgroup {
  readonly containers: readonly ContainerCgroup[];
  /** Some of it may not be looked at. */
  readonly isDenied: boolean;
}

/** The cgroups of a pod in one place; paths are as CgroupFs takes them. */
export interface PodContainers {
  readonly pod: string;
  readonly containers: readonly { readonly path: string; readonly id: string | undefined }[];
}

/**
 * The pods' part of a cgroup tree. Where pods are is searched for once; from then on a pod is found by listing those few cgroups, and
 * its processes by what is in its own: however many processes and cgroups the node has.
 */
export class CgroupTree {
  readonly #fs: CgroupFs;
  #hierarchy = '';
  #parents: readonly string[] = [];
  #pods = new Map<string, string[]>();
  /** Pods that the last search did not find. */
  #missed: ReadonlySet<string> = new Set();
  #searchedMs = -Infinity;
  #intervalMs = SEARCH_EVERY_MS;
  /** Of searches. */
  searches = 0;
  /** Why the tree could not be listed: a code of the system; undefined when it could. */
  failure: string | undefined;

  constructor(fs: CgroupFs) {
    this.#fs = fs;
  }

  /** Whether there is a place where pods have cgroups. */
  get isUseful(): boolean {
    return this.#parents.length > 0;
  }

  /** Looks where pods have cgroups for what is there now. @param asked keys of all pods of interest */
  refresh(asked: ReadonlySet<string>, nowMs: number): void {
    this.#list();
    this.#missed = new Set([...this.#missed].filter((key) => asked.has(key)));
    const missed = new Set([...asked].filter((key) => !this.#pods.has(key)));
    if (missed.size === 0 && this.isUseful) return;
    const isNews = [...missed].some((key) => !this.#missed.has(key));
    if (nowMs - this.#searchedMs < (isNews ? SEARCH_EVERY_MS : this.#intervalMs)) return;
    this.#search(asked);
    this.#list();
    this.#searchedMs = nowMs;
    this.#intervalMs = isNews ? SEARCH_EVERY_MS : Math.min(this.#intervalMs * 2, SEARCH_SELDOM_MS);
    this.#missed = new Set([...missed].filter((key) => !this.#pods.has(key)));
  }

  /** What is in a pod's cgroup at this moment; of a pod that the last refresh() found. */
  read(key: string): PodCgroup {
    const containers: ContainerCgroup[] = [];
    let isDenied = false;
    for (const pod of this.#pods.get(key) ?? []) {
      const paths = this.#containerPaths(pod);
      if (paths === 'denied') isDenied = true;
      for (const path of paths === 'denied' ? [] : paths) {
        const container = this.#readContainer(path);
        if (container === 'denied') isDenied = true;
        else containers.push(container);
      }
      // a runtime in a virtual machine may put its own processes beside the containers
      if (containers.every(({ pids }) => pids.length === 0)) {
        const own = this.#procs(pod);
        if (own !== 'denied' && own.length > 0) containers.push(this.#container(pod, own));
      }
    }
    return { containers, isDenied };
  }

  /** Keys of the pods that the last refresh() found: those of interest, and whatever else is there by the name of one. */
  get keys(): readonly string[] {
    return [...this.#pods.keys()];
  }

  /** The cgroups of a pod. */
  placesOf(key: string): readonly string[] {
    return this.#pods.get(key) ?? [];
  }

  /** Where a pod's containers have their cgroups, its sandbox among them. Of these nothing has been read. */
  containersOf(key: string): PodContainers[] {
    return (this.#pods.get(key) ?? []).map((pod) => {
      const paths = this.#containerPaths(pod);
      return {
        pod,
        containers: paths === 'denied' ? [] : paths.map((path) => ({ path, id: containerIdOf(baseName(path)) })),
      };
    });
  }

  /** The cgroups in a pod's, which change when it gets or loses a container. */
  childrenOf(key: string): string[] {
    return (this.#pods.get(key) ?? []).flatMap((pod) => {
      const names = lookAt(() => this.#fs.children(pod));
      return names === undefined || names === 'denied' ? [] : names;
    });
  }

  /** Whether a process still is where it was found. */
  isMember(pid: number, { source }: ContainerCgroup): boolean {
    const pids = this.#procs(source);
    return pids !== 'denied' && pids.includes(pid);
  }

  #containerPaths(pod: string): string[] | 'denied' {
    if (isContainerOfPod(baseName(pod))) return [pod];
    const names = lookAt(() => this.#fs.children(pod)) ?? [];
    if (names === 'denied') return 'denied';
    const containers = names.filter((name) => !isHelper(name)).slice(0, MAX_CONTAINERS);
    return containers.map((name) => `${pod}/${name}`);
  }

  /** Its processes; where it has none itself (systemd in it, crun's `container`), the nearest below it, but no pod's inside it. */
  #readContainer(path: string): ContainerCgroup | 'denied' {
    let level = [path];
    let looked = 0;
    for (let depth = 0; depth <= MAX_INNER_DEPTH && level.length > 0; depth++) {
      const next: string[] = [];
      for (const inner of level) {
        if (++looked > MAX_INNER) break;
        const pids = this.#procs(inner);
        if (pids === 'denied') return 'denied';
        if (pids.length > 0) return { ...this.#container(path, pids), source: inner };
        const names = lookAt(() => this.#fs.children(inner));
        if (names === 'denied' || names === undefined) continue;
        next.push(...names.filter((name) => podKeyOf(name) === undefined).map((name) => `${inner}/${name}`));
      }
      level = next;
    }
    return this.#container(path, []);
  }

  #container(path: string, pids: readonly number[]): ContainerCgroup {
    return {
      path: `/${path.slice(this.#hierarchy.length).replace(/^\/+/, '')}`,
      id: containerIdOf(baseName(path)),
      pids,
      source: path,
    };
  }

  #procs(path: string): readonly number[] | 'denied' {
    const text = lookAt(() => this.#fs.procs(path));
    if (text === 'denied') return 'denied';
    return text === undefined ? [] : parseProcs(text);
  }

  #list(): void {
    const pods = new Map<string, string[]>();
    this.#parents = this.#parents.filter((parent) => {
      const names = lookAt(() => this.#fs.children(parent));
      if (names === undefined || names === 'denied') return false;
      for (const name of names) {
        const key = podKeyOf(name);
        if (key === undefined) continue;
        pods.set(key, [...(pods.get(key) ?? []), `${parent}/${name}`]);
      }
      return true;
    });
    this.#pods = pods;
  }

  /** In the first hierarchy that has most of the pods. */
  #search(asked: ReadonlySet<string>): void {
    this.searches++;
    let listed = 0;
    const list = (path: string): readonly string[] => {
      const names = ++listed > MAX_LISTED ? undefined : lookAt(() => this.#fs.children(path));
      return names === undefined || names === 'denied' ? [] : names;
    };
    let best: Parents = { paths: [], found: 0 };
    this.#hierarchy = '';
    for (const root of this.#hierarchies()) {
      const parents = findParents({ list, root, asked });
      const isBetter = parents.found > best.found || (best.paths.length === 0 && parents.paths.length > 0);
      if (!isBetter) continue;
      best = parents;
      this.#hierarchy = root;
      if (parents.found === asked.size) break;
    }
    this.#parents = best.paths;
  }

  #hierarchies(): string[] {
    this.failure = undefined;
    try {
      return this.#fs.hierarchies();
    } catch (error) {
      this.failure = codeOf(error);
      return [];
    }
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
