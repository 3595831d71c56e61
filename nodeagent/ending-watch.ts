import { sleep } from '../runtime/sleep.js';

/** How often pods that are about to end are read: what they do after their last reading is not known. */
const EVERY_MS = 500;
/** However many there come. */
const LEAST_MS = 100;
const IDLE_MS = 3_600_000;

export interface EndingWatchDeps {
  /** Whether there are pods that are about to end. */
  readonly hasEnding: () => boolean;
  /** Reads them. @returns whether one ended */
  readonly read: () => Promise<boolean>;
  /** Called when one ended. */
  readonly onEnded: () => void;
}

/** Reads pods that are about to end more often than the others, for as long as there are any. */
export class EndingWatch {
  readonly #deps: EndingWatchDeps;
  #wake: (() => void) | undefined;

  constructor(deps: EndingWatchDeps) {
    this.#deps = deps;
  }

  /** There is another one. */
  wake(): void {
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { hasEnding, read, onEnded } = this.#deps;
    const isStopped = (): boolean => signal.aborted;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!isStopped()) {
      if (hasEnding()) {
        if (await read()) onEnded();
        await sleep(LEAST_MS, signal);
      }
      if (!isStopped()) await this.#pause(hasEnding() ? EVERY_MS - LEAST_MS : IDLE_MS);
    }
  }

  /** So long, or until woken. */
  async #pause(milliseconds: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(milliseconds, woken.signal);
    this.#wake = undefined;
  }
}
