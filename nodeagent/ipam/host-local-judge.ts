import { setImmediate } from 'node:timers/promises';
import type { HostLocalNetwork, Reservation } from './host-local-network.js';
import type { AddressOwners, PodAddresses } from './host-local-owners.js';
import { parseIp, renderIp } from './ip-range.js';

/** leaked: surely no living pod has it, and none has had it for a while; unknown: one might. */
export type Verdict = 'used' | 'leaked' | 'unknown';

/** The kubelet gives the making of a sandbox four minutes (twice --runtime-request-timeout); until then nobody need know of its pod. */
const LEAST_AGE_MS = 300_000;
/** How long it has to be seen that no living pod has an address: pods end before their addresses are given back. */
const LEAST_WATCHED_MS = 120_000;
/** How far the node's clock and the API server's may be apart. */
const CLOCKS_APART_MS = 600_000;
const AT_ONCE = 64;

/** Whose addresses the reservations of all networks are, by what is known of the pods at this moment. */
export interface Judge {
  /** @param nowMs monotonic. @param wallMs of the node */
  judge(network: HostLocalNetwork, reservation: Reservation, nowMs: number, wallMs: number): Verdict;
}

/**
 * A reservation is a sandbox's. Where the runtime tells which sandboxes live, that decides. Else the sandboxes live that have an address
 * of a living pod, with all that they have, in whatever network; a pod that may have addresses that nobody tells (its network annotation is
 * missing, or it has just been made) may have any that was given since it was made.
 */
export async function createJudge(
  networks: readonly HostLocalNetwork[],
  { sandboxIds, pods }: AddressOwners,
): Promise<Judge> {
  const addresses = new Set<string>();
  const living = new Set<string>(sandboxIds);
  let unknownSinceMs = pods === undefined ? -Infinity : Infinity;
  for (const [i, pod] of (pods ?? []).entries()) {
    if (i > 0 && i % AT_ONCE === 0) await setImmediate();
    const own = pod.addresses.flatMap(canonical);
    const ids = own.flatMap((address) => holdersOf(networks, address));
    for (const address of own) addresses.add(address);
    for (const id of ids) living.add(id);
    if (ids.length === 0 && !pod.areAll) unknownSinceMs = Math.min(unknownSinceMs, pod.createdMs);
  }
  const isDecided = ({ sandboxId, modifiedMs }: NonNullable<Reservation['content']>): boolean =>
    (sandboxIds !== undefined && sandboxId !== undefined) || modifiedMs < unknownSinceMs - CLOCKS_APART_MS;
  return {
    judge(network, reservation, nowMs, wallMs) {
      const { name, isFile, content } = reservation;
      const isOwned = addresses.has(name) || living.has(content?.sandboxId ?? '');
      if (isOwned || !isFile) {
        delete reservation.orphanSinceMs;
        return 'used';
      }
      if (content === undefined || !network.isSeen(reservation)) return 'unknown';
      if (!isDecided(content)) return wallMs - content.modifiedMs < LEAST_AGE_MS ? 'used' : 'unknown';
      reservation.orphanSinceMs ??= nowMs;
      const isOld = wallMs - content.modifiedMs >= LEAST_AGE_MS;
      return isOld && nowMs - reservation.orphanSinceMs >= LEAST_WATCHED_MS ? 'leaked' : 'used';
    },
  };
}

/** Whether it has been watched long enough for a number of leaked addresses, also of none. @param nowMs monotonic */
export function isWatched({ watchedSinceMs }: HostLocalNetwork, nowMs: number): boolean {
  return watchedSinceMs !== undefined && nowMs - watchedSinceMs >= LEAST_WATCHED_MS;
}

/** The sandboxes that have an address: in each network one may. */
function holdersOf(networks: readonly HostLocalNetwork[], address: string): string[] {
  return networks.flatMap(({ reservations }) => reservations.get(address)?.content?.sandboxId ?? []);
}

function canonical(text: PodAddresses['addresses'][number]): string[] {
  const address = parseIp(text);
  return address === undefined ? [] : [renderIp(address)];
}
