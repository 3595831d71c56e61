import type { Clock } from '../../runtime/clock.js';
import { Backoff } from '../../runtime/backoff.js';
import type { Logger } from '../../runtime/logger.js';
import { Repeating } from '../../runtime/repeating.js';
import { sleep, type Sleep } from '../../runtime/sleep.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';
import { ALONE, Progress, type PublisherLease } from './progress.js';
import { PublishLog, UNWRITTEN, type Problem } from './publish-log.js';
import type { PublishMetrics } from './publish-metrics.js';
import { sample, type CounterTotals } from './sampler.js';
import { sendWithin } from './send-within.js';
import type { Datum, Sink } from './sink.js';
import { TickQueue } from './tick-queue.js';

export interface PublisherDeps {
  readonly figures: Pick<IpamFigures, 'nodes' | 'total'>;
  readonly sink: Sink;
  /** Undefined where there is no Kubernetes, and nobody else. It must run until the publisher is closed. */
  readonly lease: PublisherLease | undefined;
  readonly clock: Clock;
  readonly sleep?: Sleep;
  readonly log: Logger;
  readonly metrics: PublishMetrics;
  /** Between samples; every second one is followed by a push. */
  readonly intervalMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** CloudWatch takes no values of more than two hours from now (PutMetricData, MetricDatum.Timestamp). */
const MAX_AHEAD_MS = 7_200_000;
const BACKOFF = { firstMs: 1_000, maxMs: 60_000 };

/**
 * Samples the figures at every multiple of the interval, by the wall clock and with that time, and publishes them, two samples at a time,
 * while this replica holds the Lease. All replicas sample, so that another goes on where the holder stopped, with the same timestamps.
 */
export function startPublisher(deps: PublisherDeps): { close(): Promise<void> } {
  const publisher = new Publisher(deps);
  return publisher.start();
}

class Publisher {
  readonly #deps: PublisherDeps;
  readonly #lease: PublisherLease;
  readonly #queue: TickQueue;
  readonly #progress: Progress;
  readonly #backoff: Backoff;
  readonly #log: PublishLog;
  readonly #sampling: Repeating;
  readonly #pushing: Repeating;
  #totals: CounterTotals = new Map();
  /** Of the newest sample, or of when this began. */
  #newestMs: number;
  /** Nothing is tried before, by the monotonic clock. */
  #pausedUntilMs = -Infinity;
  /** Ends the request under way. */
  #abort = new AbortController();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#lease = deps.lease ?? ALONE;
    this.#queue = new TickQueue(deps.intervalMs);
    this.#progress = new Progress(this.#lease);
    this.#backoff = new Backoff({ ...BACKOFF, random: deps.random });
    this.#log = new PublishLog(deps.log);
    this.#newestMs = this.#alignedMs();
    const wait = deps.sleep ?? sleep;
    this.#sampling = new Repeating(() => Promise.resolve(this.#sample()), wait);
    this.#pushing = new Repeating((stop) => this.#push(stop), wait);
  }

  start(): { close(): Promise<void> } {
    this.#deps.metrics.isPublisher.set(this.#lease.isHolder ? 1 : 0);
    this.#lease.onChange((isHolder) => this.#onLease(isHolder));
    this.#sampling.start(this.#untilNextMs());
    this.#pushing.start();
    return { close: () => this.#close() };
  }

  #onLease(isHolder: boolean): void {
    this.#deps.metrics.isPublisher.set(isHolder ? 1 : 0);
    if (!isHolder) this.#abort.abort();
    this.#backoff.reset();
    this.#pausedUntilMs = -Infinity;
    this.#pushing.wake();
  }

  /** The request under way may end; what became of it is written. */
  async #close(): Promise<void> {
    await this.#sampling.close();
    await this.#pushing.close();
    if (this.#lease.isHolder) await this.#progress.note();
  }

  #alignedMs(): number {
    const { clock, intervalMs } = this.#deps;
    return Math.floor(clock.wallMs() / intervalMs) * intervalMs;
  }

  #untilNextMs(): number {
    return this.#alignedMs() + this.#deps.intervalMs - this.#deps.clock.wallMs();
  }

  /**
   * No time is sampled twice, nor one before another: where the clock was set back, nothing is until it is there again. Only where it had
   * been so far ahead that CloudWatch took none of what was sampled then, that is forgotten.
   */
  #sample(): number {
    const { figures, clock, metrics } = this.#deps;
    const timestampMs = this.#alignedMs();
    if (timestampMs + MAX_AHEAD_MS < this.#newestMs && !this.#progress.isReached(timestampMs)) {
      metrics.dropped.inc({ reason: 'clock' }, this.#queue.dropAfter(timestampMs - 1));
      this.#newestMs = this.#queue.newestMs;
    }
    this.#log.clock(timestampMs, this.#newestMs);
    if (timestampMs > this.#newestMs) {
      this.#newestMs = timestampMs;
      const { datums, next } = sample(figures, this.#totals, { nowMs: clock.monotonicMs(), timestampMs });
      this.#totals = next;
      const expired = this.#queue.push({ timestampMs, datums });
      metrics.dropped.inc({ reason: 'expired' }, expired);
      this.#log.expiring(expired);
      this.#pushing.wake();
    }
    return this.#untilNextMs();
  }

  /** One request, if one is due. @returns when to look again, milliseconds */
  async #push(stop: AbortSignal): Promise<number> {
    const { clock, metrics, intervalMs } = this.#deps;
    this.#log.unreadable(!this.#progress.learn(this.#newestMs));
    const { published } = this.#progress;
    this.#queue.dropThrough(published);
    metrics.queuePeriods.set(this.#queue.periods);
    const pauseMs = this.#pausedUntilMs - clock.monotonicMs();
    if (pauseMs > 0) return pauseMs;
    if (!this.#lease.isHolder || stop.aborted) return intervalMs;
    const batch = this.#queue.next(published);
    return batch.length === 0 ? this.#rest() : this.#send(batch, stop);
  }

  /** Nothing is due. */
  async #rest(): Promise<number> {
    const { clock, intervalMs } = this.#deps;
    if (!(await this.#progress.note())) return this.#onUnwritten();
    this.#log.ahead(this.#progress.published.timestampMs, clock.wallMs() + 2 * intervalMs);
    return intervalMs;
  }

  async #send(batch: readonly Datum[], stop: AbortSignal): Promise<number> {
    if (!(await this.#progress.intend(batch))) return this.#onUnwritten();
    // The answer to the intention may have been read long after it was written.
    if (stop.aborted || !this.#lease.isHolder) return 0;
    const { metrics, sink } = this.#deps;
    this.#abort = new AbortController();
    const limits = { ownMs: () => this.#lease.heldForMs, abort: this.#abort, stop, sleep: this.#deps.sleep ?? sleep };
    const error = await sendWithin(sink, batch, limits);
    const outcome = error?.failure ?? 'taken';
    metrics.requests.inc({ result: outcome });
    metrics.possibleDuplicates.inc(this.#progress.settle(batch, outcome));
    if (error === undefined) {
      this.#onTaken(batch);
      return 0;
    }
    if (error.failure === 'invalid') {
      this.#queue.remove(batch);
      metrics.dropped.inc({ reason: 'invalid' }, batch.length);
      this.#log.failing(error, this.#queue.periods);
      return 0;
    }
    // What was refused is not in doubt any more.
    await this.#progress.note();
    return this.#pause(error);
  }

  #onUnwritten(): number {
    return this.#lease.isHolder ? this.#pause(UNWRITTEN) : this.#deps.intervalMs;
  }

  #onTaken(batch: readonly Datum[]): void {
    const { metrics } = this.#deps;
    metrics.published.inc(batch.length);
    metrics.lastPublished.set((batch.at(-1)?.timestampMs ?? 0) / 1_000);
    this.#backoff.reset();
    this.#log.working(this.#queue.periods);
  }

  #pause(problem: Problem): number {
    this.#log.failing(problem, this.#queue.periods);
    const pauseMs = this.#backoff.next();
    this.#pausedUntilMs = this.#deps.clock.monotonicMs() + pauseMs;
    return pauseMs;
  }
}
