import type { ListedPod } from './listed-pod.js';

/**
 * Whoever may create pods may call one the mirror of a static pod, with the uid of another pod: it would be given that one's traffic.
 * A uid belongs to the pod that has it, else to the only mirror that claims it; several get none of it.
 */
export function withOwnCgroups(pods: readonly ListedPod[]): ListedPod[] {
  const uids = new Set(pods.map(({ uid }) => uid));
  const claims = new Map<string, number>();
  for (const { cgroupUid } of pods) claims.set(cgroupUid, (claims.get(cgroupUid) ?? 0) + 1);
  return pods.map((pod) => {
    const { uid, cgroupUid } = pod;
    const isOwn = uid === cgroupUid || (!uids.has(cgroupUid) && claims.get(cgroupUid) === 1);
    return isOwn ? pod : { ...pod, cgroupUid: uid };
  });
}
