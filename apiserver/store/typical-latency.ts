import type { End, Pair } from './dialled-pairs.js';

/** Fewer than so many cannot outvote one that is slow. */
const PAIRS_MIN = 5;

/** How many times the typical latency is slow. */
const SLOW_FACTOR = 4;

/**
 * What is slow on one network, made of what its pairs measured. A node is compared with pairs that it is no end of: with its own among them
 * it would be the rule in a small cluster. Sorted when it is first asked for: while all is well nobody asks.
 */
export class TypicalLatency {
  readonly #pairs: readonly Pair[];
  readonly #floorSeconds: number;
  #sorted: { readonly all: Float64Array; readonly byZones: ReadonlyMap<number, Float64Array> } | undefined;

  /** @param floorSeconds what takes no longer is never slow */
  constructor(pairs: readonly Pair[], floorSeconds: number) {
    this.#pairs = pairs;
    this.#floorSeconds = floorSeconds;
  }

  /**
   * Whether the dials of a pair are slow for one of its ends: they take more than four times the median of the other pairs between the
   * same two zones, in either direction, and more than the floor. Where there are fewer than five of those nobody can tell distance from
   * slowness: then four times the median of all other pairs, or of the floor, whichever is more. Where there are fewer than five at all, as
   * among three nodes, nobody can tell who is slow, and there is but four times the floor.
   */
  isSlow(pair: Pair, judged: End): boolean {
    if (!(pair.seconds > this.#floorSeconds)) return false;
    const { all, byZones } = (this.#sorted ??= sort(this.#pairs));
    const own = [...judged.dialledBy, ...judged.dials].filter(hasLatency);
    const zones = zonesOf(pair);
    const sorted = byZones.get(zones) ?? new Float64Array();
    const ownAlike = own.filter((one) => zonesOf(one) === zones);
    const alike = medianWithout(sorted, ownAlike);
    if (alike !== undefined) return pair.seconds > SLOW_FACTOR * alike;
    const typical = medianWithout(all, own) ?? 0;
    return pair.seconds > SLOW_FACTOR * Math.max(this.#floorSeconds, typical);
  }
}

function sort(pairs: readonly Pair[]) {
  const byZones = new Map<number, number[]>();
  const all = pairs.filter(hasLatency);
  for (const pair of all) {
    const zones = zonesOf(pair);
    const alike = byZones.get(zones);
    if (alike === undefined) byZones.set(zones, [pair.seconds]);
    else alike.push(pair.seconds);
  }
  return {
    all: Float64Array.from(all, ({ seconds }) => seconds).sort(),
    byZones: new Map([...byZones].map(([zones, alike]) => [zones, Float64Array.from(alike).sort()])),
  };
}

function hasLatency({ seconds }: Pair): boolean {
  return !Number.isNaN(seconds);
}

/** More than there are nodes, and hence zones. */
const ZONES_MAX = 2 ** 20;

/** One number for two zones, the same in either direction. */
function zonesOf({ prober, peer }: Pair): number {
  const [a, b] = [prober.node.zone, peer.node.zone];
  return Math.min(a, b) * ZONES_MAX + Math.max(a, b);
}

/**
 * The lower median of what is left without some pairs, all of which are among the sorted.
 * @returns undefined where too few are left
 */
function medianWithout(sorted: Float64Array, pairs: readonly Pair[]): number | undefined {
  const count = sorted.length - pairs.length;
  if (count < PAIRS_MIN) return undefined;
  let place = Math.floor((count - 1) / 2);
  // Each of those left out that is no greater than the median so far moves it up by one.
  const left = pairs.map(({ seconds }) => seconds).sort((a, b) => a - b);
  for (const seconds of left) if (seconds <= (sorted[place] ?? Infinity)) place++;
  return sorted[place];
}
