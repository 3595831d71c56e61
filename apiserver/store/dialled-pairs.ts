import type { NodeSeries } from './node-series.js';
import type { ProbeSeries } from './probe-series.js';

/** A node on one network, and the pairs that it is an end of. */
export interface End {
  readonly node: string;
  readonly network: string;
  /** A number of its own, lower than the `slots` of all: what is reckoned of each end is held in arrays. */
  readonly slot: number;
  /** By who dials. */
  readonly dialledBy: ReadonlyMap<NodeSeries, Pair>;
  readonly dials: readonly Pair[];
  /** The zone that most of those that dial it say it is in: one of them alone must not move it. Empty where nobody says. */
  readonly zone: string;
}

/** Two nodes of a network, one of which dials the other, by the newest report of that one. */
export interface Pair {
  readonly prober: NodeSeries;
  readonly from: End;
  readonly to: End;
  /** One for each address family. */
  readonly series: readonly ProbeSeries<'dial'>[];
  /** Of the peer; empty where it is not known. */
  readonly zone: string;
  /** Whether it has been dialled yet. */
  readonly isTried: boolean;
  /** On any address family: the newest dial failed, or half of the newest. */
  readonly isFailing: boolean;
  /** Median of the newest dials that succeeded, of the slowest address family; NaN where none did. */
  readonly seconds: number;
}

interface HeldPair extends Pair {
  readonly from: HeldEnd;
  readonly to: HeldEnd;
  readonly series: ProbeSeries<'dial'>[];
}

class HeldEnd implements End {
  readonly node: string;
  readonly network: string;
  readonly slot: number;
  readonly dialledBy = new Map<NodeSeries, HeldPair>();
  dials: HeldPair[] = [];
  #zone: string | undefined;
  /** Whether an agent of the node has itself reported dials on the network, for as long as anybody speaks of it: then it is there. */
  hasDialled = false;

  constructor(node: string, network: string, slot: number) {
    this.node = node;
    this.network = network;
    this.slot = slot;
  }

  get zone(): string {
    return (this.#zone ??= mostSaid(this.dialledBy.values()));
  }

  add(pair: HeldPair): void {
    const before = this.dialledBy.get(pair.prober);
    this.dialledBy.set(pair.prober, pair);
    if (before?.zone !== pair.zone) this.#zone = undefined;
  }

  /** Unless another one has taken its place. */
  drop(pair: HeldPair): void {
    if (this.dialledBy.get(pair.prober) !== pair) return;
    this.dialledBy.delete(pair.prober);
    this.#zone = undefined;
  }
}

/** Word of so many agents is enough for a node that no agent of its own has spoken for. */
const WITNESSES = 2;

/**
 * Who dials whom, and how that goes, kept as the reports come: a scrape or a query finds it made. It is bounded by what the reports held say.
 *
 * An agent can name nodes and networks that there are not. So an end counts where the node has itself reported dials on the network, or two
 * agents name it, or there is but one that could.
 */
export class DialledPairs {
  /** By node, then by network. */
  readonly #nodes = new Map<string, Map<string, HeldEnd>>();
  readonly #dials = new Map<NodeSeries, readonly HeldPair[]>();
  /** Slots that an end had which is no more. */
  readonly #free: number[] = [];
  #slots = 0;
  #ordered: readonly HeldEnd[] | undefined;

  /** More than any end's slot. */
  get slots(): number {
    return this.#slots;
  }

  /** To be called when an agent of role probe has reported. */
  update(prober: NodeSeries): void {
    const before = this.#dials.get(prober) ?? [];
    for (const { from } of before) from.dials = [];
    const byPeer = new Map<HeldEnd, ProbeSeries<'dial'>[]>();
    for (const series of prober.probes.dial.values()) {
      const { peer, network } = series.reported;
      if (peer === undefined || peer.node === prober.node) continue;
      const to = this.#end(peer.node, network);
      const others = byPeer.get(to);
      if (others === undefined) byPeer.set(to, [series]);
      else others.push(series);
    }
    const dials = [...byPeer].map(([to, series]): HeldPair => {
      const from = this.#end(prober.node, to.network);
      return { prober, from, to, series, ...verdictOf(series) };
    });
    for (const pair of dials) {
      pair.to.add(pair);
      pair.from.dials.push(pair);
      pair.from.hasDialled = true;
    }
    this.#dials.set(prober, dials);
    this.#forget(before);
  }

  /** To be called when what an agent reported is forgotten. */
  remove(prober: NodeSeries): void {
    const before = this.#dials.get(prober) ?? [];
    this.#dials.delete(prober);
    for (const { from } of before) from.dials = [];
    this.#forget(before);
  }

  /** Those that count, ordered by node and network. */
  ends(nowMs: number): readonly End[] {
    this.#ordered ??= [...this.#nodes.values()].flatMap((ends) => [...ends.values()]).sort(byNodeAndNetwork);
    return this.#ordered.filter((end) => this.#isCredible(end, nowMs));
  }

  /** Those of a node that count, in no order. */
  endsOf(node: string, nowMs: number): readonly End[] {
    return [...(this.#nodes.get(node)?.values() ?? [])].filter((end) => this.#isCredible(end, nowMs));
  }

  /** What each agent dials whose report is fresh. */
  *dials(nowMs: number): Generator<readonly Pair[]> {
    for (const [prober, dials] of this.#dials) if (prober.isFresh(nowMs)) yield dials;
  }

  #isCredible(end: HeldEnd, nowMs: number): boolean {
    if (end.hasDialled) return true;
    let witnesses = 0;
    for (const prober of end.dialledBy.keys()) if (prober.isFresh(nowMs) && ++witnesses >= WITNESSES) return true;
    return witnesses > 0 && !this.#couldHaveWitnesses(end, nowMs);
  }

  #couldHaveWitnesses({ node }: End, nowMs: number): boolean {
    let others = 0;
    for (const prober of this.#dials.keys()) {
      if (prober.node !== node && prober.isFresh(nowMs) && ++others >= WITNESSES) return true;
    }
    return false;
  }

  #end(node: string, network: string): HeldEnd {
    let ends = this.#nodes.get(node);
    if (ends === undefined) this.#nodes.set(node, (ends = new Map<string, HeldEnd>()));
    let end = ends.get(network);
    if (end === undefined) {
      ends.set(network, (end = new HeldEnd(node, network, this.#free.pop() ?? this.#slots++)));
      this.#ordered = undefined;
    }
    return end;
  }

  /** Drops the pairs that no others have taken the place of, and ends that nobody speaks of any more. */
  #forget(pairs: readonly HeldPair[]): void {
    for (const pair of pairs) {
      const { from, to } = pair;
      to.drop(pair);
      this.#dropUnused(to);
      this.#dropUnused(from);
    }
  }

  #dropUnused(end: HeldEnd): void {
    if (end.dialledBy.size > 0 || end.dials.length > 0) return;
    const ends = this.#nodes.get(end.node);
    if (ends?.delete(end.network) !== true) return;
    this.#free.push(end.slot);
    if (ends.size === 0) this.#nodes.delete(end.node);
    this.#ordered = undefined;
  }
}

type Verdict = Pick<Pair, 'zone' | 'isTried' | 'isFailing' | 'seconds'>;

/** Of two address families the worse one counts. */
function verdictOf(all: readonly ProbeSeries<'dial'>[]): Verdict {
  let [isTried, isFailing, seconds, zone] = [false, false, NaN, ''];
  for (const { reported } of all) {
    const { peer, recent } = reported;
    zone ||= peer?.zone ?? '';
    if (recent === undefined) continue;
    isTried = true;
    isFailing ||= recent.lastFailed || recent.failures * 2 >= recent.attempts;
    const { medianSeconds = NaN } = recent;
    if (!(medianSeconds <= seconds) && !Number.isNaN(medianSeconds)) seconds = medianSeconds;
  }
  return { zone, isTried, isFailing, seconds };
}

/** Of zones that as many say the first by name. */
function mostSaid(pairs: Iterable<Pair>): string {
  const votes = new Map<string, number>();
  for (const { zone } of pairs) if (zone !== '') votes.set(zone, (votes.get(zone) ?? 0) + 1);
  let [said, most] = ['', 0];
  for (const [zone, count] of votes) {
    if (count > most || (count === most && zone < said)) [said, most] = [zone, count];
  }
  return said;
}

function byNodeAndNetwork(a: End, b: End): number {
  return compare(a.node, b.node) || compare(a.network, b.network);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
