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
  /** Whether the tree has listed containers of pods, and whether any had a process. */
  #hasContainers = false;
  #hasProcesses = false;

  constructor(procfs: ProcFs, cgroupfs: CgroupFs) {
    this.#procfs = procfs;
    this.#root = cgroupfs.root;
    this.tree = new CgroupTree(cgroupfs);
    this.walk = new ProcessWalk(procfs);
  }

  get state(): CgroupsState {
    if (this.#isShared === false) return { by: 'walk', off: 'not_permitted', detail: NO_HOST_PID };
    if (this.tree.isUseful) {
      const isHidden = this.#hasContainers && !this.#hasProcesses;
      return { by: 'tree', ...(isHidden && { off: 'not_permitted', detail: HIDDEN }) };
    }
    const { failure } = this.tree;
    if (failure === 'EACCES' || failure === 'EPERM') return { by: 'walk', off: 'not_permitted', detail: this.#root };
    return { by: 'walk', off: 'not_found', detail: `no cgroups of pods below ${this.#root}` };
  }

  /** To be called before read(), with the keys of all pods of interest. */
  refresh(asked: ReadonlySet<string>, nowMs: number): void {
    this.#isShared ??= this.#sharesPids();
    if (this.#isShared) this.tree.refresh(asked, nowMs);
    if (this.state.by === 'walk') this.walk.refresh(asked, nowMs);
  }

  read(key: string): PodCgroup {
    if (this.state.by === 'walk') return this.walk.read(key);
    const pod = this.tree.read(key);
    this.#hasContainers ||= pod.containers.length > 0;
    this.#hasProcesses ||= pod.containers.some(({ pids }) => pids.length > 0);
    return pod;
  }

  isMember(pid: number, container: ContainerCgroup): boolean {
    return this.state.by === 'walk' ? this.walk.isMember(pid, container) : this.tree.isMember(pid, container);
  }

  /** Where nothing says so, they are not taken for shared: a pid would be another process'. */
  #sharesPids(): boolean {
    const depth = ifReadable(() => parsePidDepth(this.#procfs.readStart('self/status')));
    return depth === 1;
  }
}
