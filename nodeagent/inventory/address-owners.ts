import type { Sandbox } from '../cri/sandbox.js';
import type { AddressOwners } from '../ipam/host-local-owners.js';
import type { ListedPod } from './listed-pod.js';

export interface KnownSandboxes {
  /** Ids of those that are ready, also of one that is not its pod's newest. */
  readonly ready: ReadonlySet<string>;
  /** The newest of each pod. */
  readonly newest: Iterable<Sandbox>;
}

/**
 * Who may have addresses: pods that have a network of their own and have not ended for good, and their sandboxes.
 * @param pods undefined where the list is not that of now
 * @param sandboxes undefined where the runtime is not asked, does not answer, or does not tell all
 * @returns undefined where nobody can tell
 */
export function addressOwners(
  pods: Iterable<ListedPod> | undefined,
  sandboxes: KnownSandboxes | undefined,
): AddressOwners | undefined {
  if (pods === undefined && sandboxes === undefined) return undefined;
  const living = pods && [...pods].filter(({ hostNetwork, phase }) => !hostNetwork && phase !== 'ended');
  const uids = living && new Set(living.map(({ cgroupUid }) => cgroupUid));
  return {
    ...(sandboxes !== undefined && { sandboxIds: livingIds(sandboxes, uids) }),
    ...(living !== undefined && { pods: living.map(addressesOf) }),
  };
}

/** One whose process has ended holds its addresses until the kubelet has it stopped, which it does as long as there is the pod. */
function livingIds({ ready, newest }: KnownSandboxes, uids: ReadonlySet<string> | undefined): Set<string> {
  const ids = new Set(ready);
  for (const { id, uid, isNetnsClosed } of newest) {
    if (!isNetnsClosed && (uids === undefined || uids.has(uid))) ids.add(id);
  }
  return ids;
}

function addressesOf({ addresses, creationTimestamp }: ListedPod): NonNullable<AddressOwners['pods']>[number] {
  return {
    addresses: addresses?.known ?? [],
    areAll: addresses?.areAll ?? false,
    createdMs: Date.parse(creationTimestamp),
  };
}
