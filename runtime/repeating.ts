import { sleep, type Sleep } from './sleep.js';

/** One round; resolves to the time until the next, milliseconds. Must not throw. */
export type Round = (signal: AbortSignal) => Promise<number>;

/** Work done again and again, one round at a time: after the pause that the last one asked for, or when woken. */
export class Repeating {
  readonly #round: Round;
  readonly #sleep: Sleep;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(round: Round, wait: Sleep = sleep) {
    this.#round = round;
    this.#sleep = wait;
  }

  /** @param firstInMs time until the first round */
  start(firstInMs = 0): this {
    this.#running = this.#run(firstInMs);
    return this;
  }

  /** The next round begins at once, or as soon as the present one ends. */
  wake(): void {
    this.#wake.abort();
  }

  /** Resolves when the round that may be under way has ended. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #run(firstInMs: number): Promise<void> {
    let pauseMs = firstInMs;
    for (;;) {
      await this.#sleep(pauseMs, this.#wake.signal);
      if (this.#stop.signal.aborted) return;
      this.#wake = new AbortController();
      pauseMs = await this.#round(this.#stop.signal);
    }
  }
}
