import type { ExclusiveCpu, NodeCpus } from '../../openapi/device-report.js';
import { Cpusets, type ContainerCpuset } from '../cgroupfs/cpusets.js';
import type { CgroupFs } from '../cgroupfs/fs.js';
import { uidKey } from '../cgroupfs/names.js';
import type { Pod } from '../inventory/pod.js';
import type { SourceStates } from '../source-states.js';
import type { Allocations } from './allocation.js';
import { CpuManagerStateFile } from './cpu-manager-state-file.js';
import type { CpuManagerState, CpusByName } from './cpu-manager-state.js';
import { resolveExclusiveCpus } from './exclusive-cpus.js';
import { findEntered, findExclusive } from './exclusive-cpusets.js';
import { numaNodeOf, numaNodesByCpu } from './numa.js';

export interface ExclusiveCpusDeps {
  /** With all hierarchies, as --path.cgroupfs has it. */
  readonly cgroupfs: CgroupFs;
  /** Of the checkpoint of the kubelet's CPU manager. */
  readonly statePath: string;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** The CPUs of the NUMA nodes as of now; the same array for as long as they are the same. */
  readonly nodeCpus: () => readonly NodeCpus[];
}

/** A CPU that a container has to itself, where nobody tells the names of pods. */
export interface UnnamedCpu {
  /** Of the pod as the kubelet has it, with dashes. */
  readonly uid: string;
  readonly containerId: string;
  readonly cpu: number;
  readonly numaNode?: number;
}

/** Some hundreds of files: read seldom where sweeps are frequent. The kubelet itself looks every ten seconds. */
const CPUSETS_EVERY_MS = 10_000;
const SAME_CPUSETS_EVERY_MS = 60_000;

/**
 * Which container has which CPUs to itself; to be asked once in each sweep. Any of what it reads may be missing.
 * Errors of the system that say nothing of a file, such as EMFILE, are thrown.
 */
export class ExclusiveCpus {
  readonly #deps: ExclusiveCpusDeps;
  readonly #file: CpuManagerStateFile;
  readonly #cpusets: Cpusets;
  #found: Found | undefined;
  #numa: { readonly of: readonly NodeCpus[]; readonly byCpu: ReadonlyMap<number, number> } | undefined;

  constructor(deps: ExclusiveCpusDeps) {
    this.#deps = deps;
    this.#file = new CpuManagerStateFile({ path: deps.statePath, states: deps.states });
    this.#cpusets = new Cpusets(deps.cgroupfs);
  }

  /** Whether the CPU manager's checkpoint can be read: it tells all of CPUs that the kubelet would. @param nowMs monotonic */
  hasCheckpoint(nowMs: number): boolean {
    return this.#file.current(nowMs) !== undefined;
  }

  /** By uid of the pod; a pod without any is left out. @param nowMs monotonic */
  resolve(
    pods: readonly Pod[],
    { list }: Pick<Allocations, 'list'>,
    nowMs: number,
  ): ReadonlyMap<string, readonly ExclusiveCpu[]> {
    const state = this.#file.current(nowMs);
    let known: CpusByName | undefined;
    const cpusets = (): CpusByName => (known ??= cpusByContainer(this.#findOf(pods, nowMs)));
    return resolveExclusiveCpus(pods, { allocations: list, state, cpusets, numaNodes: this.#numaNodes() });
  }

  /** Those of all containers of the node, as its cgroups have them: for an agent that asks no Kubernetes API. @param nowMs monotonic */
  list(nowMs: number): UnnamedCpu[] {
    const numaNodes = this.#numaNodes();
    return this.#find(this.#file.current(nowMs), nowMs).flatMap(({ podKey, containerId, cpus }) => {
      if (containerId === undefined) return [];
      return cpus.map((cpu) => ({ uid: podKey, containerId, cpu, ...numaNodeOf(cpu, numaNodes) }));
    });
  }

  /** Containers keep what they got when they were started, unless others come: where none has come, cgroups are looked at seldom. */
  #findOf(pods: readonly Pod[], nowMs: number): readonly ContainerCpuset[] {
    const ids = new Set(pods.flatMap(({ containers = [] }) => containers.flatMap(({ id }) => id ?? [])));
    const before = this.#found;
    const isSame = before?.state === undefined && before?.ids?.size === ids.size && isSubset(ids, before.ids);
    if (isSame && nowMs - before.atMs < SAME_CPUSETS_EVERY_MS) return before.cpusets;
    const found = this.#find(undefined, nowMs, new Set(pods.map(({ uid }) => uidKey(uid))));
    if (this.#found !== undefined && this.#found.atMs === nowMs) this.#found = { ...this.#found, ids };
    return found;
  }

  #find(state: CpuManagerState | undefined, nowMs: number, asked?: ReadonlySet<string>): readonly ContainerCpuset[] {
    const before = this.#found;
    if (before !== undefined && before.state === state && nowMs - before.atMs < CPUSETS_EVERY_MS) return before.cpusets;
    this.#cpusets.refresh(nowMs, asked);
    const { guaranteed, others } = this.#cpusets.pods();
    const read = (keys: readonly string[]): ContainerCpuset[] => keys.flatMap((key) => this.#cpusets.read(key));
    const cpusets =
      state === undefined
        ? findExclusive({ guaranteed: read(guaranteed), others: () => read(others) })
        : findEntered(state, state.entries.size + state.byContainerId.size > 0 ? read(guaranteed) : []);
    this.#found = { state, atMs: nowMs, cpusets };
    return cpusets;
  }

  #numaNodes(): ReadonlyMap<number, number> {
    const of = this.#deps.nodeCpus();
    if (this.#numa?.of !== of) this.#numa = { of, byCpu: numaNodesByCpu(of) };
    return this.#numa.byCpu;
  }
}

interface Found {
  /** The checkpoint that was gone by. */
  readonly state: CpuManagerState | undefined;
  readonly atMs: number;
  readonly cpusets: readonly ContainerCpuset[];
  /** Containers that there were, where those of pods were asked for. */
  readonly ids?: ReadonlySet<string>;
}

function isSubset(ids: ReadonlySet<string>, of: ReadonlySet<string>): boolean {
  for (const id of ids) if (!of.has(id)) return false;
  return true;
}

function cpusByContainer(cpusets: readonly ContainerCpuset[]): CpusByName {
  return new Map(cpusets.flatMap(({ containerId, cpus }) => (containerId === undefined ? [] : [[containerId, cpus]])));
}
