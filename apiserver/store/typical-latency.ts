import type { Pair } from './dialled-pairs.js';

/** Fewer than so many cannot outvote one that is slow. */
const PAIRS_MIN = 5;

/** How many times the typical latency is slow. */
const SLOW_FACTOR = 4;

/** More than there are nodes, and hence zones. */
const ZONES_MAX = 2 ** 20;

/** Latencies, seconds, ascending. */
type Sorted = Float64Array;

/**
 * What is slow on one network, made of what its pairs measured. A node is compared with pairs that it is no end of: with its own among them
 * it would be the rule in a small cluster.
 */
export class TypicalLatency {
  readonly #measured: readonly Pair[];
  readonly #floorSeconds: number;
  readonly #byZones: ReadonlyMap<number, Sorted>;
  readonly #zones = new Map<string, number>();
  /** Made when they are first asked for: in a large cluster seldom. */
  #all: { readonly pairs: ReadonlySet<Pair>; readonly sorted: Sorted } | undefined;

  /** @param floorSeconds what takes no longer is never slow */
  constructor(pairs: readonly Pair[], floorSeconds: number) {
    const measured = pairs.filter(({ seconds }) => !Number.isNaN(seconds));
    const byZones = new Map<number, number[]>();
    for (const pair of measured) {
      const zones = this.#zonesOf(pair);
      const alike = byZones.get(zones);
      if (alike === undefined) byZones.set(zones, [pair.seconds]);
      else alike.push(pair.seconds);
    }
    this.#measured = measured;
    this.#floorSeconds = floorSeconds;
    this.#byZones = new Map([...byZones].map(([zones, alike]) => [zones, new Float64Array(alike).sort()]));
  }

  /**
   * Whether the dials of a pair are slow for the node dialled: they take more than four times the median of the other pairs between the
   * same two zones, in either direction, and more than the floor. Where there are fewer than five of those nobody can tell distance from
   * slowness: then four times the median of all other pairs, or of the floor, whichever is more. Where there are fewer than five at all, as
   * among three nodes, nobody can tell who is slow, and there is but four times the floor.
   */
  isSlow(pair: Pair): boolean {
    const { seconds, to } = pair;
    if (!(seconds > this.#floorSeconds)) return false;
    const zones = this.#zonesOf(pair);
    const alike = this.#byZones.get(zones) ?? new Float64Array();
    const [least, most] = medianBounds(alike, to.dialledBy.size + to.dials.length);
    if (seconds > SLOW_FACTOR * most) return true;
    if (seconds <= SLOW_FACTOR * least) return false;
    const all = (this.#all ??= {
      pairs: new Set(this.#measured),
      sorted: new Float64Array(this.#measured.map((one) => one.seconds)).sort(),
    });
    const own = [...to.dialledBy.values(), ...to.dials].filter((one) => all.pairs.has(one));
    const ownAlike = own.filter((one) => this.#zonesOf(one) === zones);
    const typical = medianWithout(alike, ownAlike);
    return seconds > SLOW_FACTOR * (typical ?? Math.max(this.#floorSeconds, medianWithout(all.sorted, own) ?? 0));
  }

  /** One number for two zones, the same in either direction. */
  #zonesOf({ from, to }: Pair): number {
    const [a, b] = [this.#numberOf(from.zone), this.#numberOf(to.zone)];
    return Math.min(a, b) * ZONES_MAX + Math.max(a, b);
  }

  #numberOf(zone: string): number {
    let number = this.#zones.get(zone);
    if (number === undefined) this.#zones.set(zone, (number = this.#zones.size));
    return number;
  }
}

/**
 * Between what the lower median is without up to so many, whichever these are: in a large cluster that mostly decides, and costs nothing.
 * @returns of 0 and Infinity where too few may be left
 */
function medianBounds(sorted: Sorted, without: number): [least: number, most: number] {
  const count = sorted.length - without;
  if (count < PAIRS_MIN) return [0, Infinity];
  const place = Math.floor((count - 1) / 2);
  return [sorted[place] ?? 0, sorted[place + without] ?? Infinity];
}

/**
 * The lower median of what is left without some pairs, all of which are among the sorted.
 * @returns undefined where too few are left
 */
function medianWithout(sorted: Sorted, pairs: readonly Pair[]): number | undefined {
  const count = sorted.length - pairs.length;
  if (count < PAIRS_MIN) return undefined;
  let place = Math.floor((count - 1) / 2);
  // Each of those left out that is no greater than the median so far moves it up by one.
  const left = pairs.map(({ seconds }) => seconds).sort((a, b) => a - b);
  for (const seconds of left) if (seconds <= (sorted[place] ?? Infinity)) place++;
  return sorted[place];
}
