import { join } from 'node:path';
import { parseCpuList } from '../sysfs/cpu-list.js';
import { lookAt } from './errors.js';
import { CgroupFs } from './fs.js';
import { isGuaranteed } from './names.js';
import { CgroupTree } from './tree.js';

/** The CPUs that the processes of a container of a pod may use, its sandbox's among them. */
export interface ContainerCpuset {
  /** Of the pod; as uidKey() has it. */
  readonly podKey: string;
  /** Undefined: its cgroup has a name that tells none. */
  readonly containerId: string | undefined;
  readonly cpus: readonly number[];
  /** Those that all the pods beside it may use together; none where the kernel does not say. */
  readonly podsCpus: readonly number[];
}

const NO_PODS: ReadonlySet<string> = new Set();

/**
 * The sets of CPUs in the cgroups of pods: of the hierarchy `cpuset` of v1, else of v2. They are where the kubelet and its runtimes have
 * any pod's cgroups, by whatever driver and below whatever root.
 */
export class Cpusets {
  readonly #root: CgroupFs;
  #hierarchy: { readonly fs: CgroupFs; readonly tree: CgroupTree } | undefined;
  /** What was parsed in this round, by text: most containers have the same set. */
  readonly #parsed = new Map<string, readonly number[]>();
  /** What was read in this round, by path of the cgroup that pods are in. */
  readonly #podsCpus = new Map<string, readonly number[]>();

  constructor(root: CgroupFs) {
    this.#root = root;
  }

  /** Whether there is a place where pods have cgroups with sets of CPUs, or may get them. */
  get isUseful(): boolean {
    return this.#hierarchy?.tree.isUseful ?? false;
  }

  /** To be called before the others, with the keys of the pods of interest where they are known. @param nowMs monotonic */
  refresh(nowMs: number, asked: ReadonlySet<string> = NO_PODS): void {
    this.#parsed.clear();
    this.#podsCpus.clear();
    this.#hierarchy ??= this.#find();
    this.#hierarchy?.tree.refresh(asked, nowMs);
  }

  /** Keys of all pods that have cgroups, those of the class Guaranteed apart: the kubelet gives CPUs to no others. */
  pods(): { readonly guaranteed: readonly string[]; readonly others: readonly string[] } {
    const tree = this.#hierarchy?.tree;
    const keys = tree?.keys ?? [];
    const guaranteed = keys.filter((key) => tree?.placesOf(key).every(isGuaranteed));
    const isListed = new Set(guaranteed);
    return { guaranteed, others: keys.filter((key) => !isListed.has(key)) };
  }

  /** The containers of a pod that have a set of CPUs. */
  read(podKey: string): ContainerCpuset[] {
    const places = this.#hierarchy?.tree.containersOf(podKey) ?? [];
    return places.flatMap(({ pod, containers }) => {
      const podsCpus = this.#cpusOfParent(pod.slice(0, pod.lastIndexOf('/')));
      return containers.flatMap(({ path, id }) => {
        const cpus = this.#cpus(path);
        return cpus.length === 0 ? [] : [{ podKey, containerId: id, cpus, podsCpus }];
      });
    });
  }

  #find(): { readonly fs: CgroupFs; readonly tree: CgroupTree } | undefined {
    const name = lookAt(() => this.#root.cpusetHierarchy());
    if (name === undefined || name === 'denied') return undefined;
    const fs = new CgroupFs(join(this.#root.root, name));
    return { fs, tree: new CgroupTree(fs) };
  }

  #cpusOfParent(path: string): readonly number[] {
    const cpus = this.#podsCpus.get(path) ?? this.#cpus(path);
    this.#podsCpus.set(path, cpus);
    return cpus;
  }

  #cpus(path: string): readonly number[] {
    const list = this.#hierarchy?.fs.cpus(path) ?? '';
    const before = this.#parsed.get(list);
    if (before !== undefined) return before;
    const cpus = parseCpuList(list) ?? [];
    this.#parsed.set(list, cpus);
    return cpus;
  }
}
