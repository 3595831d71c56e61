import { Gauge, type Registry } from 'prom-client';
import type { IpamFigure } from '../../metrics/ipam/figures.js';
import type { Clock } from '../../runtime/clock.js';
import type { Lease } from '../../runtime/kube/lease.js';
import type { HealthCheck } from '../api/health.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';
import type { NodeSeries } from '../store/node-series.js';
import type { Exposer } from './exposer.js';
import { HandedCounters } from './handed-counters.js';

export interface LeaseExposerDeps {
  readonly lease: Pick<Lease, 'isHolder' | 'holder' | 'term' | 'termSinceMs' | 'annotations' | 'annotate' | 'run'>;
  readonly clock: Clock;
}

/** What is exposed. */
export interface ExposedStore {
  nodes(): readonly Pick<NodeSeries, 'intervalMs' | 'isFresh'>[];
  readonly ipam: Pick<IpamFigures, 'total'>;
}

/** @param reportedSinceMs of a node that has not reported since then more may have been shown than is known here; server's monotonic clock */
type OnBegin = (reportedSinceMs: number) => void;

/** A report may be on its way, or come late, for so long. */
const LATE_MS = 2_000;
/** Also more than a replica believes to hold a Lease that was deleted under it: 10 s. */
const SHORTEST_MS = 15_000;
/** Agents that report less often are waited for one by one: they must not keep the others from being shown. */
const LONGEST_MS = 60_000;

/**
 * The holder of a Lease exposes, from one interval after its term began. What it shows of a node it was told of after that: no less than
 * the holder before it can have shown, which was told the same until it lost the Lease, and shows nothing since.
 */
export class LeaseExposer implements Exposer {
  readonly #deps: LeaseExposerDeps;
  readonly #stop = new AbortController();
  #store: ExposedStore | undefined;
  #counters: HandedCounters | undefined;
  #running: Promise<void> = Promise.resolve();
  #onBegin: OnBegin = () => undefined;
  /** In which it began to expose; 0: in none yet. */
  #exposedTerm = 0;

  constructor(deps: LeaseExposerDeps) {
    this.#deps = deps;
  }

  /**
   * Seeks the Lease, as there is now something to be shown.
   * @param onBegin called in each term before anything is shown in it
   */
  start(store: ExposedStore, onBegin: OnBegin = () => undefined): void {
    if (this.#stop.signal.aborted) return;
    this.#store = store;
    this.#onBegin = onBegin;
    const { lease, clock } = this.#deps;
    this.#running = lease.run(this.#stop.signal);
    this.#counters = new HandedCounters({ lease, clock, figures: store.ipam }).start();
  }

  /**
   * Reckoned at the moment of asking: a process that was stopped shows nothing old when it goes on. Who began goes on for the term: an
   * agent that comes later and reports less often must not take away what is shown of the others.
   */
  isExposing(nowMs: number): boolean {
    const { isHolder, term } = this.#deps.lease;
    if (!isHolder) return false;
    if (term === this.#exposedTerm) return true;
    if (this.#leftMs(nowMs) > 0) return false;
    this.#exposedTerm = term;
    this.#onBegin(this.reportedSinceMs);
    return true;
  }

  get reportedSinceMs(): number {
    return this.#deps.lease.termSinceMs + LATE_MS;
  }

  total(figure: IpamFigure): number | undefined {
    return this.#counters?.shown(figure);
  }

  /** For `/readyz`: who exposes is a question of its own, and what the HPA reads is nowhere better than here. */
  readonly check: HealthCheck = {
    name: 'exposer',
    isMet: () => true,
    detail: () => this.#state(),
  };

  /** Gives the Lease back, so that another replica takes it over at once. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#counters?.close();
    await this.#running;
  }

  #leftMs(nowMs: number): number {
    const fresh = (this.#store?.nodes() ?? []).filter((node) => node.isFresh(nowMs));
    const longestMs = fresh.reduce((longest, { intervalMs }) => Math.max(longest, intervalMs), SHORTEST_MS);
    // The first of an agent's reports that counts is of within one interval from `reportedSinceMs` on, and may be late itself.
    return this.reportedSinceMs + Math.min(longestMs, LONGEST_MS) + LATE_MS - nowMs;
  }

  #state(): string {
    const { lease, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    if (this.isExposing(nowMs)) return 'this replica exposes';
    if (lease.isHolder) return `this replica exposes in ${Math.ceil(this.#leftMs(nowMs) / 1_000)} s`;
    return lease.holder === '' ? 'nobody is known to expose' : 'another replica exposes, as far as is known';
  }
}

/** Whether a replica shows the series where all are scraped as one. */
export function addExposerMetrics(registry: Registry, exposer: Exposer, clock: Pick<Clock, 'monotonicMs'>): void {
  new Gauge({
    name: 'podnet_apiserver_exposing',
    help: 'Whether this replica shows the series at /metrics?exposer=only: 1 on one replica, but for the time of a hand-over.',
    registers: [registry],
    collect() {
      this.set(Number(exposer.isExposing(clock.monotonicMs())));
    },
  });
}
