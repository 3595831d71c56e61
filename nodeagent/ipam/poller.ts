import type { IpamPool } from '../../openapi/ipam-report.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { Repeating } from '../../runtime/repeating.js';
import type { SelfMetrics } from '../self-metrics.js';
import type { SourceOff } from '../source-states.js';
import { PoolHistory } from './pool-history.js';
import { IpamReadError, type IpamReading, type IpamSource } from './source.js';

export interface IpamPollerDeps {
  readonly source: IpamSource;
  readonly intervalMs: number;
  /** What takes longer has failed. No longer than the interval. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Logger;
  readonly metrics: Pick<SelfMetrics, 'rejectedIpam'>;
  readonly state: {
    readonly up: () => void;
    readonly off: (reason: SourceOff, detail: string) => void;
  };
}

/** A good reading, and when it was begun: what it tells is no older. */
export interface TakenReading {
  /** Monotonic, milliseconds. */
  readonly takenAt: number;
  readonly reading: IpamReading;
  readonly pools: readonly IpamPool[];
}

/** How the last attempt to read a source went. */
export interface Attempt {
  readonly seconds: number;
  /** Undefined where it went well. */
  readonly error?: IpamReadError;
}

/** Reads one source again and again. What it told last stays until it tells something else: how old that is says its time. */
export class IpamPoller {
  readonly #deps: IpamPollerDeps;
  readonly #rounds = new Repeating((signal) => this.#round(signal));
  readonly #history = new PoolHistory();
  #newest: TakenReading | undefined;
  #attempt: Attempt | undefined;
  #isReading = false;
  #told = '';
  #onAttempt: () => void = () => undefined;

  constructor(deps: IpamPollerDeps) {
    this.#deps = deps;
  }

  /** @param onAttempt called after each attempt, whatever came of it */
  start(onAttempt: () => void): void {
    this.#onAttempt = onAttempt;
    this.#rounds.start();
  }

  get name(): IpamSource['name'] {
    return this.#deps.source.name;
  }

  get intervalMs(): number {
    return this.#deps.intervalMs;
  }

  /** Undefined before there was a good one. */
  get newest(): TakenReading | undefined {
    return this.#newest;
  }

  /** Undefined before the first has ended. */
  get attempt(): Attempt | undefined {
    return this.#attempt;
  }

  /** Whether this node has such a source: once it was read it is missed when it is gone. */
  get isThere(): boolean {
    if (this.#attempt === undefined) return false;
    return this.#newest !== undefined || this.#attempt.error?.reason !== 'not_found';
  }

  /** A reading that is under way is not waited for. */
  async close(): Promise<void> {
    await this.#rounds.close();
  }

  /** @returns when to read again, milliseconds */
  async #round(stop: AbortSignal): Promise<number> {
    const { clock, intervalMs, state } = this.#deps;
    const startedMs = clock.monotonicMs();
    const outcome = await this.#read(stop).catch(readErrorOf);
    if (stop.aborted) return intervalMs;
    const elapsedMs = clock.monotonicMs() - startedMs;
    const seconds = elapsedMs / 1_000;
    if (outcome instanceof IpamReadError) {
      this.#attempt = { seconds, error: outcome };
      state.off(outcome.reason, outcome.message);
    } else {
      this.#attempt = { seconds };
      this.#keep(outcome, startedMs);
      state.up();
    }
    this.#onAttempt();
    return Math.max(0, intervalMs - elapsedMs);
  }

  /**
   * @throws {IpamReadError} also when the time is up: a source that does not hear of that is left behind, and not read again before
   *   it has ended, so that no more than one reading of it ever waits for a server or a disk
   */
  async #read(stop: AbortSignal): Promise<IpamReading> {
    const { source, timeoutMs } = this.#deps;
    if (this.#isReading) throw new IpamReadError('unreachable', 'the last attempt to read it has not ended yet');
    // A signal of its own: AbortSignal.any() leaves something behind in a signal that lives on, at every attempt.
    const controller = new AbortController();
    const aborted = rejection(controller.signal);
    const leave = (): void => controller.abort(new IpamReadError('failed', 'the agent stops'));
    stop.addEventListener('abort', leave, { once: true });
    const expire = (): void =>
      controller.abort(new IpamReadError('unreachable', `it did not answer within ${timeoutMs} ms`));
    const timer = setTimeout(expire, timeoutMs);
    const reading = source.read(controller.signal).finally(() => (this.#isReading = false));
    this.#isReading = true;
    try {
      return await Promise.race([reading, aborted]);
    } finally {
      clearTimeout(timer);
      stop.removeEventListener('abort', leave);
    }
  }

  #keep(reading: IpamReading, takenAt: number): void {
    const { ipamPools } = REPORT_LIMITS;
    const { pools, bad } = reading;
    const surplus = pools.slice(ipamPools).map(() => ({
      reason: 'too_many_pools',
      message: `it has more than ${ipamPools} ranges of addresses`,
    }));
    this.#history.add(takenAt, pools.slice(0, ipamPools));
    this.#newest = { takenAt, reading, pools: this.#history.pools() };
    this.#tellBad([...bad, ...surplus], reading.leftOut);
  }

  /** A line when something else is bad than before. What the messages say besides, such as a value, is another each time. */
  #tellBad(bad: IpamReading['bad'], leftOut: IpamReading['leftOut']): void {
    const { source, metrics, log } = this.#deps;
    for (const { reason } of bad) metrics.rejectedIpam.inc({ source: source.name, reason });
    const told = [...new Set(bad.map(({ reason }) => reason)), ...leftOut].sort().join(' ');
    if (told === this.#told) return;
    this.#told = told;
    const first = bad[0]?.message;
    if (first === undefined)
      log.info({ source: source.name }, 'no longer: entries of IP address management are left out');
    else log.warn({ source: source.name, count: bad.length, first }, 'entries of IP address management are left out');
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  const rejected = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(readErrorOf(signal.reason)), { once: true });
  });
  rejected.catch(() => undefined); // nobody may be waiting for it any more
  return rejected;
}

function readErrorOf(error: unknown): IpamReadError {
  return error instanceof IpamReadError ? error : new IpamReadError('failed', errorMessage(error), { cause: error });
}
