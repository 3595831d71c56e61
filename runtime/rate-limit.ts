import { isIPv6 } from 'node:net';
import type { Clock } from './clock.js';
import { unmappedAddress } from './remote-address.js';

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Addresses that are remembered, those that came last; one that is forgotten has its whole burst again. */
const MAX_ADDRESSES = 4_096;

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** A token bucket for each remote address. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** The one that came last at the end. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate, clock: Pick<Clock, 'monotonicMs'>) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /**
   * Whether this address may once more, now.
   * @param what is asked for, where that has a bucket of its own
   */
  take(address: string, what = ''): boolean {
    const { burst, perSecond } = this.#rate;
    const key = what + networkOf(address);
    const nowMs = this.#clock.monotonicMs();
    const { tokens, atMs } = this.#buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    const filled = Math.min(burst, tokens + ((nowMs - atMs) / 1_000) * perSecond);
    const isTaken = filled >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: isTaken ? filled - 1 : filled, atMs: nowMs });
    if (this.#buckets.size > MAX_ADDRESSES) this.#forgetOldest();
    return isTaken;
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}

/** An IPv4 address, or the /64 that one host has of IPv6. */
function networkOf(remoteAddress: string): string {
  const address = unmappedAddress(remoteAddress);
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => '0'), ...right].slice(0, 4).join(':');
}
