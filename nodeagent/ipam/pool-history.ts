import type { IpamPool } from '../../openapi/ipam-report.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { PoolReading } from './source.js';

const KEPT_MS = 3_600_000;
const MINUTE_MS = 60_000;

type Samples = IpamPool['samples'];

interface Pool {
  readonly labels: PoolReading['labels'];
  readonly size: PoolReading['size'];
  /** Oldest first: the first of each minute, and the newest. */
  samples: Samples;
}

/** How many addresses each pool could give in the last hour, about one sample a minute and the newest. */
export class PoolHistory {
  readonly #pools = new Map<string, Pool>();
  #present: readonly Pool[] = [];

  /** @param takenAt monotonic, milliseconds; later than any before */
  add(takenAt: number, pools: readonly PoolReading[]): void {
    this.#present = pools.map(({ labels, free, size }) => {
      const key = keyOf(labels);
      const known = this.#pools.get(key);
      const pool = known?.size === size && known !== undefined ? known : { labels, size, samples: [] };
      pool.samples = appended(pool.samples, takenAt, free);
      // behind the others: those that were read the longest ago come first
      this.#pools.delete(key);
      this.#pools.set(key, pool);
      return pool;
    });
    this.#forget(takenAt - KEPT_MS);
  }

  /** Those of the last reading, in its order: how many addresses another one has at present is not known. */
  pools(): IpamPool[] {
    return this.#present.map(({ labels, samples }) => ({ labels: { ...labels }, samples: [...samples] }));
  }

  /** A pool that is not in a reading may be in the next; for an hour at most, and not any number of them. */
  #forget(sinceMs: number): void {
    for (const [key, { samples }] of this.#pools) {
      const isOld = (samples.at(-1)?.[0] ?? -Infinity) < sinceMs;
      if (!isOld && this.#pools.size <= REPORT_LIMITS.ipamPools) return;
      this.#pools.delete(key);
    }
  }
}

function appended(before: Samples, takenAt: number, free: number): Samples {
  const [previous, newest] = before.slice(-2);
  const isSpare = previous !== undefined && newest !== undefined && minuteOf(previous[0]) === minuteOf(newest[0]);
  const kept = (isSpare ? before.slice(0, -1) : before).filter(([at]) => at >= takenAt - KEPT_MS);
  return [...kept, [takenAt, free] satisfies Samples[number]].slice(-REPORT_LIMITS.ipamPoolSamples);
}

function minuteOf(atMs: number): number {
  return Math.floor(atMs / MINUTE_MS);
}

function keyOf(labels: PoolReading['labels']): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
