import { LRUCache } from 'lru-cache';

/**
 * Shares equal values among those who keep them: pods of one workload have the same labels. What fell out is made again, and then
 * merely shared with fewer; nothing goes stale, so there is no TTL.
 */
export class Interned<T extends object> {
  readonly #byKey: LRUCache<string, T>;

  constructor(maxEntries: number) {
    this.#byKey = new LRUCache({ max: maxEntries });
  }

  /** @param key equal for equal values, and only for them */
  share(key: string, make: () => T): T {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#byKey.set(key, made);
    return made;
  }
}
