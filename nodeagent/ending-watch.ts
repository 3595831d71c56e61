import { sleep } from '../runtime/sleep.js';

/** How often pods that are about to end are read: what they do after their last reading is not known. */
const EVERY_MS = 500;
/** A pod that has just begun to end is read sooner, however many there are. */
const LEAST_MS = 100;
/** After one has ended: each makes a sample and a push of its own. */
const AFTER_ENDED_MS = 1_000;
/** Reading takes no more than this part of the time. */
const LARGEST_SHARE = 0.02;
/** Waiting for another round to end is not reading. */
const LONGEST_REST_MS = 5_000;
const IDLE_MS = 3_600_000;

export interface EndingWatchDeps {
  /** Whether there are pods that are about to end. */
  readonly hasEnding: () => boolean;
  /** Reads them. @returns whether one ended */
  readonly read: () => Promise<boolean>;
  /** Called when one ended. */
  readonly onEnded: () => void;
  readonly monotonicMs: () => number;
}

/** Reads pods that are about to end more often than the others, for as long as there are any. */
export class EndingWatch {
  readonly #deps: EndingWatchDeps;
  #wake: (() => void) | undefined;
  #isWoken = false;

  constructor(deps: EndingWatchDeps) {
    this.#deps = deps;
  }

  /** There is another one. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    const isStopped = (): boolean => signal.aborted;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!isStopped()) {
      this.#isWoken = false;
      if (this.#deps.hasEnding()) {
        const { leastMs, mostMs } = await this.#read();
        await sleep(leastMs, signal);
        await this.#pause(mostMs - leastMs);
      } else {
        await this.#pause(IDLE_MS);
      }
    }
  }

  /** @returns how long to wait, and how long to wait unless there is another one */
  async #read(): Promise<{ readonly leastMs: number; readonly mostMs: number }> {
    const { read, onEnded, monotonicMs } = this.#deps;
    const startedMs = monotonicMs();
    const hasEnded = await read();
    if (hasEnded) onEnded();
    const restMs = Math.min(LONGEST_REST_MS, (monotonicMs() - startedMs) / LARGEST_SHARE);
    const leastMs = Math.max(hasEnded ? AFTER_ENDED_MS : LEAST_MS, restMs);
    return { leastMs, mostMs: Math.max(leastMs, EVERY_MS) };
  }

  /** So long, or until woken. */
  async #pause(milliseconds: number): Promise<void> {
    if (this.#isWoken) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(milliseconds, woken.signal);
    this.#wake = undefined;
  }
}
