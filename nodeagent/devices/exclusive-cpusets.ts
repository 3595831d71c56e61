import type { ContainerCpuset } from '../cgroupfs/cpusets.js';
import { uidKey } from '../cgroupfs/names.js';
import type { CpuManagerState } from './cpu-manager-state.js';

export interface PodCpusets {
  /** Of the containers of Guaranteed pods. */
  readonly guaranteed: readonly ContainerCpuset[];
  /** Of all other containers; asked for only where it matters. */
  readonly others: () => readonly ContainerCpuset[];
}

/**
 * The containers that have CPUs to themselves, as far as their cgroups alone can tell.
 *
 * The static CPU manager gives each of them a set of its own, and all other containers what is left, which is never nothing. A sandbox is
 * nobody's to manage: it has the whole set of the pods. So a set is a container's own if it is less than the whole, and no other
 * container has any CPU of it but those that have the whole. Where such sets make up the whole, one of them is what is left for a
 * single container that shares it with nobody as yet, and nothing tells which: none is told.
 *
 * Right after a container got CPUs, the others still have them for as long as the kubelet takes to move them, ten seconds or so:
 * until then it has none.
 * @see Kubernetes pkg/kubelet/cm/cpumanager/cpu_manager.go, reconcileState()
 */
export function findExclusive({ guaranteed, others }: PodCpusets): readonly ContainerCpuset[] {
  const candidates = guaranteed.filter(isNarrow);
  if (candidates.length === 0) return [];
  const narrow = [...candidates, ...others().filter(isNarrow)];
  const uses = countUses(narrow);
  const exclusive = candidates.filter(({ cpus }) => cpus.every((cpu) => uses.get(cpu) === 1));
  return exclusive.length === narrow.length && isEverything(exclusive) ? [] : exclusive;
}

/**
 * The containers that have CPUs to themselves by the checkpoint, which tells the name of a container and not its cgroup: those that have
 * the set of an entry of their pod. A container that has ended has left its entry for a while, and no cgroup.
 */
export function findEntered(
  { entries, byContainerId }: CpuManagerState,
  cpusets: readonly ContainerCpuset[],
): readonly ContainerCpuset[] {
  const byKey = new Map([...entries].map(([uid, byName]) => [uidKey(uid), new Set([...byName.values()].map(String))]));
  return cpusets.filter(({ podKey, containerId = '', cpus }) => {
    const own = String(cpus);
    return byKey.get(podKey)?.has(own) === true || String(byContainerId.get(containerId) ?? []) === own;
  });
}

/** Less than what the pods may use together; not so where that is not known. */
function isNarrow({ cpus, podsCpus }: ContainerCpuset): boolean {
  if (podsCpus.length === 0) return false;
  const own = new Set(cpus);
  return podsCpus.some((cpu) => !own.has(cpu));
}

function countUses(cpusets: readonly ContainerCpuset[]): ReadonlyMap<number, number> {
  const uses = new Map<number, number>();
  for (const { cpus } of cpusets) {
    for (const cpu of cpus) uses.set(cpu, (uses.get(cpu) ?? 0) + 1);
  }
  return uses;
}

function isEverything(cpusets: readonly ContainerCpuset[]): boolean {
  const own = new Set(cpusets.flatMap(({ cpus }) => cpus));
  return cpusets.some(({ podsCpus }) => podsCpus.every((cpu) => own.has(cpu)));
}
