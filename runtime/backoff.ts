export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Exponential backoff with jitter: each delay is random between half and the whole of a step, and steps double up to a bound, so
 * that agents that lost the same server do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Delay before the next try, milliseconds. */
  next(): number {
    const { firstMs, maxMs, random } = this.#options;
    const step = Math.min(maxMs, firstMs * 2 ** this.#failures);
    this.#failures++;
    return step * (0.5 + random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
