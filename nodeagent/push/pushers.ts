import type { Logger } from '../../runtime/logger.js';
import { sleep } from '../../runtime/sleep.js';
import type { Pusher } from './pusher.js';
import type { PushTarget } from './replicas.js';

export interface PushersDeps {
  readonly create: (target: PushTarget) => Pusher;
  /** Whether there is anything to push yet. */
  readonly hasSamples: () => boolean;
  /** A server is pushed to no more. */
  readonly onGone: (server: string) => void;
  /** Whether others may come: then samples are kept for them though nobody is there now. */
  readonly mayChange: boolean;
  readonly log: Logger;
}

interface Running {
  readonly pusher: Pusher;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Kept for a server that has not said yet what it wants. */
const DEFAULT_HISTORY_MS = 300_000;
const MAX_HISTORY_MS = 3_600_000;
const DRAIN_MS = 1_500;

/** A pusher for each server that there is; none waits for another. */
export class Pushers {
  readonly #deps: PushersDeps;
  readonly #running = new Map<string, Running>();
  /** Of servers that are gone, until their last push has ended. */
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;
  /** Whether it was said before which there are. */
  #isKnown = false;
  /** What servers wanted last: those that replace them will want it, too. */
  #wantedMs = DEFAULT_HISTORY_MS;

  constructor(deps: PushersDeps) {
    this.#deps = deps;
  }

  get servers(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** How far back the samples are wanted: the longest that any server wants, within reason. */
  get historyMs(): number {
    const pushers = [...this.#running.values()].map(({ pusher }) => pusher);
    if (pushers.length === 0) return this.#deps.mayChange ? this.#wantedMs : 0;
    const said = pushers.map(({ historyMs }) => historyMs).filter((wanted) => wanted !== undefined);
    const longestMs = Math.min(MAX_HISTORY_MS, Math.max(0, ...said));
    if (said.length === pushers.length) this.#wantedMs = longestMs;
    return Math.max(longestMs, this.#wantedMs);
  }

  /**
   * From now on these are pushed to, and no others. Those named first get all that there is at once. One that comes later gets it with the
   * next sample: all agents hear of it in the same moment, and their samples are spread over the interval.
   */
  set(targets: readonly PushTarget[]): void {
    if (this.#isClosed) return;
    const isFirst = !this.#isKnown;
    this.#isKnown = true;
    const wanted = new Map(targets.map((target) => [target.server, target]));
    for (const server of this.#running.keys()) if (!wanted.has(server)) this.#end(server);
    for (const [server, target] of wanted) {
      if (!this.#running.has(server)) this.#begin(target, isFirst);
    }
  }

  /** There is a new sample. */
  notify(): void {
    for (const { pusher } of this.#running.values()) pusher.notify();
  }

  /** Pushes under way are given a moment: pods that ended just now are in no report of another agent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const drained = new AbortController();
    const all = [...this.#running.values()];
    const draining = Promise.all(all.map(({ pusher }) => pusher.drain())).then(() => drained.abort());
    await Promise.race([draining, sleep(DRAIN_MS, drained.signal)]);
    for (const { stop } of all) stop.abort();
    await Promise.all([...this.#ending, ...all.map(({ ended }) => ended)]);
  }

  #begin(target: PushTarget, isFirst: boolean): void {
    const { server } = target;
    const { create, hasSamples, log, mayChange } = this.#deps;
    const pusher = create(target);
    const stop = new AbortController();
    this.#running.set(server, { pusher, stop, ended: pusher.run(stop.signal) });
    if (mayChange) log.info({ server }, 'a replica to push to');
    if (isFirst && hasSamples()) pusher.notify();
  }

  #end(server: string): void {
    const running = this.#running.get(server);
    if (running === undefined) return;
    const { onGone, log } = this.#deps;
    this.#running.delete(server);
    running.stop.abort();
    log.info({ server }, 'a replica is gone');
    const ended = running.ended.then(() => {
      this.#ending.delete(ended);
      // it may be there again by now
      if (!this.#running.has(server)) onGone(server);
    });
    this.#ending.add(ended);
  }
}
