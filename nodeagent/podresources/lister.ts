import type { Backoff } from '../../runtime/backoff.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import { Repeating } from '../../runtime/repeating.js';
import type { Allocation, Allocations } from '../devices/allocation.js';
import type { GrpcClient } from '../grpc/client.js';
import { GrpcError, messageOf } from '../grpc/errors.js';
import type { SelfMetrics } from '../self-metrics.js';
import type { SourceStates } from '../source-states.js';
import { BAD_ENTRIES, decodeAllocations, type DecodedAllocations } from './decode.js';
import { socketIdentity, tryConnect } from './socket.js';

export interface AllocationListerDeps {
  readonly client: GrpcClient<'List'>;
  /** Told whether the kubelet answers. */
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  readonly metrics: Pick<SelfMetrics, 'badAllocations'>;
  readonly log: Logger;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Between two attempts at a kubelet that does not answer; no longer than the interval. */
  readonly backoff: Backoff;
  /** Between two questions. */
  readonly intervalMs: number;
  /** Between two questions at least, whoever wants to know. */
  readonly minGapMs?: number;
  readonly timeoutMs?: number;
}

const MIN_GAP_MS = 1_000;
const TIMEOUT_MS = 10_000;
/** An answer is believed for so long: later, its devices may be those of other pods. */
const STALE_AFTER = { intervals: 3, leastMs: 60_000 } as const;

/**
 * What the kubelet gave to the containers of the node: it is asked once an interval, and out of turn when that is wanted. While it does
 * not answer, the last that it said stays for a while. gRPC is not loaded before there is somebody to ask.
 */
export class AllocationLister implements Allocations {
  readonly #deps: AllocationListerDeps;
  readonly #rounds = new Repeating((signal) => this.#round(signal));
  readonly #first: { resolve?: () => void } = {};
  /** Resolved when the first attempt has ended, whatever came of it. */
  readonly ready = new Promise<void>((resolve) => (this.#first.resolve = resolve));
  #answer: { readonly allocations: readonly Allocation[]; readonly askedMs: number } | undefined;
  #askedMs = -Infinity;
  #isStarted = false;
  #isAnswered = false;
  #socket: string | undefined;
  #bad = '';

  constructor(deps: AllocationListerDeps) {
    this.#deps = deps;
  }

  /** Of the last answer, every container of it; undefined before the first, and when it is too old to be believed. */
  get list(): readonly Allocation[] | undefined {
    const { clock, intervalMs } = this.#deps;
    const staleMs = Math.max(STALE_AFTER.intervals * intervalMs, STALE_AFTER.leastMs);
    const { askedMs, allocations } = this.#answer ?? { askedMs: -Infinity };
    return clock.monotonicMs() - askedMs <= staleMs ? allocations : undefined;
  }

  /** Of the last answer, when it was asked for. */
  get askedMs(): number {
    return this.#answer?.askedMs ?? -Infinity;
  }

  /** Whether the first attempt is still to be waited for. */
  get isAwaited(): boolean {
    return this.#isStarted && !this.#isAnswered;
  }

  /** Begins to ask; once is enough. */
  start(): this {
    if (!this.#isStarted) this.#rounds.start();
    this.#isStarted = true;
    return this;
  }

  /** To be asked soon: there is a pod that the last answer cannot have. */
  refresh(): void {
    this.#rounds.wake();
  }

  async close(): Promise<void> {
    await this.#rounds.close();
    this.#first.resolve?.();
    this.#deps.client.abandon();
  }

  /** @returns when to ask again, milliseconds */
  async #round(signal: AbortSignal): Promise<number> {
    const { clock, backoff, intervalMs, minGapMs = MIN_GAP_MS } = this.#deps;
    const nowMs = clock.monotonicMs();
    const waitMs = this.#askedMs + minGapMs - nowMs;
    if (waitMs > 0) return waitMs;
    this.#askedMs = nowMs;
    const isUp = await this.#ask(nowMs, signal);
    this.#isAnswered = true;
    this.#first.resolve?.();
    if (!isUp) return Math.min(intervalMs, backoff.next());
    backoff.reset();
    return intervalMs;
  }

  /** @returns whether there was an answer */
  async #ask(askedMs: number, signal: AbortSignal): Promise<boolean> {
    const { client, states, timeoutMs = TIMEOUT_MS } = this.#deps;
    try {
      this.#followSocket(socketIdentity(client.socketPath));
      if (!client.isLoaded) await tryConnect(client.socketPath, signal);
      const decoded = decodeAllocations(await client.call('List', {}, timeoutMs, signal));
      this.#answer = { allocations: decoded.allocations, askedMs };
      this.#tellBad(decoded);
    } catch (error) {
      if (!signal.aborted) this.#lose(error);
      return false;
    }
    states.up('kubelet');
    return true;
  }

  /** The connection to a kubelet that was started again is of no use, even where the one before still holds it. */
  #followSocket(socket: string): void {
    if (this.#socket !== socket) this.#deps.client.abandon();
    this.#socket = socket;
  }

  #lose(error: unknown): void {
    const { client, states } = this.#deps;
    client.disconnect();
    const reason = error instanceof GrpcError ? error.reason : 'failed';
    states.off('kubelet', reason, `${client.socketPath}: ${messageOf(error)}`);
  }

  #tellBad({ bad }: DecodedAllocations): void {
    const { metrics, log } = this.#deps;
    metrics.badAllocations.reset();
    for (const [reason, count] of bad) metrics.badAllocations.set({ reason }, count);
    const said = [...bad.keys()].map((reason) => BAD_ENTRIES[reason]).join('; ');
    if (said === this.#bad) return;
    this.#bad = said;
    if (said === '') log.info({ source: 'kubelet' }, 'no longer: entries of its answer are left out');
    else log.warn({ source: 'kubelet', detail: said }, 'entries of its answer are left out');
  }
}
