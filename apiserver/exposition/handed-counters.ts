import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { IPAM_FIGURES, type IpamFigure } from '../../metrics/ipam/figures.js';
import type { Clock } from '../../runtime/clock.js';
import type { Lease } from '../../runtime/kube/lease.js';
import { Repeating } from '../../runtime/repeating.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';

export interface HandedCountersDeps {
  readonly lease: Pick<Lease, 'isHolder' | 'term' | 'annotations' | 'annotate'>;
  readonly clock: Clock;
  readonly figures: Pick<IpamFigures, 'total'>;
}

/** By the names of the families, such as podnet_ipam_cluster_add_ip_req_total. */
type Totals = Readonly<Record<string, number>>;

/** What another replica had written, and what this one had counted when it saw that. */
interface Seen {
  readonly written: Totals;
  readonly own: Totals;
}

/** Of the Lease. */
const TOTALS = 'podnet.dev/counters';
const COUNTERS = IPAM_FIGURES.filter(({ kind }) => kind === 'counter');
const NAMES: ReadonlySet<string> = new Set(COUNTERS.map(({ cluster }) => cluster.name));
/** Beyond it a counter would stand still. */
const WRITTEN = Compile(Type.Record(Type.String(), Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })));
const MAX_CHARACTERS = 4_096;
const EVERY_MS = 1_000;
/** The one that was seen soonest after it was written tells most; of older ones too much can have been counted twice. */
const MAX_SEEN = 5;

/**
 * The counters that each replica adds up itself, from its own start: whichever exposes shows them as one chain.
 *
 * What holds: **no value is shown that is not in the annotation of the Lease**, written by the one that shows it in the term in which it does.
 * So whoever takes over knows the highest value that anybody was shown, and never steps back. It goes on with what it counted itself since it saw
 * that value written. What grew between the writing and the seeing is lost, which is a second or two; what the others counted of nodes that
 * this replica hears later than they is counted again. Nobody has counted what grew while no replica was there.
 */
export class HandedCounters {
  readonly #deps: HandedCountersDeps;
  readonly #rounds: Repeating;
  #own: Totals = {};
  /** The annotation as last seen, or written here. */
  #text = '';
  #seen: readonly Seen[] = [];
  #shown: { readonly term: number; readonly totals: Totals } = { term: 0, totals: {} };

  constructor(deps: HandedCountersDeps) {
    this.#deps = deps;
    this.#rounds = new Repeating(async () => {
      await this.round();
      return EVERY_MS;
    });
  }

  start(): this {
    this.#rounds.start();
    return this;
  }

  async close(): Promise<void> {
    await this.#rounds.close();
  }

  /** Undefined where this replica does not hold the Lease, or has not written it yet, or nobody tells it at present. */
  shown(figure: IpamFigure): number | undefined {
    const { lease, clock, figures } = this.#deps;
    if (!lease.isHolder || lease.term !== this.#shown.term) return undefined;
    if (figures.total(figure, clock.monotonicMs()) === undefined) return undefined;
    return this.#shown.totals[figure.cluster.name];
  }

  /** Looks at what is counted and what is written, and writes what is to be shown. */
  async round(): Promise<void> {
    this.#count();
    this.#learn();
    if (this.#deps.lease.isHolder) await this.#write();
  }

  #count(): void {
    const { clock, figures } = this.#deps;
    const nowMs = clock.monotonicMs();
    const own: Record<string, number> = { ...this.#own };
    for (const figure of COUNTERS) {
      const total = figures.total(figure, nowMs);
      if (total !== undefined) own[figure.cluster.name] = total.value;
    }
    this.#own = own;
  }

  #learn(): void {
    const text = this.#deps.lease.annotations[TOTALS] ?? '';
    if (text === this.#text) return;
    this.#text = text;
    const written = parseTotals(text);
    if (written !== undefined) this.#seen = [...this.#seen, { written, own: this.#own }].slice(-MAX_SEEN);
  }

  async #write(): Promise<void> {
    const { lease } = this.#deps;
    const { term } = lease;
    const totals = this.#totals();
    const text = JSON.stringify(totals);
    if (text === '{}' || (text === this.#text && term === this.#shown.term)) return;
    if (!(await lease.annotate({ [TOTALS]: text }))) return;
    this.#text = text;
    this.#shown = { term, totals };
  }

  /** Whatever was seen says how much there was at least. Before its first reading a server has counted nothing. */
  #totals(): Totals {
    const own = this.#own;
    const names = new Set([...Object.keys(own), ...this.#seen.flatMap(({ written }) => Object.keys(written))]);
    const chained = (name: string, { written, own: then }: Seen): number =>
      (written[name] ?? 0) + (own[name] ?? 0) - (then[name] ?? 0);
    return Object.fromEntries(
      [...names].map((name) => [name, Math.max(own[name] ?? 0, ...this.#seen.map((seen) => chained(name, seen)))]),
    );
  }
}

/** @returns undefined for what is none; without counters that are not known here */
function parseTotals(text: string): Totals | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // somebody's own, or of another version
  }
  if (!WRITTEN.Check(value)) return undefined;
  return Object.fromEntries(Object.entries(value).filter(([name]) => NAMES.has(name)));
}
