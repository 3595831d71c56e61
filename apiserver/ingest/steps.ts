import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.js';

/** The parts of working one report off: of a large one each is done in a turn of the event loop of its own, for it takes as long as a whole usual one. */
export class Steps {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #isLarge: boolean;
  #done = 0;
  /** What the parts took, without what was done for others between them. */
  spentMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, isLarge: boolean) {
    this.#clock = clock;
    this.#isLarge = isLarge;
  }

  async do<T>(part: () => T | Promise<T>): Promise<T> {
    if (this.#isLarge && this.#done++ > 0) await nextTurn();
    const startedMs = this.#clock.monotonicMs();
    try {
      return await part();
    } finally {
      this.spentMs += this.#clock.monotonicMs() - startedMs;
    }
  }
}
