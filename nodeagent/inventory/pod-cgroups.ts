import type { CgroupFs } from '../cgroupfs/fs.js';
import { CgroupTree, type ContainerCgroup, type PodCgroup } from '../cgroupfs/tree.js';
import { parsePidDepth } from '../procfs/cgroup-paths.js';
import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import type { SourceOff } from '../source-states.js';
import { ProcessWalk } from './process-walk.js';

/** Who tells the processes of pods. */
export interface CgroupsState {
  readonly by: 'tree' | 'walk';
  /** Set where the tree does not: why. */
  readonly off?: SourceOff;
  readonly detail?: string;
}

const NO_HOST_PID =
  "cgroup.procs names no process of another pid namespace: give the agent the node's (hostPID). Until then all of /proc is walked";
const HIDDEN = 'the cgroups of the pods list no process: the agent needs the pid namespace of the node (hostPID)';
/** Where process 1 is hidden, any process of a pod might be in the node's network namespace: none is looked for. */
export const HIDDEN_INIT: CgroupsState = {
  ...{ by: 'walk', off: 'not_permitted' },
  detail: 'process 1 may not be looked at: procfs is mounted with hidepid, or is not that of a node',
};
/** A container's cgroup is there before its first process is. */
const HIDDEN_AFTER_MS = 30_000;
/** Source of a process that only the runtime tells of. */
const HINT = 'hint';

/**
 * The processes of pods: by the cgroup tree, or, where that does not tell them, by walking /proc.
 *
 * What has to be given to an agent in a pod (measured on Linux 6.18 with v1 and v2):
 * - The node's /proc mounted read-only, or hostPID, shows the node's processes; `stat <pid>/net/dev`, `<pid>/net/…`, `<pid>/stat` and
 *   `<pid>/cgroup` need no capability and no user, unless procfs is mounted with hidepid.
 * - The cgroup tree mounted read-only tells which cgroups pods have. It does not tell their processes by itself: the kernel writes
 *   cgroup.procs for the pid namespace of the reader, whichever mount it reads through. To a reader in a namespace of its own v1
 *   leaves the node's processes out, v2 writes `0` for each. And the pids of its own that it does list are other processes' in the
 *   node's /proc. So the tree needs hostPID.
 * - /proc mounted without hostPID alone does serve, at a price: every process' cgroup file has to be read once, and /proc listed in every sweep
 *   that looks for a pod, which grows with the processes of the node. `<pid>/cgroup` is shown relative to the cgroup namespace of the
 *   reader (v2: the agent's container; `/../..` stands for what is outside): the pod's own name is in it, but for the agent's own
 *   pod, and the path from the root (cAdvisor's `id`) is not known.
 * - Neither: the agent sees the processes of its own container.
 */
export class PodCgroups {
  readonly #procfs: ProcFs;
  readonly #root: string;
  readonly tree: CgroupTree;
  readonly walk: ProcessWalk;
  /** Whether pids of the tree mean the same processes in procfs. */
  #isShared: boolean | undefined;
  /** Since when the tree lists containers of pods, and whether any ever had a process. */
  #containersSinceMs: number | undefined;
  #hasProcesses = false;
  #nowMs = 0;

  constructor(procfs: ProcFs, cgroupfs: CgroupFs) {
    this.#procfs = procfs;
    this.#root = cgroupfs.root;
    this.tree = new CgroupTree(cgroupfs);
    this.walk = new ProcessWalk(procfs);
  }

  /** Whether refresh() has been called. */
  get isKnown(): boolean {
    return this.#isShared !== undefined;
  }

  get state(): CgroupsState {
    if (this.#isShared === false) return { by: 'walk', off: 'not_permitted', detail: NO_HOST_PID };
    if (this.tree.isUseful) {
      const forMs = this.#nowMs - (this.#containersSinceMs ?? this.#nowMs);
      const isHidden = !this.#hasProcesses && forMs >= HIDDEN_AFTER_MS;
      return { by: 'tree', ...(isHidden && { off: 'not_permitted', detail: HIDDEN }) };
    }
    const { failure } = this.tree;
    if (failure === 'EACCES' || failure === 'EPERM') return { by: 'walk', off: 'not_permitted', detail: this.#root };
    return { by: 'walk', off: 'not_found', detail: `no cgroups of pods below ${this.#root}` };
  }

  /** To be called before read(), with the keys of all pods of interest. */
  refresh(asked: ReadonlySet<string>, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#isShared ??= this.#sharesPids();
    if (this.#isShared) this.tree.refresh(asked, nowMs);
    if (this.state.by === 'walk') this.walk.refresh(asked, nowMs);
    else this.walk.forget();
  }

  /** @param hint the pid of its sandbox, as the runtime has it: for a pod of which no cgroup tells a process */
  read(key: string, hint?: number): PodCgroup {
    const pod = this.state.by === 'walk' ? this.walk.read(key) : this.#readTree(key);
    if (hint === undefined || pod.containers.some(({ pids }) => pids.length > 0)) return pod;
    const hinted = { path: undefined, id: undefined, pids: [hint], source: `${HINT}/${key}` };
    return this.isMember(hint, hinted) ? { ...pod, containers: [...pod.containers, hinted] } : pod;
  }

  /** Equal as long as a pod has the same containers; undefined where only read() tells. */
  containersMark(key: string): string | undefined {
    return this.state.by === 'walk' ? undefined : this.tree.childrenOf(key).sort().join(' ');
  }

  isMember(pid: number, container: ContainerCgroup): boolean {
    const { source } = container;
    if (source.startsWith(`${HINT}/`)) return this.#isPlausible(pid, source.slice(HINT.length + 1));
    return this.state.by === 'walk' ? this.walk.isMember(pid, container) : this.tree.isMember(pid, container);
  }

  /** A process that its own cgroup puts in the pod; on a node where no pods have cgroups of their own, one that is in none. */
  #isPlausible(pid: number, key: string): boolean {
    const actual = this.walk.podKeyOf(pid);
    return actual === key || (actual === '' && !this.tree.isUseful && !this.walk.isUseful);
  }

  #readTree(key: string): PodCgroup {
    const pod = this.tree.read(key);
    if (pod.containers.length > 0) this.#containersSinceMs ??= this.#nowMs;
    this.#hasProcesses ||= pod.containers.some(({ pids }) => pids.length > 0);
    return pod;
  }

  /** Where nothing says so, they are not taken for shared: a pid would be another process'. */
  #sharesPids(): boolean {
    const depth = ifReadable(() => parsePidDepth(this.#procfs.readStart('self/status')));
    return depth === 1;
  }
}
