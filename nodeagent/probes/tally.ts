import type { RecentProbes } from '../../openapi/probe-report.js';
import {
  LATENCY_BOUNDS,
  PROBE_COLUMNS,
  PROBE_REASONS,
  REPORT_LIMITS,
  type ProbeKind,
} from '../../openapi/report-terms.js';
import type { Outcome, ServerClock } from './probe.js';

/** What has been counted of a target since it became one. */
export class Tally<Kind extends ProbeKind = ProbeKind> {
  readonly #reasons: readonly string[];
  readonly #row: number[];
  /** Seconds of the newest outcomes, oldest first; undefined: it failed. */
  readonly #newest: (number | undefined)[] = [];
  /** When the newest of them was counted. */
  #newestMs = -Infinity;
  #clock: { readonly said: ServerClock; readonly atMs: number } | undefined;

  constructor(kind: Kind) {
    this.#reasons = PROBE_REASONS[kind];
    this.#row = new Array<number>(PROBE_COLUMNS.failures + this.#reasons.length).fill(0);
  }

  /** @param atMs when it is counted, monotonic milliseconds */
  add(outcome: Outcome<Kind>, atMs: number): void {
    if (outcome.ok) {
      this.#addSeconds(outcome.seconds);
      if (outcome.clock !== undefined) this.#clock = { said: outcome.clock, atMs };
    } else {
      this.#grow(PROBE_COLUMNS.failures + this.#reasons.indexOf(outcome.reason), 1);
    }
    this.#newestMs = atMs;
    this.#newest.push(outcome.ok ? outcome.seconds : undefined);
    if (this.#newest.length > REPORT_LIMITS.recentProbes) this.#newest.shift();
  }

  /** Whether the newest probe failed; false before the first. */
  get isFailing(): boolean {
    return this.#newest.length > 0 && this.#newest.at(-1) === undefined;
  }

  /** A copy, in the order of PROBE_COLUMNS. */
  row(): number[] {
    return this.#row.slice();
  }

  /** @returns undefined before the first probe, and where the newest was counted before `sinceMs` */
  recent(sinceMs: number): RecentProbes | undefined {
    const attempts = this.#newest.length;
    if (attempts === 0 || this.#newestMs < sinceMs) return undefined;
    const seconds = this.#newest.filter((one) => one !== undefined);
    return {
      attempts,
      failures: attempts - seconds.length,
      lastFailed: this.isFailing,
      ...(seconds.length > 0 && { medianSeconds: medianOf(seconds) }),
    };
  }

  /** What the newest answer said of the server's clock; undefined where it was counted before `sinceMs`. */
  clock(sinceMs: number): ServerClock | undefined {
    return this.#clock !== undefined && this.#clock.atMs >= sinceMs ? this.#clock.said : undefined;
  }

  #addSeconds(seconds: number): void {
    for (const [column, bound] of LATENCY_BOUNDS.entries()) if (seconds <= bound) this.#grow(column, 1);
    this.#grow(PROBE_COLUMNS.count, 1);
    this.#grow(PROBE_COLUMNS.sum, seconds);
  }

  #grow(column: number, by: number): void {
    this.#row[column] = (this.#row[column] ?? 0) + by;
  }
}

/** Of two in the middle their mean. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN;
  return (lower + upper) / 2;
}
