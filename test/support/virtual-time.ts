import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.js';
import type { Sleep } from '../../runtime/sleep.js';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** A clock and a sleep that go on when a test says so: whoever sleeps is woken in order, and does what it has to before the next is. */
export class VirtualTime {
  #nowMs = 0;
  #sleepers: Sleeper[] = [];
  readonly #isBusy: () => boolean;
  /** Added to the wall clock. */
  steppedMs = 0;
  readonly clock: Clock;

  /** @param isBusy whether anybody waits for something real */
  constructor(startWallMs: number, isBusy: () => boolean = () => false) {
    this.#isBusy = isBusy;
    this.clock = {
      monotonicMs: () => 1_000_000 + this.#nowMs,
      wallMs: () => startWallMs + this.#nowMs + this.steppedMs,
    };
  }

  readonly sleep: Sleep = (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const sleeper: Sleeper = {
        dueMs: this.#nowMs + Math.max(0, milliseconds),
        wake: () => {
          this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
          signal.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      signal.addEventListener('abort', sleeper.wake);
      this.#sleepers.push(sleeper);
    });

  async advance(milliseconds: number): Promise<void> {
    const targetMs = this.#nowMs + milliseconds;
    for (;;) {
      await this.settle();
      const next = this.#sleepers.reduce<Sleeper | undefined>(
        (first, one) => (first === undefined || one.dueMs < first.dueMs ? one : first),
        undefined,
      );
      if (next === undefined || next.dueMs > targetMs) break;
      this.#nowMs = next.dueMs;
      next.wake();
    }
    this.#nowMs = targetMs;
    await this.settle();
  }

  /** Until everybody sleeps. */
  async settle(): Promise<void> {
    do await turn();
    while (this.#isBusy());
    await turn();
  }
}
