import type { Histogram } from 'prom-client';
import type { Clock } from '../../runtime/clock.js';

/** While probes are under way that have only begun. A hold-up is known to within one tick. */
const CLOSE_TICK_MS = 5;
/** The newest has been under way so many times as long as the next tick takes: what is not known is a tenth of what is measured. */
const TICKS_OF_AGE = 10;
/** Where nobody answers, probes are under way all the time, and nothing is measured. */
const LONGEST_TICK_MS = 250;
/** Otherwise, for the histogram alone. */
const IDLE_TICK_MS = 500;

interface Tick {
  readonly atMs: number;
  /** How late it was. */
  readonly lagMs: number;
}

/** Ends a watch. @returns the worst delay during it, milliseconds */
export type EndWatch = () => number;

/**
 * The delay with which this process gets to do what is due: because other work of its own holds the event loop up, or because the
 * machine or its cgroup lets it have no CPU. The latter is not seen by what libuv knows of its idle time, only by timers that are late.
 */
export class LoopWatch {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #delays: Histogram;
  /** The watches under way, oldest first. */
  readonly #watches = new Set<{ readonly sinceMs: number }>();
  /** Ticks since the oldest watch began, but for those followed by one that was as late or later: so their lags fall. */
  #ticks: Tick[] = [];
  /** When the next close tick ought to be. */
  #dueMs = Infinity;
  #closeTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  /** @param delays gets the delay of every tick, seconds */
  constructor(clock: Pick<Clock, 'monotonicMs'>, delays: Histogram) {
    this.#clock = clock;
    this.#delays = delays;
  }

  start(): void {
    let dueMs = this.#clock.monotonicMs() + IDLE_TICK_MS;
    this.#idleTimer = setInterval(() => {
      const nowMs = this.#clock.monotonicMs();
      if (this.#watches.size === 0) this.#observe(nowMs - dueMs); // else the close ticks tell
      dueMs = nowMs + IDLE_TICK_MS;
    }, IDLE_TICK_MS).unref();
  }

  close(): void {
    clearInterval(this.#idleTimer);
    clearTimeout(this.#closeTimer);
  }

  /** Looks closely until the watch is ended. */
  watch(): EndWatch {
    const watch = { sinceMs: this.#clock.monotonicMs() };
    if (watch.sinceMs > this.#dueMs) this.#note(watch.sinceMs);
    this.#watches.add(watch);
    this.#tickAfter(watch.sinceMs);
    return () => {
      const nowMs = this.#clock.monotonicMs();
      const worstMs = this.#worstSince(watch.sinceMs, nowMs);
      this.#watches.delete(watch);
      if (this.#watches.size === 0) this.#lookAway(nowMs);
      return worstMs;
    };
  }

  #tickAfter(nowMs: number): void {
    clearTimeout(this.#closeTimer);
    const youngest = [...this.#watches].at(-1);
    const ageMs = nowMs - (youngest?.sinceMs ?? nowMs);
    const inMs = Math.min(LONGEST_TICK_MS, Math.max(CLOSE_TICK_MS, Math.floor(ageMs / TICKS_OF_AGE)));
    this.#dueMs = nowMs + inMs;
    this.#closeTimer = setTimeout(() => {
      const atMs = this.#clock.monotonicMs();
      this.#note(atMs);
      this.#tickAfter(atMs);
    }, inMs).unref();
  }

  #lookAway(nowMs: number): void {
    if (nowMs > this.#dueMs) this.#observe(nowMs - this.#dueMs); // of the tick that will not be
    clearTimeout(this.#closeTimer);
    this.#dueMs = Infinity;
    this.#ticks = [];
  }

  /** A tick, or what would have been one. */
  #note(atMs: number): void {
    const lagMs = Math.max(0, atMs - this.#dueMs);
    this.#observe(lagMs);
    const [oldest] = this.#watches;
    if (oldest === undefined) return;
    while (this.#ticks.length > 0 && (this.#ticks.at(-1)?.lagMs ?? 0) <= lagMs) this.#ticks.pop();
    this.#ticks.push({ atMs, lagMs });
    while ((this.#ticks[0]?.atMs ?? Infinity) <= oldest.sinceMs) this.#ticks.shift();
  }

  /** Of the first tick only what of its lag was after `sinceMs`; and the tick that is overdue now: what the kernel tells goes before timers. */
  #worstSince(sinceMs: number, nowMs: number): number {
    const overdue = { atMs: nowMs, lagMs: Math.max(0, nowMs - this.#dueMs) };
    return [...this.#ticks, overdue].reduce(
      (worst, { atMs, lagMs }) => Math.max(worst, Math.min(lagMs, atMs - sinceMs)),
      0,
    );
  }

  #observe(lagMs: number): void {
    this.#delays.observe(Math.max(0, lagMs) / 1_000);
  }
}
