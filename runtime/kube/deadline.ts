/** Aborts what takes too long, or what its owner aborts. To be closed when it is over. */
export class Deadline {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = (): void => this.#controller.abort();
  hasPassed = false;

  constructor(timeoutMs: number, outer?: AbortSignal) {
    this.#outer = outer;
    this.#timer = this.#start(timeoutMs);
    // not AbortSignal.any: Node 20 keeps what it made for as long as the outer signal lives, which is as long as the program
    if (outer?.aborted === true) this.#abort();
    outer?.addEventListener('abort', this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** There was a sign of life: the time begins again. */
  restart(): void {
    this.#timer.refresh();
  }

  /** From now on the time is another. */
  change(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start(timeoutMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }

  #start(timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.hasPassed = true;
      this.#abort();
    }, timeoutMs).unref();
  }
}
