import { Backoff } from '../backoff.js';
import type { Clock } from '../clock.js';
import { errorMessage, type Logger } from '../logger.js';
import { sleep } from '../sleep.js';
import { KubeError, type KubeApi } from './api.js';
import { isExpired, isFromTheFuture, isUnknownQuery, isUnreadable } from './failures.js';
import { listPages } from './list-pages.js';
import { keyOf, versionOf } from './objects.js';
import { watchEvents, type WatchEvent } from './watch-events.js';

/** Who keeps what a reflector finds. Keys are `<namespace>/<name>`, or the name alone of what has no namespace. */
export interface ReflectorSink<T> {
  /** All there is; whatever else was there is gone. */
  replace(items: ReadonlyMap<string, T>): void;
  upsert(key: string, value: T): void;
  /** Also of a key that is not there. */
  remove(key: string): void;
}

export interface ReflectorOptions<T> {
  readonly api: KubeApi;
  /** Of a collection, with the query that selects from it, such as `/api/v1/services?labelSelector=a%3Db`. */
  readonly path: string;
  /** Ask for the metadata of the objects alone. */
  readonly isMetadataOnly?: boolean;
  /** Have the list streamed by the watch, where the server knows how: neither side then holds a page of it. */
  readonly isStreamed?: boolean;
  /** Keeps what is needed of an object; undefined for one that is not what it ought to be. */
  readonly decode: (object: unknown) => T | undefined;
  readonly sink: ReflectorSink<T>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Logger;
  readonly backoff?: Backoff;
  readonly idleTimeoutMs?: number;
}

const PARTIAL = 'g=meta.k8s.io;v=v1';
const FIRST_BACKOFF_MS = 800;
const MAX_BACKOFF_MS = 30_000;
/** A server sends a bookmark every minute: two of them did not come. */
const IDLE_TIMEOUT_MS = 150_000;
/** Without a sign of life for this long, what is known is not the truth any more. Longer than a silence that is normal. */
const STALE_AFTER_MS = 180_000;
/** A watch lasts five to ten minutes, at random, as those of client-go: so that they spread over restarted servers. */
const WATCH_MS = 300_000;
/** A watch that the server ends sooner than this did not work. */
const SHORT_WATCH_MS = 1_000;

/**
 * Keeps a sink equal to a collection of the Kubernetes API: lists it, watches it from there, and lists it again only when the
 * server no longer knows what has happened since. What was known stays until a new list is whole.
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #backoff: Backoff;
  readonly #listAccept: string;
  readonly #watchAccept: string;
  /** Up to here the sink is what the server has; undefined: a list is needed. */
  #resourceVersion: string | undefined;
  #isStreamed: boolean;
  #isSynced = false;
  #lastContactMs: number | undefined;
  #skipped = 0;
  #failures = 0;
  #problem: string | undefined;
  #problemStatus: number | undefined;
  /** One line per change, not per try. */
  #loggedProblem = '';

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#backoff =
      options.backoff ?? new Backoff({ firstMs: FIRST_BACKOFF_MS, maxMs: MAX_BACKOFF_MS, random: Math.random });
    this.#isStreamed = options.isStreamed ?? false;
    const isPartial = options.isMetadataOnly ?? false;
    this.#listAccept = `application/json${isPartial ? `;as=PartialObjectMetadataList;${PARTIAL}` : ''}`;
    this.#watchAccept = `application/json${isPartial ? `;as=PartialObjectMetadata;${PARTIAL}` : ''}`;
  }

  /** Whether a list has been whole once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Monotonic time of the last whole list, event, bookmark or accepted watch. */
  get lastContactMs(): number | undefined {
    return this.#lastContactMs;
  }

  /** Objects that could not be decoded, since the start. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Lists and watches that failed, since the start. A watch that broke in the middle did not: it goes on. */
  get failures(): number {
    return this.#failures;
  }

  /** Why it does not work; undefined while it does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** HTTP status of what does not work; undefined while it works, and where there was no answer. */
  get problemStatus(): number | undefined {
    return this.#problemStatus;
  }

  /** Whether what the sink has is what the server has, but for the last moments. */
  isCurrent(nowMs: number): boolean {
    return this.#isSynced && this.#lastContactMs !== undefined && nowMs - this.#lastContactMs <= STALE_AFTER_MS;
  }

  /** Runs until aborted, whatever the server does. */
  async run(signal: AbortSignal): Promise<void> {
    const isStopped = (): boolean => signal.aborted;
    while (!isStopped()) {
      const mayGoOn = await this.#turn(signal);
      if (!mayGoOn && !isStopped()) await sleep(this.#backoff.next(), signal);
    }
  }

  /** A list where one is needed, and a watch to its end. @returns whether the next may follow at once */
  async #turn(signal: AbortSignal): Promise<boolean> {
    try {
      if (this.#resourceVersion === undefined && !this.#isStreamed) await this.#list(signal);
      return await this.#watch(signal);
    } catch (error) {
      return !signal.aborted && this.#fail(error);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { api, path } = this.#options;
    const items = new Map<string, T>();
    const { resourceVersion } = await listPages({
      api,
      path,
      signal,
      accept: this.#listAccept,
      onRestart: () => items.clear(),
      onPage: (page) => {
        for (const object of page) this.#decode(object, (key, value) => items.set(key, value));
      },
    });
    this.#replace(items, resourceVersion);
  }

  /** @returns whether it lasted long enough to be followed by another at once */
  async #watch(signal: AbortSignal): Promise<boolean> {
    const { api, path, clock, log, idleTimeoutMs = IDLE_TIMEOUT_MS } = this.#options;
    // of a list that is being streamed; afterwards events go to the sink
    let initial = this.#resourceVersion === undefined ? new Map<string, T>() : undefined;
    const times: { openedMs?: number } = {};
    const onOpen = (): void => {
      times.openedMs = clock.monotonicMs();
      if (initial === undefined) this.#noteContact();
    };
    const resourceVersion = this.#resourceVersion;
    const timeoutMs = WATCH_MS * (1 + Math.random());
    const accept = this.#watchAccept;
    const isLong = (): boolean =>
      times.openedMs !== undefined && clock.monotonicMs() - times.openedMs >= SHORT_WATCH_MS;
    try {
      const options = { api, path, accept, signal, resourceVersion, timeoutMs, idleTimeoutMs, onOpen };
      for await (const event of watchEvents(options)) {
        if (initial !== undefined) initial = this.#collect(event, initial);
        else this.#apply(event);
      }
      if (initial !== undefined) throw new KubeError(`GET ${path}: the streamed list ended too early`, undefined, '');
    } catch (error) {
      // a watch that breaks in the middle is nothing to report: it goes on from the version that it has come to
      const isBroken = error instanceof KubeError && error.statusCode === undefined && times.openedMs !== undefined;
      if (!isBroken || initial !== undefined || isUnreadable(error)) throw error;
      log.debug({ path, problem: error.message }, 'a watch broke');
    } finally {
      if (isLong()) this.#backoff.reset();
    }
    return isLong();
  }

  /** @returns undefined when the streamed list is whole */
  #collect({ type, object, isEndOfList }: WatchEvent, items: Map<string, T>): Map<string, T> | undefined {
    if (isEndOfList) {
      this.#replace(items, versionOf(object) ?? '');
      return undefined;
    }
    const key = keyOf(object);
    if (key !== undefined) items.delete(key);
    if (type === 'ADDED' || type === 'MODIFIED') this.#decode(object, (found, value) => items.set(found, value));
    return items;
  }

  #apply({ type, object }: WatchEvent): void {
    const { sink } = this.#options;
    this.#touch();
    const key = keyOf(object);
    if (type === 'DELETED') {
      if (key !== undefined) sink.remove(key);
    } else if (type !== 'BOOKMARK') {
      const isDecoded = this.#decode(object, (found, value) => sink.upsert(found, value));
      if (!isDecoded && key !== undefined) sink.remove(key);
    }
    this.#resourceVersion = versionOf(object) ?? this.#resourceVersion;
  }

  #decode(object: unknown, keep: (key: string, value: T) => void): boolean {
    const key = keyOf(object);
    const value = key === undefined ? undefined : this.#options.decode(object);
    if (key === undefined || value === undefined) {
      this.#skipped++;
      return false;
    }
    keep(key, value);
    return true;
  }

  #replace(items: ReadonlyMap<string, T>, resourceVersion: string): void {
    this.#options.sink.replace(items);
    this.#resourceVersion = resourceVersion === '' ? undefined : resourceVersion;
    this.#isSynced = true;
    this.#touch();
  }

  #noteContact(): void {
    this.#lastContactMs = this.#options.clock.monotonicMs();
    this.#problem = undefined;
    this.#problemStatus = undefined;
  }

  /** Something came. That a watch is accepted proves less: its first event may be an error. */
  #touch(): void {
    this.#noteContact();
    if (this.#loggedProblem === '') return;
    this.#loggedProblem = '';
    this.#options.log.info({ path: this.#options.path }, 'following the Kubernetes API again');
  }

  /** @returns whether another try may follow at once */
  #fail(error: unknown): boolean {
    const { path, log } = this.#options;
    // it would come again
    if (isUnreadable(error)) this.#resourceVersion = undefined;
    if (isExpired(error) || isFromTheFuture(error)) {
      this.#resourceVersion = undefined;
      log.debug({ path, problem: error.message }, 'listing again');
    } else if (this.#isStreamed && this.#resourceVersion === undefined && isUnknownQuery(error)) {
      this.#isStreamed = false;
      log.info({ path }, 'the server does not stream lists: listing in pages');
      return true;
    } else {
      const problem = errorMessage(error);
      if (problem !== this.#loggedProblem) log.warn({ path, problem }, 'the Kubernetes API cannot be followed');
      this.#failures++;
      this.#problem = problem;
      this.#problemStatus = error instanceof KubeError ? error.statusCode : undefined;
      this.#loggedProblem = problem;
    }
    return false;
  }
}
