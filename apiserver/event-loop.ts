import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

/** Of the timer whose lateness is measured: 10 ms cost half a percent of a core, 1 ms three. */
const RESOLUTION_MS = 10;
/** What is told is of the last four, and of the one that has begun: of a minute at least. */
const SLICE_MS = 15_000;
const SLICES = 4;
const NS_PER_SECOND = 1e9;

export interface EventLoopWatch {
  close(): void;
}

/** Seconds by which a timer was late in a slice of time. */
interface Delay {
  readonly p99: number;
  readonly longest: number;
}

/** @param delays of the slices that count */
export function addEventLoopGauge(registry: Registry, delays: () => readonly Delay[]): void {
  new Gauge({
    name: 'podnet_apiserver_event_loop_delay_seconds',
    help: 'Time in which nothing was answered, by how late a timer of 10 ms was (a stall is up to 10 ms longer): the longest of the last minute, and the 99th percentile (p99) of the worst 15 s in it.',
    labelNames: ['statistic'],
    registers: [registry],
    collect() {
      const all = delays();
      if (all.length === 0) return; // that none was measured is not that there was none
      this.set({ statistic: 'p99' }, Math.max(0, ...all.map(({ p99 }) => p99)));
      this.set({ statistic: 'longest' }, Math.max(0, ...all.map(({ longest }) => longest)));
    },
  });
}

/** Watches the event loop of this process, until closed. */
export function watchEventLoop(registry: Registry): EventLoopWatch {
  const current = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  current.enable();
  const slices: Delay[] = [];
  const turn = setInterval(() => {
    if (current.count > 0) slices.push(delayOf(current));
    current.reset();
    if (slices.length > SLICES) slices.shift();
  }, SLICE_MS).unref();
  addEventLoopGauge(registry, () => (current.count === 0 ? slices : [...slices, delayOf(current)]));
  return {
    close: () => {
      clearInterval(turn);
      current.disable();
    },
  };
}

/** It records the time between two calls of its timer, nanoseconds; nothing of an empty slice. */
function delayOf(recorded: IntervalHistogram): Delay {
  const late = (betweenNs: number): number => Math.max(0, betweenNs / NS_PER_SECOND - RESOLUTION_MS / 1_000);
  return { p99: late(recorded.percentile(99)), longest: late(recorded.max) };
}
