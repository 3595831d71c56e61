import { BEFORE_ALL, isAfter, positionOf, type Position } from './position.js';
import { MAX_DATUMS, type Datum } from './sink.js';

/** What was sampled at one time; of a server that knows nothing, nothing. */
export interface Tick {
  /** Milliseconds since 1970, a multiple of the interval. */
  readonly timestampMs: number;
  readonly datums: readonly Datum[];
}

/** cni-metrics-helper pushed at every second poll. */
const TICKS_OF_PERIOD = 2;
/** Time for which samples are kept: eight times the outage that must cost nothing. */
const KEPT_MS = 7_200_000;

/** Samples that are not known to be published, oldest first; their timestamps increase. */
export class TickQueue {
  readonly #intervalMs: number;
  readonly #capacity: number;
  #ticks: Tick[] = [];

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
    this.#capacity = Math.ceil(KEPT_MS / intervalMs);
  }

  /** Of the newest sample; -Infinity where there is none. */
  get newestMs(): number {
    return this.#ticks.at(-1)?.timestampMs ?? -Infinity;
  }

  /** Pushes that the samples make up, the present one included. */
  get periods(): number {
    const withValues = this.#ticks.filter(({ datums }) => datums.length > 0);
    return new Set(withValues.map(({ timestampMs }) => this.#periodOf(timestampMs))).size;
  }

  /**
   * Adds a sample that is newer than all others.
   * @returns how many values had to go for it, because they are too many
   */
  push(tick: Tick): number {
    this.#ticks.push(tick);
    return valuesOf(this.#ticks.splice(0, this.#ticks.length - this.#capacity));
  }

  /**
   * The next values to be sent, as many as go into one request, of the oldest period of those that are sampled to their end. Of one: where
   * a clock stepped, what CloudWatch does not take costs no other time's values.
   */
  next(after: Position): readonly Datum[] {
    const endMs = this.#periodOf(this.newestMs + this.#intervalMs) * this.#intervalMs * TICKS_OF_PERIOD;
    const batch: Datum[] = [];
    for (const { timestampMs, datums } of this.#ticks) {
      const first = batch[0]?.timestampMs ?? timestampMs;
      const isOther = this.#periodOf(first) !== this.#periodOf(timestampMs);
      if (timestampMs >= endMs || isOther || batch.length === MAX_DATUMS) break;
      if (timestampMs < after.timestampMs) continue;
      const rest = datums.filter((datum) => isAfter(positionOf(datum), after));
      batch.push(...rest.slice(0, MAX_DATUMS - batch.length));
    }
    return batch;
  }

  /** Forgets samples all of whose values are at or before the position. */
  dropThrough(position: Position): void {
    this.#ticks = this.#ticks.filter(
      ({ timestampMs, datums }) =>
        timestampMs > position.timestampMs ||
        (timestampMs === position.timestampMs && isAfter(lastOf(datums), position)),
    );
  }

  /** Forgets single values. */
  remove(batch: readonly Datum[]): void {
    const gone = new Set(batch);
    this.#ticks = this.#ticks.map(({ timestampMs, datums }) => ({
      timestampMs,
      datums: datums.filter((datum) => !gone.has(datum)),
    }));
  }

  /** Forgets samples of later than that. @returns how many values those had */
  dropAfter(timestampMs: number): number {
    const dropped = this.#ticks.filter((tick) => tick.timestampMs > timestampMs);
    this.#ticks = this.#ticks.filter((tick) => tick.timestampMs <= timestampMs);
    return valuesOf(dropped);
  }

  #periodOf(timestampMs: number): number {
    return Math.floor(timestampMs / (this.#intervalMs * TICKS_OF_PERIOD));
  }
}

function lastOf(datums: readonly Datum[]): Position {
  const last = datums.at(-1);
  return last === undefined ? BEFORE_ALL : positionOf(last);
}

function valuesOf(ticks: readonly Tick[]): number {
  return ticks.reduce((sum, { datums }) => sum + datums.length, 0);
}
