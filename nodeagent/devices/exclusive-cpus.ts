import type { ExclusiveCpu } from '../../openapi/device-report.js';
import { podKeyOf, uidKey } from '../cgroupfs/names.js';
import type { Pod } from '../inventory/pod.js';
import { isObjectName } from '../inventory/report-names.js';
import type { Allocation } from './allocation.js';
import type { CpuManagerState, CpusByName } from './cpu-manager-state.js';
import { numaNodeOf } from './numa.js';

/** Who can tell which CPUs a container has to itself. */
export interface CpuSources {
  /** What the kubelet lists; undefined while it does not. */
  readonly allocations: readonly Allocation[] | undefined;
  /** Its checkpoint; undefined where it cannot be read. */
  readonly state: CpuManagerState | undefined;
  /** By id of the container, from its cgroup; asked for only where nobody else tells. */
  readonly cpusets: () => CpusByName;
  readonly numaNodes: ReadonlyMap<number, number>;
}

/** The CPUs of containers of one pod. */
type Told = readonly { readonly container: string; readonly cpus: readonly number[] }[];

const MAX_CPU = 65_535;

/**
 * The CPUs that containers have to themselves, by uid of the pod; a pod that has none is left out.
 *
 * What the kubelet lists comes first; where no container of the list has a CPU, as of a kubelet that does not tell them, its checkpoint.
 * Cgroups are looked at for pods of which neither tells.
 */
export function resolveExclusiveCpus(
  pods: readonly Pod[],
  sources: CpuSources,
): ReadonlyMap<string, readonly ExclusiveCpu[]> {
  const listed = new ListedCpus(pods, sources.allocations);
  const resolved = new Map<string, readonly ExclusiveCpu[]>();
  for (const pod of pods) {
    if (pod.isEnded === true || pod.machine === true) continue;
    const told =
      listed.of(pod) ?? toldByState(pod, sources.state) ?? (listed.has(pod) ? [] : toldByCgroups(pod, sources.cpusets));
    const cpus = told.flatMap(({ container, cpus: numbers }) => describe(pod, container, numbers, sources.numaNodes));
    if (cpus.length > 0) resolved.set(pod.uid, cpus);
  }
  return resolved;
}

/** What the kubelet lists, by pod. It tells no uid: of two pods of one name, as while one replaces the other, it is neither's. */
class ListedCpus {
  readonly #byPod = new Map<string, Allocation[]>();
  readonly #doubled = new Set<string>();
  /** Pods that have a CPU: old kubelets list the shared ones of each container that has none. */
  readonly #holders = new Map<number, string>();
  readonly #shared = new Set<number>();

  constructor(pods: readonly Pod[], allocations: readonly Allocation[] | undefined) {
    for (const allocation of allocations ?? []) this.#add(nameOf(allocation.namespace, allocation.pod), allocation);
    const seen = new Set<string>();
    for (const { namespace, name } of pods) {
      const key = nameOf(namespace, name);
      if (seen.has(key)) this.#doubled.add(key);
      seen.add(key);
    }
  }

  has({ namespace, name }: Pod): boolean {
    return this.#byPod.has(nameOf(namespace, name));
  }

  /** Undefined where the list does not tell. */
  of({ namespace, name }: Pod): Told | undefined {
    const key = nameOf(namespace, name);
    const allocations = this.#byPod.get(key);
    if (allocations === undefined || this.#holders.size === 0 || this.#doubled.has(key)) return undefined;
    return allocations.map(({ container, cpus }) => ({
      container,
      cpus: cpus.filter((cpu) => !this.#shared.has(cpu)),
    }));
  }

  #add(key: string, allocation: Allocation): void {
    const others = this.#byPod.get(key);
    if (others === undefined) this.#byPod.set(key, [allocation]);
    else others.push(allocation);
    for (const cpu of allocation.cpus) {
      const holder = this.#holders.get(cpu);
      if (holder !== undefined && holder !== key) this.#shared.add(cpu);
      this.#holders.set(cpu, key);
    }
  }
}

/** Undefined where there is no checkpoint: that it has nothing of a pod says that the pod has no CPUs. */
function toldByState(pod: Pod, state: CpuManagerState | undefined): Told | undefined {
  if (state === undefined) return undefined;
  const entries = [...(entriesOf(pod, state) ?? [])].map(([container, cpus]) => ({ container, cpus }));
  const ofPod = entries.filter(({ container }) => isContainerOf(pod, container));
  return [...ofPod, ...byId(pod, state.byContainerId)];
}

/** By the uid in its cgroup too: the kubelet knows a static pod by that, and not by that of its mirror. */
function entriesOf({ uid, container }: Pod, { entries }: CpuManagerState): CpusByName | undefined {
  const own = entries.get(uid);
  if (own !== undefined || container === undefined) return own;
  const inCgroup = container.cgroup
    .split('/')
    .map(podKeyOf)
    .findLast((key) => key !== undefined);
  if (inCgroup === undefined || inCgroup === uidKey(uid)) return undefined;
  return entries.get(inCgroup);
}

function isContainerOf({ containers }: Pod, name: string): boolean {
  return containers === undefined ? isObjectName(name) : containers.some((container) => container.name === name);
}

function toldByCgroups(pod: Pod, cpusets: () => CpusByName): Told {
  return pod.containers?.some(({ id }) => id !== undefined) === true ? byId(pod, cpusets()) : [];
}

function byId({ containers = [] }: Pod, cpusByName: CpusByName): Told {
  return containers.flatMap(({ name, id }) => {
    const cpus = id === undefined ? undefined : cpusByName.get(id);
    return cpus === undefined ? [] : [{ container: name, cpus }];
  });
}

function describe(
  { containers }: Pod,
  container: string,
  cpus: readonly number[],
  numaNodes: CpuSources['numaNodes'],
): ExclusiveCpu[] {
  const containerId = containers?.find(({ name }) => name === container)?.id;
  const numbers = [...new Set(cpus)].filter((cpu) => Number.isInteger(cpu) && cpu >= 0 && cpu <= MAX_CPU);
  const fixed = { container, ...(containerId !== undefined && { containerId }) };
  return numbers.sort((a, b) => a - b).map((cpu) => ({ ...fixed, cpu, ...numaNodeOf(cpu, numaNodes) }));
}

function nameOf(namespace: string, pod: string): string {
  return `${namespace}/${pod}`;
}
