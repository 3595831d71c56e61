import type { Clock } from './clock.js';

const SECOND_MS = 1_000;

/** Lets so many lines through a second: whoever is refused a million times must not fill a disk with it. */
export class LogLimit {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #perSecond: number;
  #sinceMs = -Infinity;
  #count = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Whether one more may be written now. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs >= SECOND_MS) {
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count++;
    return this.#count <= this.#perSecond;
  }
}
