import { CounterSeries, moved } from '../counter-series.js';
import type { Readings } from '../rate.js';
import { IPAM_COUNTERS } from './ipam-growth.js';

const INITIAL_CAPACITY = 4;
/** About: of what is read more often than that share of the history, the rows in between are left out. */
const ROWS = 256;
/** What is added up never begins anew. */
const EPOCH = 0;

/**
 * What the counters of IPAM_COUNTERS had grown by together at the readings of the last while, on the node's clock. Growth and not the
 * counters themselves: it knows what began anew, of each of their series by itself.
 */
export class GrowthHistory extends CounterSeries {
  #takenAtMs = new Float64Array(0);
  #length = 0;

  constructor() {
    super(IPAM_COUNTERS.length, 0); // most nodes have no ipamd
  }

  get readings(): Readings {
    return { takenAtMs: this.#takenAtMs, values: this.values, width: this.width, length: this.#length };
  }

  /** @param grown NaN for a counter that was not told */
  add(takenAtMs: number, grown: readonly number[], historyMs: number): void {
    if (takenAtMs <= this.#timeOf(this.#length - 1)) this.forget();
    // The one before the last stays, so that none is ever the only one of its time.
    if (takenAtMs - this.#timeOf(this.#length - 2) < historyMs / ROWS) this.#length--;
    if (this.#length === this.#takenAtMs.length) this.#makeRoom(takenAtMs - historyMs);
    this.#takenAtMs[this.#length] = takenAtMs;
    this.writeRow(this.#length++, grown, EPOCH);
  }

  override forget(): void {
    super.forget();
    this.#length = 0;
  }

  /** NaN where there is no such row. */
  #timeOf(row: number): number {
    return row < 0 ? NaN : (this.#takenAtMs[row] ?? NaN);
  }

  /** Drops what is too old, but for the newest of that: a window as long as the history begins with it. */
  #makeRoom(oldestMs: number): void {
    const young = this.#takenAtMs.subarray(0, this.#length).findIndex((atMs) => atMs >= oldestMs);
    const from = Math.max(0, young < 0 ? this.#length - 1 : young - 1);
    const kept = this.#length - from;
    const capacity = Math.max(INITIAL_CAPACITY, Math.ceil(1.25 * (kept + 1)));
    const move = { kept: [{ from, to: this.#length }], capacity };
    this.#takenAtMs = moved(this.#takenAtMs, 1, move);
    this.move(move);
    this.#length = kept;
  }
}
