import { uidKey } from '../cgroupfs/names.js';
import type { ListedPod } from './listed-pod.js';

/**
 * Whoever may create pods may call one the mirror of a static pod, with the uid of another pod: it would be given that one's traffic.
 * A uid, in whatever spelling cgroups have it, belongs to the pod that has it, else to the oldest mirror that claims it; two of one
 * second get none of it.
 */
export function withOwnCgroups(pods: readonly ListedPod[]): ListedPod[] {
  const owners = new Map<string, ListedPod | undefined>();
  for (const pod of pods) {
    const key = uidKey(pod.cgroupUid);
    owners.set(key, owners.has(key) ? olderOf(owners.get(key), pod) : pod);
  }
  for (const pod of pods) owners.set(uidKey(pod.uid), pod);
  return pods.map((pod) => {
    const { uid, cgroupUid } = pod;
    return uid === cgroupUid || owners.get(uidKey(cgroupUid)) === pod ? pod : { ...pod, cgroupUid: uid };
  });
}

function olderOf(a: ListedPod | undefined, b: ListedPod): ListedPod | undefined {
  if (a === undefined) return undefined;
  const difference = Date.parse(a.creationTimestamp) - Date.parse(b.creationTimestamp);
  return difference === 0 ? undefined : difference < 0 ? a : b;
}
