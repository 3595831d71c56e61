/** Rounds are moved by up to so much of the interval, so that those of many agents do not keep step. */
const JITTER = 0.1;
/** Within it everything is probed for the first time, however long the interval: until then nothing is known. */
const FIRST_WITHIN_MS = 5_000;

export interface SlotsOptions {
  readonly intervalMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** 0 to 1. */
  readonly random: () => number;
}

/**
 * When the rounds of one target are due, on the monotonic clock: from a random point of the interval on an interval apart, each moved by up
 * to a tenth of it. No drift: a round that is late moves no other.
 */
export class Slots {
  /** Of the first probe. */
  readonly firstMs: number;
  readonly #intervalMs: number;
  readonly #random: () => number;
  /** Round n is to be n intervals after it. */
  readonly #originMs: number;
  #round: number;

  constructor({ intervalMs, nowMs, random }: SlotsOptions) {
    const phase = random();
    this.#intervalMs = intervalMs;
    this.#random = random;
    this.#originMs = nowMs + phase * intervalMs;
    this.firstMs = nowMs + phase * Math.min(intervalMs, FIRST_WITHIN_MS);
    // of a long interval the first probe comes before its time: it stands for round 0 unless that is far off
    this.#round = this.#originMs - this.firstMs < intervalMs / 2 ? 0 : -1;
  }

  /** When the next round is due, never before `notBeforeMs`; rounds whose time is over by then are left out. */
  next(notBeforeMs: number): number {
    if (notBeforeMs === Infinity) return Infinity;
    const reach = JITTER * this.#intervalMs;
    const open = Math.ceil((notBeforeMs - reach - this.#originMs) / this.#intervalMs);
    this.#round = Math.max(this.#round + 1, open);
    const middleMs = this.#originMs + this.#round * this.#intervalMs;
    const earliestMs = Math.max(notBeforeMs, middleMs - reach);
    return earliestMs + this.#random() * Math.max(0, middleMs + reach - earliestMs);
  }
}
