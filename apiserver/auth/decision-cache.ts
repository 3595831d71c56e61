import { LRUCache } from 'lru-cache';
import type { Clock } from '../../runtime/clock.js';

export interface Decision {
  readonly isAllowed: boolean;
  readonly reason: string;
}

/** A decision, on the monotonic clock. */
export interface RememberedDecision {
  readonly decision: Decision;
  readonly decidedAtMs: number;
  readonly askAgainMs: number;
}

/** Where a decision is kept, and for how long. */
export interface KeptDecision extends RememberedDecision {
  readonly key: string;
  readonly isAnonymous: boolean;
  readonly ttlMs: number;
}

/** Of what is allowed: 5,000 agents, and each metric of each HPA of each user. */
const ALLOWED = { entries: 16_384, bytes: 8 * 1024 * 1024 } as const;
/** Of what is denied, which anybody who is known can ask for. */
const DENIED = { entries: 4_096, bytes: 2 * 1024 * 1024 } as const;
/** Of those that nobody knows: a handful of paths that probes and scanners ask for. */
const ANONYMOUS = { entries: 256, bytes: 256 * 1024 } as const;
/** Key, times and the places in the maps of the cache, about; the reason of the decision comes on top, two bytes a character. */
const ENTRY_BYTES = 256;

type Cache = LRUCache<string, RememberedDecision>;

/**
 * Decisions by the hash of their question. Three caches, so that those who are let in nowhere cannot push out what the HPA is allowed:
 * neither by asking as nobody nor by asking for much that is denied.
 */
export class DecisionCache {
  readonly #allowed: Cache;
  readonly #denied: Cache;
  readonly #anonymous: Cache;

  constructor(clock: Clock) {
    [this.#allowed, this.#denied, this.#anonymous] = [
      cache(ALLOWED, clock),
      cache(DENIED, clock),
      cache(ANONYMOUS, clock),
    ];
  }

  get size(): number {
    return this.#allowed.size + this.#denied.size + this.#anonymous.size;
  }

  get(key: string, isAnonymous: boolean): RememberedDecision | undefined {
    return isAnonymous ? this.#anonymous.get(key) : (this.#allowed.get(key) ?? this.#denied.get(key));
  }

  /** The last decision of a question is the only one. */
  set({ key, isAnonymous, ttlMs, ...remembered }: KeptDecision): void {
    const { isAllowed } = remembered.decision;
    const into = isAnonymous ? this.#anonymous : isAllowed ? this.#allowed : this.#denied;
    if (!isAnonymous) (isAllowed ? this.#denied : this.#allowed).delete(key);
    into.set(key, remembered, { ttl: ttlMs });
  }
}

function cache({ entries, bytes }: { readonly entries: number; readonly bytes: number }, clock: Clock): Cache {
  return new LRUCache({
    max: entries,
    maxSize: bytes,
    sizeCalculation: ({ decision }) => ENTRY_BYTES + 2 * decision.reason.length,
    ttl: 1, // each entry comes with its own
    ttlResolution: 0,
    perf: { now: () => clock.monotonicMs() },
  });
}
