import { setImmediate as nextTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../runtime/clock.js';
import type { ApiError } from '../api/errors.js';
import { RetryAfter } from '../http/retry-after.js';

export interface QueueLimits {
  readonly reports: number;
  /** Of their bodies, as they came. */
  readonly bytes: number;
  /** How long the last one may have to wait, by what reports took of late. */
  readonly waitMs: number;
}

/** Below the 1,000 reports in flight that there may be (CONCURRENCY_LIMITS): a place is to be free for bodies that are under way. */
export const QUEUE_LIMITS: QueueLimits = { reports: 500, bytes: 64 * 1024 * 1024, waitMs: 5_000 };

/** Who sends a report, one at a time. */
export interface Sender {
  /** The same from report to report. */
  readonly key: string;
  /** Size of the body. */
  readonly bytes: number;
}

export interface QueueDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly limits?: QueueLimits;
  /** Told whenever a report came, went, or was worked off after so long. */
  readonly onChange?: (queue: { readonly reports: number; readonly bytes: number }) => void;
  readonly onTurn?: (waitedMs: number) => void;
}

interface Waiting {
  readonly bytes: number;
  readonly arrivedMs: number;
  /** Never rejects. */
  readonly work: () => Promise<void>;
  readonly refuse: (error: ApiError) => void;
}

/** What is remembered of a sender that had its turn. */
interface Served {
  /** Counts up with each report. */
  readonly turn: number;
  readonly intervalMs: number | undefined;
}

/** What came of a report. */
export interface Worked<T> {
  /** At which its sender reports. */
  readonly intervalMs: number;
  readonly answer: T;
}

/** Senders of which it is known when they got through last: more than 5,000 nodes have, with both roles. */
const REMEMBERED_SENDERS = 20_000;
/** Of the cost of a report, an average that follows in some ten reports. */
const WEIGHT = 0.1;
const FIRST_COST_MS = 2;
/** What took longer was not the report: the process was frozen, say, and the next ones will not take as long. */
const LONGEST_COST_MS = 100;
/** Of these a turn of the event loop has more than one, for so long: beside a scrape, whose pieces take a part of each turn, ever more would wait. */
const MANY_WAITING = 20;
const TURN_MS = 4;

/**
 * Works reports off one at a time, in the order in which they came, with a turn of the event loop before each, or before a few where many
 * wait: what else arrived meanwhile, an HPA's query first of all, is answered before them.
 *
 * When more come than can be worked off, the report of the sender that got through most recently is refused with 429, whether it
 * waits or has just come: so who has waited longest gets through next, and under a constant overload all senders get through equally often.
 * Of one sender the newest report alone waits, at the place of the one before: nobody waits for the answer to that any more.
 */
export class IngestQueue {
  readonly #deps: QueueDeps;
  readonly #limits: QueueLimits;
  /** By sender, in the order in which they came. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #served = new LRUCache<string, Served>({ max: REMEMBERED_SENDERS });
  #bytes = 0;
  #costMs = FIRST_COST_MS;
  #turn = 0;
  #isWorking = false;
  readonly #retryAfter = new RetryAfter();

  constructor(deps: QueueDeps) {
    this.#deps = deps;
    this.#limits = deps.limits ?? QUEUE_LIMITS;
  }

  /**
   * Does the work in its turn.
   * @throws {ApiError} TooManyRequests when it is shed, and whatever the work throws
   */
  run<T>({ key, bytes }: Sender, work: () => Promise<Worked<T>>): Promise<T> {
    return new Promise((resolve, reject) => {
      const inTurn = async (): Promise<void> => {
        // Also where it comes to nothing: who sends what is no report gets no more turns than others.
        const served = { turn: ++this.#turn, intervalMs: this.#served.get(key)?.intervalMs };
        this.#served.set(key, served);
        const worked = await work();
        this.#served.set(key, { ...served, intervalMs: worked.intervalMs });
        resolve(worked.answer);
      };
      this.#enter(key, {
        bytes,
        arrivedMs: this.#deps.clock.monotonicMs(),
        work: () => inTurn().catch(reject),
        refuse: reject,
      });
      if (!this.#isWorking) void this.#workOff();
    });
  }

  #enter(key: string, waiting: Waiting): void {
    const before = this.#waiting.get(key);
    this.#bytes += waiting.bytes - (before?.bytes ?? 0);
    this.#waiting.set(key, waiting);
    before?.refuse(this.#refusal(key));
    while (this.#isOver()) this.#shed();
    this.#tell();
  }

  async #workOff(): Promise<void> {
    this.#isWorking = true;
    const { clock } = this.#deps;
    await nextTurn();
    let turnMs = clock.monotonicMs();
    for (let worked = 1; ; worked++) {
      const [entry] = this.#waiting;
      if (entry === undefined) break;
      const [key, { work, arrivedMs }] = entry;
      this.#remove(key);
      this.#tell();
      this.#deps.onTurn?.(clock.monotonicMs() - arrivedMs);
      await work();
      if (this.#waiting.size >= MANY_WAITING && clock.monotonicMs() - turnMs < TURN_MS) continue;
      await nextTurn();
      // With what else was done in that turn: it is what the next one waits for.
      const nowMs = clock.monotonicMs();
      const tookMs = Math.min((nowMs - turnMs) / worked, LONGEST_COST_MS);
      this.#costMs += WEIGHT * (tookMs - this.#costMs);
      turnMs = nowMs;
      worked = 0;
    }
    this.#isWorking = false;
  }

  /** A report that is alone is always taken. */
  #isOver(): boolean {
    const { size } = this.#waiting;
    const { reports, bytes, waitMs } = this.#limits;
    return size > 1 && (size > reports || this.#bytes > bytes || size * this.#costMs > waitMs);
  }

  #shed(): void {
    let [latest, latestTurn] = ['', -1];
    for (const key of this.#waiting.keys()) {
      const turn = this.#served.peek(key)?.turn ?? 0;
      // Of those that never got through the one that came last.
      if (turn >= latestTurn) [latest, latestTurn] = [key, turn];
    }
    const shed = this.#waiting.get(latest);
    this.#remove(latest);
    shed?.refuse(this.#refusal(latest));
  }

  #remove(key: string): void {
    this.#bytes -= this.#waiting.get(key)?.bytes ?? 0;
    this.#waiting.delete(key);
  }

  #refusal(key: string): ApiError {
    return this.#retryAfter.refusal(this.#served.peek(key)?.intervalMs);
  }

  #tell(): void {
    this.#deps.onChange?.({ reports: this.#waiting.size, bytes: this.#bytes });
  }
}
