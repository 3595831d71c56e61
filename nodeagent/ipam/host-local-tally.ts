import { setImmediate } from 'node:timers/promises';
import { isWatched, type Judge } from './host-local-judge.js';
import type { HostLocalNetwork } from './host-local-network.js';
import { isInRange, type IpRange } from './ip-range.js';

/** What is told of a range, or of the addresses of a network that are in no known one. */
export interface RangeTally {
  /** Empty: in no known range. */
  readonly range: string;
  /** Undefined: not known. */
  readonly size: bigint | undefined;
  readonly used: number;
  /** Undefined: not known. */
  readonly leaked: number | undefined;
}

interface Count {
  used: number;
  leaked: number;
}

const AT_ONCE = 1_024;

/**
 * Counts the addresses of a network by range.
 * @param ranges undefined where nobody tells them
 * @param judge undefined where nobody can tell whose addresses are
 */
export async function tallyOf(
  network: HostLocalNetwork,
  ranges: readonly IpRange[] | undefined,
  judge: Judge | undefined,
  { nowMs, wallMs }: { readonly nowMs: number; readonly wallMs: number },
): Promise<RangeTally[]> {
  const counts = new Map<IpRange, Count>((ranges ?? []).map((range) => [range, { used: 0, leaked: 0 }]));
  const others: Count = { used: 0, leaked: 0 };
  let isDoubtful = judge === undefined;
  let done = 0;
  for (const reservation of network.reservations.values()) {
    const range = ranges?.find((one) => isInRange(one, reservation.address));
    const count = (range && counts.get(range)) ?? others;
    const verdict = judge?.judge(network, reservation, nowMs, wallMs);
    count.used++;
    if (verdict === 'leaked') count.leaked++;
    isDoubtful ||= verdict === 'unknown';
    if (++done % AT_ONCE === 0) await setImmediate();
  }
  if (isDoubtful) network.watchedSinceMs = undefined;
  else network.watchedSinceMs ??= nowMs;
  const isKnown = isWatched(network, nowMs);
  const tallyFor = (range: string, size: bigint | undefined, { used, leaked }: Count): RangeTally => ({
    ...{ range, size, used },
    leaked: isKnown ? leaked : undefined,
  });
  const tallies = [...counts].map(([{ label, size }, count]) => tallyFor(label, size, count));
  return ranges === undefined || others.used > 0 ? [...tallies, tallyFor('', undefined, others)] : tallies;
}
