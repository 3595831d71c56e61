import { Histogram, type HistogramConfiguration } from 'prom-client';

type Config = Omit<HistogramConfiguration<'group'>, 'labelNames'> & { readonly buckets: readonly number[] };
type Metric = Awaited<ReturnType<Histogram<'group' | 'le'>['get']>>;

/** What was observed of a group; `counts` goes with the buckets, each for itself, and last what is in none. */
interface Observed {
  readonly counts: Float64Array;
  sum: number;
}

/**
 * Ages of values, by the API group that answered them. prom-client looks its labels up anew for each value that a histogram is told: one
 * answer has a thousand, and an HPA query is to take few milliseconds.
 */
export class SampleAges extends Histogram<'group' | 'le'> {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #groups = new Map<string, Observed>();

  constructor(config: Config) {
    super({ ...config, buckets: [...config.buckets], labelNames: ['group'] });
    this.#name = config.name;
    this.#bounds = config.buckets;
  }

  /** @returns what is to be told of each value of a group how old it is, milliseconds */
  ofGroup(group: string): (ageMs: number) => void {
    const bounds = this.#bounds;
    const observed = this.#groups.get(group) ?? { counts: new Float64Array(bounds.length + 1), sum: 0 };
    this.#groups.set(group, observed);
    return (ageMs) => {
      const seconds = ageMs / 1_000;
      let bucket = 0;
      while (bucket < bounds.length && seconds > (bounds[bucket] ?? Infinity)) bucket++;
      observed.counts[bucket] = (observed.counts[bucket] ?? 0) + 1;
      observed.sum += seconds;
    };
  }

  override async get(): Promise<Metric> {
    const metric = await super.get();
    return { ...metric, values: [...this.#groups].flatMap(([group, observed]) => this.#valuesOf(group, observed)) };
  }

  /** None of a group that nothing was observed of. */
  #valuesOf(group: string, { counts, sum }: Observed): Metric['values'] {
    let count = 0;
    const buckets = [...this.#bounds, '+Inf'].map((le, i) => {
      count += counts[i] ?? 0;
      return { metricName: `${this.#name}_bucket`, labels: { le, group }, value: count };
    });
    if (count === 0) return [];
    const of = { labels: { group } };
    return [
      ...buckets,
      { ...of, metricName: `${this.#name}_sum`, value: sum },
      { ...of, metricName: `${this.#name}_count`, value: count },
    ];
  }
}
