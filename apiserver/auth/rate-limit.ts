import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../runtime/clock.js';

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Addresses that are remembered; one that is forgotten has its whole burst again. */
const MAX_ADDRESSES = 4_096;

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** A token bucket for each remote address. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #clock: Clock;
  readonly #buckets: LRUCache<string, Bucket>;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#buckets = new LRUCache({
      max: MAX_ADDRESSES,
      // A bucket that old is full.
      ttl: (1_000 * rate.burst) / rate.perSecond,
      ttlResolution: 0,
      perf: { now: () => clock.monotonicMs() },
    });
  }

  /** Whether this address may once more, now. */
  take(address: string): boolean {
    const { burst, perSecond } = this.#rate;
    const key = networkOf(address);
    const nowMs = this.#clock.monotonicMs();
    const { tokens, atMs } = this.#buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    const filled = Math.min(burst, tokens + ((nowMs - atMs) / 1_000) * perSecond);
    if (filled < 1) return false;
    this.#buckets.set(key, { tokens: filled - 1, atMs: nowMs });
    return true;
  }
}

/** An IPv4 address, or the /64 that one host has of IPv6. */
function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => '0'), ...right].slice(0, 4).join(':');
}
