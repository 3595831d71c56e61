import { LATENCY_BOUNDS, PROBE_COLUMNS } from '../openapi/report-terms.js';
import { canonicalNumber, renderLabels, renderSample } from './render.js';

/** A bucket of a histogram of latencies. */
export interface Bucket {
  /** Its bound, seconds, as it is printed. */
  readonly le: string;
  /** The same as a label. */
  readonly label: string;
  /** Of the reading of a probe that has its count. */
  readonly column: number;
}

const LONGEST = Math.max(...LATENCY_BOUNDS);

/**
 * Buckets up to the bounds given, and the one of all.
 * @param bounds seconds, ascending; those below the last of LATENCY_BOUNDS are among LATENCY_BOUNDS
 * @throws {RangeError} for one that is not: its count is not known
 */
export function latencyBuckets(bounds: readonly number[] = LATENCY_BOUNDS): readonly Bucket[] {
  return [...bounds, Infinity].map((bound) => {
    const le = canonicalNumber(bound);
    return { le, label: renderLabels([['le', le]]), column: columnOf(bound) };
  });
}

/** What is longer than every bound is in the column of all: no probe takes so long. */
function columnOf(bound: number): number {
  const column = LATENCY_BOUNDS.findIndex((one) => one === bound);
  if (column < 0 && bound < LONGEST) throw new RangeError(`no bucket ends at ${bound} s`);
  return column < 0 ? PROBE_COLUMNS.count : column;
}

/**
 * The lines of one series of a histogram.
 * @param labels what renderLabels gave, at least one
 * @param row in the order of PROBE_COLUMNS
 */
export function renderHistogram(
  name: string,
  labels: string,
  { row, buckets }: { readonly row: ArrayLike<number>; readonly buckets: readonly Bucket[] },
): string {
  const bucket = `${name}_bucket`;
  let lines = '';
  for (const { label, column } of buckets) {
    lines += renderSample(bucket, `${labels},${label}`, row[column] ?? NaN);
  }
  lines += renderSample(`${name}_sum`, labels, row[PROBE_COLUMNS.sum] ?? NaN);
  return lines + renderSample(`${name}_count`, labels, row[PROBE_COLUMNS.count] ?? NaN);
}
