import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.js';

/** How long an answer is made at a stretch: an HPA query is to be delayed by no more than 20 ms, and several answers may be before it. */
const TURN_MS = 5;

/** Of many small things, between two looks at the clock: each takes microseconds. */
const VISITS_PER_LOOK = 8;

/** The turn of an answer that takes long to make: others are to have theirs in between. */
export class Turns {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #startedMs: number;
  #visited = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() - this.#startedMs >= TURN_MS;
  }

  /** Resolves once it is this answer's turn again; what was looked at may be another by then. */
  async next(): Promise<void> {
    await nextTurn();
    this.#startedMs = this.#clock.monotonicMs();
  }

  /** Visits one after the other, in turns: what was visited, and what is still to come, may be another by then. */
  async each<T>(all: Iterable<T>, visit: (one: T) => void): Promise<void> {
    for (const one of all) {
      visit(one);
      if (++this.#visited % VISITS_PER_LOOK === 0 && this.isOver) await this.next();
    }
  }
}
