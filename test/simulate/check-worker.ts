import { Worker } from 'node:worker_threads';
import type { CheckWork } from './check-thread.js';
import type { CheckResult, LoadOrder } from './messages.js';

/** Answers and scrapes that wait to be checked: more are skipped. */
const MAX_WAITING = 8;

/** Has answers checked in another thread. */
export class CheckWorker {
  readonly #worker: Worker;
  readonly #failed: Promise<never>;
  #waiting = 0;
  #skipped = 0;

  constructor(order: LoadOrder) {
    this.#worker = new Worker(new URL('./check-thread.js', import.meta.url), { workerData: order });
    this.#worker.on('message', (message: unknown) => {
      if (message === 'done') this.#waiting--;
    });
    this.#failed = new Promise<never>((_, reject) => {
      this.#worker.on('error', reject);
      this.#worker.on('exit', () => reject(new Error('the checker ended')));
    });
    this.#failed.catch(() => undefined); // whoever wants the result hears of it
  }

  add(work: Exclude<CheckWork, { readonly kind: 'result' }>): void {
    if (this.#waiting >= MAX_WAITING) {
      this.#skipped++;
      return;
    }
    this.#waiting++;
    this.#worker.postMessage(work);
  }

  /** Of all that was added. @throws {Error} when the thread broke */
  async result(): Promise<CheckResult> {
    const answered = new Promise<CheckResult>((resolve) => {
      this.#worker.on('message', (message: CheckResult | string) => {
        if (typeof message === 'object') resolve(message);
      });
    });
    this.#worker.postMessage({ kind: 'result' });
    return { ...(await Promise.race([answered, this.#failed])), skipped: this.#skipped };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
