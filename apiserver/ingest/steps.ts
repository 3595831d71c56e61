import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.js';

/** What a usual report takes is less. */
const TURN_MS = 5;

/**
 * The parts of working one report off: of a large one each is done in a turn of the event loop of its own, for it takes as long as a whole
 * usual one; of any other the next turn is waited for when it has taken long, as one does whose pods many nodes had.
 */
export class Steps {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #isLarge: boolean;
  #done = 0;
  /** When the turn began; of the first, the first part. */
  #turnMs = 0;
  /** What the parts took, without what was done for others between them. */
  spentMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, isLarge: boolean) {
    this.#clock = clock;
    this.#isLarge = isLarge;
  }

  async do<T>(part: () => T | Promise<T>): Promise<T> {
    let startedMs = this.#clock.monotonicMs();
    if (this.#done === 0) this.#turnMs = startedMs;
    else if (this.#isLarge || startedMs - this.#turnMs >= TURN_MS) {
      await nextTurn();
      this.#turnMs = startedMs = this.#clock.monotonicMs();
    }
    this.#done++;
    try {
      return await part();
    } finally {
      this.spentMs += this.#clock.monotonicMs() - startedMs;
    }
  }
}
