import { Worker } from 'node:worker_threads';
import type { CheckWork } from './check-thread.js';
import type { CheckResult, LoadOrder } from './messages.js';

const GIBIBYTE = 1024 ** 3;
/** Of answers and scrapes that wait to be checked: from there on they are, while others come. A minute of 5,000 nodes is 1 GB, and waits for the end. */
const WAITING_BYTES = 2 * GIBIBYTE;
/** More are skipped. */
const MAX_WAITING_BYTES = 4 * GIBIBYTE;
/** In the thread, or on their way to it. */
const MAX_HANDED = 2;

type Checked = Exclude<CheckWork, { readonly kind: 'result' }>;

/** Has answers checked in another thread, in the order in which they came. */
export class CheckWorker {
  readonly #worker: Worker;
  readonly #failed: Promise<never>;
  readonly #waiting: Checked[] = [];
  #waitingBytes = 0;
  #handed = 0;
  #isBegun = false;
  #skipped = 0;
  #onIdle = (): void => undefined;

  constructor(order: LoadOrder) {
    this.#worker = new Worker(new URL('./check-thread.js', import.meta.url), { workerData: order });
    this.#worker.on('message', (message: unknown) => {
      if (message !== 'done') return;
      this.#handed--;
      this.#hand();
    });
    this.#failed = new Promise<never>((_, reject) => {
      this.#worker.on('error', reject);
      this.#worker.on('exit', () => reject(new Error('the checker ended')));
    });
    this.#failed.catch(() => undefined); // whoever wants the result hears of it
  }

  add(work: Checked): void {
    if (this.#waitingBytes + work.body.length > MAX_WAITING_BYTES) {
      this.#skipped++;
      return;
    }
    this.#waiting.push(work);
    this.#waitingBytes += work.body.length;
    if (this.#waitingBytes > WAITING_BYTES) this.#isBegun = true;
    this.#hand();
  }

  /** Of all that was added. @throws {Error} when the thread broke */
  async result(): Promise<CheckResult> {
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#isBegun = true;
    this.#hand();
    await Promise.race([idle, this.#failed]);
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

  #hand(): void {
    while (this.#isBegun && this.#handed < MAX_HANDED) {
      const work = this.#waiting.shift();
      if (work === undefined) break;
      this.#handed++;
      this.#waitingBytes -= work.body.length;
      this.#worker.postMessage(work);
    }
    if (this.#handed === 0) this.#onIdle();
  }
}
