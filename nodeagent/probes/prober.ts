import { once } from 'node:events';
import { PROBE_KINDS, REPORT_LIMITS, type ProbeKind } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import { LogLimit } from '../../runtime/log-limit.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { LoopWatch } from './loop-watch.js';
import { Places } from './places.js';
import { LEFT_OUT_REASONS, type ProbeMetrics } from './probe-metrics.js';
import type { Outcome, ProbePlan, ProbeReading, ProbeReadings, Target } from './probe.js';
import { TargetRounds, type RoundsContext } from './target-rounds.js';

/** Of targets that begin or cease to fail: where a whole network does, some tell as much as all. */
const VERDICTS_LOGGED_PER_SECOND = 5;

export interface ProberDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** 0 to 1. */
  readonly random: () => number;
  readonly plans: Readonly<Record<ProbeKind, ProbePlan>>;
  /** A latency measured while the agent was held up for longer is left out. */
  readonly maxLoopDelayMs: number;
  readonly metrics: ProbeMetrics;
  readonly log: Logger;
  /** A target begins or ceases to fail: that is news. Must not throw. */
  readonly onVerdict?: () => void;
}

type RoundsByKey = { readonly [Kind in ProbeKind]: Map<string, TargetRounds<Kind>> };

/** Probes targets, each at its own times, and counts how that goes. */
export class Prober {
  readonly #deps: ProberDeps;
  readonly #context: RoundsContext;
  /** Ordered by key. */
  readonly #rounds: RoundsByKey = { dial: new Map(), dns: new Map(), ntp: new Map() };
  /** Those to begin, one in each turn of the event loop: what one does at its start must not be measured as latency of another. */
  readonly #beginning: (() => void)[] = [];
  /** Kinds of which a target has thrown. */
  readonly #thrown = new Set<ProbeKind>();
  /** Kinds that had too many targets. */
  readonly #cut = new Set<ProbeKind>();
  #isRunning = false;

  readonly #verdictsLogged: LogLimit;

  constructor(deps: ProberDeps) {
    const { clock, random, maxLoopDelayMs, metrics, onVerdict } = deps;
    this.#deps = deps;
    this.#verdictsLogged = new LogLimit(clock, VERDICTS_LOGGED_PER_SECOND);
    this.#context = {
      ...{ clock, random, maxLoopDelayMs },
      loop: new LoopWatch(clock, metrics.loopDelay),
      places: new Places(),
      leftOut: metrics.leftOut,
      underWay: new Set(),
      inTurn: (begin) => this.#beginInTurn(begin),
      onVerdict: (kind, key, outcome) => {
        this.#logVerdict(kind, key, outcome);
        onVerdict?.();
      },
      onThrow: (kind, key, error) => this.#logThrow(kind, key, error),
    };
  }

  /**
   * Probes these of a kind from now on, as many of them as a report takes. One with a key that is there goes on with its counts; what is not
   * among them is forgotten.
   */
  setTargets<Kind extends ProbeKind>(kind: Kind, targets: readonly Target<Kind>[]): void {
    const { plans, metrics } = this.#deps;
    const rounds: Map<string, TargetRounds<Kind>> = this.#rounds[kind];
    const before = new Map(rounds);
    rounds.clear();
    for (const target of this.#withinLimit(kind, targets).sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const ofTarget = before.get(target.key) ?? new TargetRounds(kind, target, plans[kind], this.#context);
      ofTarget.target = target;
      rounds.set(target.key, ofTarget);
    }
    for (const [key, gone] of before) if (!rounds.has(key)) gone.stop();
    if (this.#isRunning) for (const [key, added] of rounds) if (!before.has(key)) added.start();
    metrics.targets.set({ kind }, rounds.size);
    for (const reason of LEFT_OUT_REASONS) metrics.leftOut.inc({ kind, reason }, 0);
  }

  /** The first of them. */
  #withinLimit<Kind extends ProbeKind>(kind: Kind, targets: readonly Target<Kind>[]): Target<Kind>[] {
    const kept = targets.slice(0, REPORT_LIMITS.probeSeries);
    const leftOut = targets.length - kept.length;
    if (leftOut > 0 && !this.#cut.has(kind)) {
      this.#cut.add(kind);
      this.#deps.log.warn(
        { kind, targets: kept.length, leftOut },
        'there is too much to probe: some is not; logged once',
      );
    }
    return kept;
  }

  /** What has been counted of every target, ordered by key. */
  readings(): ProbeReadings {
    const { dial, dns, ntp } = this.#rounds;
    return { dial: readingsOf(dial), dns: readingsOf(dns), ntp: readingsOf(ntp) };
  }

  /** Probes until aborted; resolves when no probe is under way any more. Once only. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { loop, underWay } = this.#context;
    if (signal.aborted) return;
    this.#isRunning = true;
    loop.start();
    for (const rounds of this.#all()) rounds.start();
    await once(signal, 'abort');
    this.#isRunning = false;
    for (const rounds of this.#all()) rounds.stop();
    await Promise.all(underWay);
    loop.close();
  }

  #all(): TargetRounds[] {
    return PROBE_KINDS.flatMap((kind) => [...this.#rounds[kind].values()] as TargetRounds[]);
  }

  #logVerdict(kind: ProbeKind, target: string, outcome: Outcome): void {
    if (!this.#verdictsLogged.take()) return;
    const { log } = this.#deps;
    if (outcome.ok) {
      log.info({ kind, target }, 'a target answers again');
      return;
    }
    const { reason, pauseMs } = outcome;
    const pause = pauseMs === undefined ? {} : { pause: pauseMs === Infinity ? 'for good' : `${pauseMs} ms` };
    log.warn({ kind, target, reason, ...pause }, 'a target begins to fail');
  }

  /** A fault of ours, which another target of the kind is likely to have as well. */
  #logThrow(kind: ProbeKind, target: string, error: unknown): void {
    if (this.#thrown.has(kind)) return;
    this.#thrown.add(kind);
    const stack = error instanceof Error ? error.stack : undefined;
    this.#deps.log.error({ kind, target, error: errorMessage(error), stack }, 'a probe threw; logged once');
  }

  #beginInTurn(begin: () => void): void {
    this.#beginning.push(begin);
    if (this.#beginning.length === 1) setImmediate(() => this.#beginNext());
  }

  #beginNext(): void {
    this.#beginning[0]?.();
    this.#beginning.shift();
    if (this.#beginning.length > 0) setImmediate(() => this.#beginNext());
  }
}

function readingsOf<Kind extends ProbeKind>(rounds: ReadonlyMap<string, TargetRounds<Kind>>): ProbeReading<Kind>[] {
  return Array.from(rounds.values(), (one) => one.reading());
}
