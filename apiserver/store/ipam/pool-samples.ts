import { TREND_WINDOW_MS, type FreeSamples } from '../../../metrics/ipam/trend.js';
import { seriesKey } from '../../../metrics/ipam/series.js';
import type { IpamPool } from '../../../openapi/ipam-report.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';

const STEP_MS = 60_000;

/**
 * The pools of a reading, each with what is known of its last hour: what its agent tells, which it forgets when it is started again, and
 * what was held before, which this server forgets when it is. Those that are not in the reading are no more.
 */
export function joinPools(held: readonly IpamPool[], told: readonly IpamPool[]): IpamPool[] {
  const before = new Map(held.map(({ labels, samples }) => [seriesKey(labels), samples]));
  return told.map(({ labels, samples }) => ({
    labels,
    samples: joinSamples(before.get(seriesKey(labels)) ?? [], samples),
  }));
}

/** Of each minute the first sample, and the newest: of the hour that ends with it. What is told goes before what is held of one time. */
function joinSamples(held: FreeSamples, told: FreeSamples): IpamPool['samples'] {
  const byTime = new Map([...held, ...told]);
  const all = [...byTime].sort(([a], [b]) => a - b);
  const newestMs = all.at(-1)?.[0] ?? 0;
  const kept = all.filter(([atMs], i) => {
    if (newestMs - atMs > TREND_WINDOW_MS) return false;
    return i === all.length - 1 || i === 0 || minuteOf(atMs) !== minuteOf(all[i - 1]?.[0] ?? 0);
  });
  return kept.slice(-REPORT_LIMITS.ipamPoolSamples);
}

function minuteOf(atMs: number): number {
  return Math.floor(atMs / STEP_MS);
}

/** A pool as it is held: an hour of pairs of numbers takes a fifth of the memory. */
export interface PackedPool {
  readonly labels: IpamPool['labels'];
  /** Time and count, in turn. */
  readonly packed: Float64Array;
}

export function packPool({ labels, samples }: IpamPool): PackedPool {
  return { labels, packed: Float64Array.from(samples.flat()) };
}

export function unpackPool({ labels, packed }: PackedPool): IpamPool {
  const samples = Array.from({ length: packed.length / 2 }, (_, i): IpamPool['samples'][number] => [
    packed[2 * i] ?? NaN,
    packed[2 * i + 1] ?? NaN,
  ]);
  return { labels, samples };
}
