export interface PoolLimits {
  readonly overall: number;
  /** Of these, how many may be of direct callers. */
  readonly direct: number;
}

/** How many are in, of whom; it remembers nobody who is out. */
export class Pool {
  readonly #limits: PoolLimits;
  readonly #byKey = new Map<string, number>();
  #all = 0;
  #direct = 0;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all;
  }

  /** What has no place for one more of this key; undefined: it has. */
  fullFor(
    { key, limit }: { readonly key: string; readonly limit: number },
    isDirect: boolean,
  ): 'key' | 'direct' | 'overall' | undefined {
    if ((this.#byKey.get(key) ?? 0) >= limit) return 'key';
    if (isDirect && this.#direct >= this.#limits.direct) return 'direct';
    return this.#all >= this.#limits.overall ? 'overall' : undefined;
  }

  /** Counts one in, even beyond the limits; the function counts it out, once. */
  enter(key: string, isDirect: boolean): () => void {
    this.#count(key, isDirect, 1);
    let isIn = true;
    return () => {
      if (isIn) this.#count(key, isDirect, -1);
      isIn = false;
    };
  }

  #count(key: string, isDirect: boolean, step: 1 | -1): void {
    this.#all += step;
    if (isDirect) this.#direct += step;
    const own = (this.#byKey.get(key) ?? 0) + step;
    if (own > 0) this.#byKey.set(key, own);
    else this.#byKey.delete(key);
  }
}
