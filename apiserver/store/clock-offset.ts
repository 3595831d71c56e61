/** Reports of which the distance is remembered: an agent has one under way, so that of four in a row no three were held up. */
const REMEMBERED = 4;

/**
 * How far the server's monotonic clock is ahead of a node's. Measured is the arrival of a report less its sending: that is the distance of
 * the clocks and the time under way, which is never negative, so that the least of some reports in a row is the best that is known. One that
 * lay in a socket while this process was frozen is then as old as it is, and not of the present. Where a node really falls back (its machine was
 * paused) its samples pass for older than they are until so many reports have come.
 */
export class ClockOffset {
  readonly #measured: number[] = [];
  /** Kept, as it is asked for with each value that is answered. */
  #leastMs = Infinity;

  /** Milliseconds; Infinity as long as nothing was measured. */
  get ms(): number {
    return this.#leastMs;
  }

  /** @param receivedAtMs on the server's clock. @param sentAtMs on the node's */
  measure(receivedAtMs: number, sentAtMs: number): void {
    this.#measured.push(receivedAtMs - sentAtMs);
    if (this.#measured.length > REMEMBERED) this.#measured.shift();
    this.#leastMs = Math.min(...this.#measured);
  }

  /** The node's clock is another one than it was. */
  forget(): void {
    this.#measured.length = 0;
    this.#leastMs = Infinity;
  }
}
