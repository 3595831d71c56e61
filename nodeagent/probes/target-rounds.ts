import type { Counter } from 'prom-client';
import type { ProbeKind } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import type { LoopWatch } from './loop-watch.js';
import type { Places } from './places.js';
import type { LeftOutReason } from './probe-metrics.js';
import type { Outcome, ProbePlan, ProbeReading, Target } from './probe.js';
import { Slots } from './slots.js';
import { Tally } from './tally.js';
import { RESOLVING_SHARE } from './within-limits.js';

/** Node's timers may be early by so much: not worth another one. */
const TIMER_GRAIN_MS = 1;
/** The longest that they can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** News that a peer is gone takes about so long to arrive. */
const JUDGED_AFTER_MS = 2_000;
/** What a server said of its clock, and how the newest probes went, is old after so many rounds. */
const OLD_ROUNDS = 3;
/** A probe that has not ended by itself after twice its timeout and this never will. */
const OVERDUE_MS = 1_000;

/** What the rounds of all targets have in common. */
export interface RoundsContext {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: () => number;
  readonly loop: LoopWatch;
  readonly places: Places;
  readonly maxLoopDelayMs: number;
  readonly leftOut: Counter<'kind' | 'reason'>;
  /** Probes that have not ended. */
  readonly underWay: Set<Promise<void>>;
  /** Calls back in a turn of the event loop that no other probe begins in. */
  readonly inTurn: (begin: () => void) => void;
  /** The target begins or ceases to fail. */
  readonly onVerdict: (kind: ProbeKind, key: string, outcome: Outcome) => void;
  /** Something of the target threw, which it must not. */
  readonly onThrow: (kind: ProbeKind, key: string, error: unknown) => void;
}

interface Suspicion<Kind extends ProbeKind> {
  readonly target: Target<Kind>;
  readonly outcome: Outcome<Kind>;
  readonly timer: NodeJS.Timeout;
}

/** Probes one target again and again, one probe at a time, and counts. */
export class TargetRounds<Kind extends ProbeKind = ProbeKind> {
  /** May be replaced by another of the same key: the next round asks that one. */
  target: Target<Kind>;
  readonly #kind: Kind;
  readonly #plan: ProbePlan;
  readonly #context: RoundsContext;
  readonly #tally: Tally<Kind>;
  #slots: Slots | undefined;
  #timer: NodeJS.Timeout | undefined;
  #probe: AbortController | undefined;
  /** The newest failure, while it is not known whether it is one. */
  #suspicion: Suspicion<Kind> | undefined;
  #isStopped = false;

  constructor(kind: Kind, target: Target<Kind>, plan: ProbePlan, context: RoundsContext) {
    this.target = target;
    this.#kind = kind;
    this.#plan = plan;
    this.#context = context;
    this.#tally = new Tally(kind);
  }

  start(): void {
    const { clock, random } = this.#context;
    this.#slots = new Slots({ intervalMs: this.#plan.intervalMs, nowMs: clock.monotonicMs(), random });
    this.#waitUntil(this.#slots.firstMs);
  }

  /** Aborts the probe under way, whose outcome is dropped. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#suspicion?.timer);
    this.#probe?.abort();
  }

  reading(): ProbeReading<Kind> {
    const { key, meta } = this.target;
    const { intervalMs, timeoutMs } = this.#plan;
    const nowMs = this.#context.clock.monotonicMs();
    // Where all probes are left out, as those of an agent that is held up all the time, the last verdict must not stand for good.
    const recent = this.#tally.recent(nowMs - OLD_ROUNDS * (intervalMs + timeoutMs));
    const clock = this.#tally.clock(nowMs - OLD_ROUNDS * intervalMs);
    return { key, meta, recent, clock, row: this.#tally.row() };
  }

  #waitUntil(dueMs: number): void {
    if (dueMs === Infinity) return;
    const waitMs = dueMs - this.#context.clock.monotonicMs();
    if (waitMs < TIMER_GRAIN_MS) this.#context.inTurn(() => this.#begin());
    else this.#timer = setTimeout(() => this.#waitUntil(dueMs), Math.min(waitMs, LONGEST_TIMER_MS));
  }

  #waitForNext(pauseMs = 0): void {
    this.#waitUntil(this.#slots?.next(this.#context.clock.monotonicMs() + pauseMs) ?? Infinity);
  }

  #begin(): void {
    const { places, underWay } = this.#context;
    if (this.#isStopped) return;
    if (!places.take(this.target.server)) {
      this.#leaveOut('busy');
      this.#waitForNext();
      return;
    }
    const round = this.#round(this.target);
    underWay.add(round);
    void round.then(() => underWay.delete(round));
  }

  async #round(target: Target<Kind>): Promise<void> {
    const { loop, places } = this.#context;
    const probe = new AbortController();
    this.#probe = probe;
    const endWatch = loop.watch();
    const outcome = await this.#outcomeOf(target, probe);
    const heldUpMs = endWatch();
    places.giveBack(target.server);
    this.#probe = undefined;
    if (this.#isStopped) return;
    this.#take(target, outcome, heldUpMs);
    this.#waitForNext(outcome.ok ? 0 : outcome.pauseMs);
  }

  async #outcomeOf(target: Target<Kind>, probe: AbortController): Promise<Outcome<Kind>> {
    const { timeoutMs } = this.#plan;
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<never>((_resolve, reject) => {
      const giveUp = () => reject(new Error(`a probe with a timeout of ${timeoutMs} ms does not end`));
      // in two steps: where this process was held up all timers are due at once, and those of the probe are to go first
      timer = setTimeout(() => (timer = setTimeout(giveUp, OVERDUE_MS)), 2 * timeoutMs);
    });
    try {
      return await Promise.race([target.probe({ timeoutMs, signal: probe.signal }), overdue]);
    } catch (error) {
      probe.abort();
      if (!this.#isStopped) this.#context.onThrow(this.#kind, target.key, error);
      return { ok: false, reason: 'other' };
    } finally {
      clearTimeout(timer);
    }
  }

  #take(target: Target<Kind>, outcome: Outcome<Kind>, heldUpMs: number): void {
    this.#judge(); // outcomes are counted in their order
    if (this.#isOfTheAgent(outcome, heldUpMs)) {
      this.#leaveOut('loop_delay');
    } else if (!outcome.ok && target.isFailure !== undefined) {
      const timer = setTimeout(() => this.#judge(), Math.min(JUDGED_AFTER_MS, this.#plan.intervalMs / 2));
      this.#suspicion = { target, outcome, timer };
    } else {
      this.#count(outcome);
    }
  }

  /**
   * Whether an outcome says more of the agent than of the network. An agent that is busy must still tell of an outage: a probe has run into
   * its timeout, or that of the name of its server, because of the agent only if that did nothing for much of the time. Other failures are
   * what somebody answered.
   */
  #isOfTheAgent(outcome: Outcome<Kind>, heldUpMs: number): boolean {
    if (outcome.ok) return heldUpMs > this.#context.maxLoopDelayMs;
    const { timeoutMs } = this.#plan;
    if (outcome.reason === 'timeout') return heldUpMs >= timeoutMs / 2;
    return outcome.reason === 'dns' && heldUpMs >= (timeoutMs * RESOLVING_SHARE) / 2;
  }

  #judge(): void {
    if (this.#suspicion === undefined) return;
    const { target, outcome, timer } = this.#suspicion;
    clearTimeout(timer);
    this.#suspicion = undefined;
    if (this.#isFailure(target)) this.#count(outcome);
    else this.#leaveOut('peer_gone');
  }

  #isFailure(target: Target<Kind>): boolean {
    try {
      return target.isFailure?.() ?? true;
    } catch (error) {
      this.#context.onThrow(this.#kind, target.key, error);
      return true;
    }
  }

  #count(outcome: Outcome<Kind>): void {
    const wasFailing = this.#tally.isFailing;
    this.#tally.add(outcome, this.#context.clock.monotonicMs());
    if (this.#tally.isFailing !== wasFailing) this.#context.onVerdict(this.#kind, this.target.key, outcome);
  }

  #leaveOut(reason: LeftOutReason): void {
    this.#context.leftOut.inc({ kind: this.#kind, reason });
  }
}
