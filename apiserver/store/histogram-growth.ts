import { LATENCY_BOUNDS, PROBE_COLUMNS } from '../../openapi/report-terms.js';
import { newestRow, type Readings } from './rate.js';

/** What a probe came to over some time. */
export interface HistogramGrowth {
  /** Probes that took no longer than each of LATENCY_BOUNDS, then all. */
  readonly counts: readonly number[];
  /** Seconds that these took together. */
  readonly sum: number;
  /** In the order of PROBE_REASONS of the kind. */
  readonly failures: readonly number[];
  /** What that is the growth of; steps that are left out are not in it. */
  readonly spanMs: number;
}

/**
 * Growth of the readings of a ProbeSeries over the window that ends with its newest one, however old that is. The rules are those of
 * counterRate, for all columns at once: at least the last two readings; a step in which anything fell is left out with its time, unless
 * a later epoch proves that the counts began anew, and what they stand at is the growth. A later epoch under which nothing fell
 * proves nothing. No column is ever negative, nor is what lies between two buckets.
 * @returns undefined where there are no two readings to go by
 */
export function histogramGrowth(readings: Readings, windowMs: number): HistogramGrowth | undefined {
  const { takenAtMs, values, width } = readings;
  const grown = new Float64Array(width - 1);
  let last = newestRow(readings);
  const since = at(takenAtMs, last) - windowMs;
  let spanMs = 0;
  let pairs = 0;
  for (let row = last - 1; row >= 0; row--) {
    if (pairs > 0 && at(takenAtMs, row) < since) break;
    if (Number.isNaN(at(values, row * width + width - 1))) continue; // not read then
    if (addStep(grown, readings, row, last)) spanMs += at(takenAtMs, last) - at(takenAtMs, row);
    pairs++;
    last = row;
  }
  if (spanMs === 0) return undefined;
  return {
    counts: [...grown.subarray(0, PROBE_COLUMNS.count + 1)],
    sum: at(grown, PROBE_COLUMNS.sum),
    failures: [...grown.subarray(PROBE_COLUMNS.failures)],
    spanMs,
  };
}

/**
 * Adds what each column grew by between two rows, where that can be told: a list of all nodes has some hundred thousand of them.
 * @returns whether it can
 */
function addStep(grown: Float64Array, { values, width }: Readings, from: number, to: number): boolean {
  const [before, after] = [from * width, to * width];
  const [earlier, later] = [at(values, before + width - 1), at(values, after + width - 1)];
  /** What is counted from: what stood there before, or, where the counts began anew, nothing. */
  let part = 1;
  const growthOf = (column: number): number => at(values, after + column) - part * at(values, before + column);
  if (earlier !== later) {
    const isNew = earlier >= 0 && later > earlier && grown.some((_, column) => growthOf(column) < 0);
    if (!isNew) return false;
    part = 0;
  }
  // Whether probes can have added that: a bucket holds all that the one before it does.
  for (let column = 0; column < width - 1; column++) {
    const least = column > 0 && column <= PROBE_COLUMNS.count ? growthOf(column - 1) : 0;
    if (!(growthOf(column) >= least)) return false;
  }
  for (let column = 0; column < width - 1; column++) grown[column] = at(grown, column) + growthOf(column);
  return true;
}

/**
 * The seconds that a share of probes took no longer than, as histogram_quantile of Prometheus has it: linear within the bucket, the
 * first of which begins at 0; above the last bound that bound.
 * @param cumulative by LATENCY_BOUNDS, then all, none lower than the one before it
 * @param q 0 to 1
 * @returns undefined where there were no probes
 */
export function quantileOf(cumulative: readonly number[], q: number): number | undefined {
  const count = cumulative[PROBE_COLUMNS.count] ?? 0;
  if (!(count > 0)) return undefined;
  const rank = q * count;
  let [lower, below] = [0, 0];
  for (const [bucket, upper] of LATENCY_BOUNDS.entries()) {
    const upTo = cumulative[bucket] ?? 0;
    if (upTo >= rank && upTo > below) return lower + ((upper - lower) * (rank - below)) / (upTo - below);
    [lower, below] = [upper, upTo];
  }
  return lower;
}

function at(array: Float64Array, index: number): number {
  return array[index] ?? NaN;
}
