import type { DialledPairs, Pair } from './dialled-pairs.js';
import { TypicalLatency } from './typical-latency.js';

/** How the others see a node on a network. */
export interface Suspicion {
  readonly node: string;
  readonly network: string;
  /** Agents that have dialled it; never 0. */
  readonly probers: number;
  /** Those of them that see it failing or slow. */
  readonly seeing: number;
  /** `seeing` as a part of `probers`. */
  readonly ratio: number;
}

/**
 * For every node that others dial, on each network: how many of its probers see it failing or slow, ordered by node and network. A prober
 * that has not dialled it yet says nothing of it; a node without one that has is left out. Of two address families the worse one counts.
 *
 * One that is slow itself sees everybody slow, but is only one of the probers of each.
 * @param floorSeconds a median latency up to this is never slow; what is, beyond it, {@link TypicalLatency} tells
 */
export function suspectsOf(dialled: DialledPairs, nowMs: number, floorSeconds: number): Suspicion[] {
  const ends = dialled.ends(nowMs);
  const isKnown = new Uint8Array(dialled.slots);
  for (const { slot } of ends) isKnown[slot] = 1;
  const probers = new Uint32Array(dialled.slots);
  const seeing = new Uint32Array(dialled.slots);
  const heard: Pair[] = [];
  const late: Pair[] = [];
  for (const dials of dialled.dials(nowMs)) {
    for (const pair of dials) {
      const { slot } = pair.to;
      if (!pair.isTried || isKnown[slot] !== 1) continue;
      heard.push(pair);
      count(probers, slot);
      if (pair.isFailing) count(seeing, slot);
      else if (pair.seconds > floorSeconds) late.push(pair);
    }
  }
  for (const slow of slowOf(late, heard, floorSeconds)) count(seeing, slow.to.slot);
  return ends.flatMap(({ node, network, slot }) => {
    const [all = 0, some = 0] = [probers[slot], seeing[slot]];
    return all === 0 ? [] : [{ node, network, probers: all, seeing: some, ratio: some / all }];
  });
}

function count(counts: Uint32Array, slot: number): void {
  counts[slot] = (counts[slot] ?? 0) + 1;
}

/** Those that are slow for their peer, of some whose latency is above the floor. */
function slowOf(late: readonly Pair[], heard: readonly Pair[], floorSeconds: number): Pair[] {
  if (late.length === 0) return [];
  const byNetwork = new Map<string, Pair[]>();
  for (const pair of heard) {
    const alike = byNetwork.get(pair.to.network);
    if (alike === undefined) byNetwork.set(pair.to.network, [pair]);
    else alike.push(pair);
  }
  const typical = new Map(
    [...byNetwork].map(([network, pairs]) => [network, new TypicalLatency(pairs, floorSeconds)] as const),
  );
  return late.filter((pair) => typical.get(pair.to.network)?.isSlow(pair));
}
