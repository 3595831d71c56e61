import { Readable } from 'node:stream';
import type { Reply } from '../api/app-types.js';

/** Longer than any Prometheus waits for a scrape; who takes longer may go on, and holds no place any more. */
const STREAM_DEADLINE_MS = 60_000;

/** The place of a request among those in flight, until its answer is made. */
export class AnswerSlot {
  #isOver = false;
  #leave: () => void = () => undefined;

  /**
   * Ends with the connection in any case: a client may leave while its token is being reviewed. fastify's onResponse says nothing of a
   * client that left.
   */
  constructor({ raw }: Reply) {
    raw.once('close', () => this.#end());
  }

  hold(leave: () => void): void {
    this.#leave = leave;
    if (this.#isOver) this.#end();
  }

  /**
   * The answer is handed over. What is whole lies with the connection now, whether or not the client ever reads it: a client that
   * does not would hold the place as long as it likes. A stream is made as it is read, and holds its place until its end or its
   * deadline; whether it is read at all is the connection's to watch.
   */
  handOver(payload: unknown, deadlineMs = STREAM_DEADLINE_MS): void {
    if (!(payload instanceof Readable)) {
      this.#end();
      return;
    }
    const deadline = setTimeout(() => this.#end(), deadlineMs).unref();
    const end = (): void => {
      clearTimeout(deadline);
      this.#end();
    };
    payload.once('end', end);
    payload.once('close', end);
  }

  #end(): void {
    this.#isOver = true;
    const leave = this.#leave;
    this.#leave = () => undefined;
    leave();
  }
}
