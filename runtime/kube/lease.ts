import type { Clock } from '../clock.js';
import { errorMessage, type Logger } from '../logger.js';
import { sleep, type Sleep } from '../sleep.js';
import { KubeError, type KubeApi } from './api.js';
import { LEASE, microTime, type LeaseObject } from './lease-object.js';

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Of this process and no other, not even an earlier one of the same pod. */
  readonly identity: string;
  /** How long the others leave a holder alone that is not heard of. */
  readonly durationMs?: number;
  /** How long a holder believes in its last renewal; less than the duration, by more than clocks drift in it. */
  readonly renewDeadlineMs?: number;
  readonly retryMs?: number;
}

export interface LeaseDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly sleep?: Sleep;
}

/** As Kubernetes' own controllers (client-go, leaderelection). */
const DEFAULTS = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };
/** Those that wait ask at random times, so that they do not collide; client-go's JitterFactor. */
const JITTER = 1.2;
const RELEASE_TIMEOUT_MS = 2_000;
/** A holder that asks for more than this many of our durations is mistaken, or nobody could ever follow it. */
const MAX_DURATIONS = 10;
/** Times that annotations are written anew because somebody else wrote the object meanwhile. */
const MAX_ROUNDS = 3;

/**
 * A Lease of coordination.k8s.io: of all processes that want it, one holds it.
 *
 * Times are differences of the own monotonic clock; what others wrote of theirs is not read. A holder counts from before it asked for
 * the renewal, the others from when they saw it, and they wait longer: there are never two, however slow the network or the process.
 */
export class Lease {
  readonly #options: Required<LeaseOptions>;
  readonly #deps: LeaseDeps;
  readonly #listeners = new Set<(isHolder: boolean) => void>();
  #heldUntilMs = -Infinity;
  #wasHolder = false;
  /** The newest that is known of the object, and since when. */
  #known: LeaseObject | undefined;
  #knownSinceMs = 0;
  #problem = '';
  #term = 0;
  #termSinceMs = Infinity;
  /** Whether anybody else may have held it since it was held here. */
  #isInterrupted = true;
  /** Of `run()`. */
  #signal: AbortSignal | undefined;
  /** Reads and writes follow one another: each is made of what the last one came to know. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LeaseOptions, deps: LeaseDeps) {
    this.#options = { ...DEFAULTS, ...options };
    this.#deps = deps;
  }

  /** Reckoned at the moment of asking: a process that was stopped knows it when it goes on. */
  get isHolder(): boolean {
    return this.#deps.clock.monotonicMs() < this.#heldUntilMs;
  }

  /** Time for which it is certainly held, milliseconds; 0 where it is not. */
  get heldForMs(): number {
    return Math.max(0, this.#heldUntilMs - this.#deps.clock.monotonicMs());
  }

  /** Another one for each time that it came to be held here after somebody else may have held it. */
  get term(): number {
    return this.#term;
  }

  /** On the own monotonic clock: from then on nobody else held it, nor believed to, unless somebody deleted the object. Infinity before the first term. */
  get termSinceMs(): number {
    return this.#termSinceMs;
  }

  /** Of the object, as last known: a holder knows all that was written before its term. */
  get annotations(): Readonly<Record<string, string>> {
    return this.#known?.metadata.annotations ?? {};
  }

  /** Who holds it, as far as is known; empty where nobody does. */
  get holder(): string {
    return this.#known?.spec?.holderIdentity ?? '';
  }

  /** The listener hears of gain and loss, in order, and must not throw. */
  onChange(listener: (isHolder: boolean) => void): void {
    this.#listeners.add(listener);
  }

  /** Seeks and keeps the Lease until aborted, then gives it back: what is to be annotated before must have been. */
  async run(signal: AbortSignal): Promise<void> {
    const { retryMs } = this.#options;
    const wait = this.#deps.sleep ?? sleep;
    this.#signal = signal;
    while (!signal.aborted) {
      await this.#inTurn(() => this.#try(signal));
      this.#announce();
      const pauseMs = this.isHolder ? this.#patienceMs(retryMs) : retryMs * (1 + JITTER * this.#deps.random());
      await wait(pauseMs, signal);
      this.#announce();
    }
    await this.#inTurn(() => this.#release());
  }

  /**
   * Writes these annotations and leaves the others, if the Lease is held without a break from the call until they are written; renews it
   * at the same time. Must not be awaited by a listener.
   * @returns whether they are written; false also where that is not known
   */
  async annotate(annotations: Readonly<Record<string, string>>): Promise<boolean> {
    const term = this.#term;
    const isWritten = await this.#inTurn(() => this.#annotate(annotations, term));
    this.#announce();
    return isWritten;
  }

  async #annotate(annotations: Readonly<Record<string, string>>, term: number): Promise<boolean> {
    const signal = this.#signal;
    if (signal === undefined) return false;
    try {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        if (!this.isHolder || this.#term !== term || this.#known === undefined) return false;
        const { metadata } = this.#known;
        const changed = { ...metadata, annotations: { ...metadata.annotations, ...annotations } };
        if (await this.#write('PUT', changed, signal)) return true;
        const found = await this.#read(signal);
        if (found?.spec?.holderIdentity !== this.#options.identity) this.#heldUntilMs = -Infinity;
      }
    } catch (error) {
      if (!signal.aborted) this.#tell(errorMessage(error));
    }
    return false;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** A holder does not wait for anything beyond its time. */
  #patienceMs(milliseconds: number): number {
    if (!this.isHolder) return milliseconds;
    return Math.min(milliseconds, Math.max(1, this.#heldUntilMs - this.#deps.clock.monotonicMs()));
  }

  async #try(signal: AbortSignal): Promise<void> {
    try {
      // What is known is good enough for the holder: nobody else writes.
      if (this.isHolder && this.#known !== undefined && (await this.#take(this.#known, signal))) return;
      const found = await this.#read(signal);
      if (found === undefined) await this.#create(signal);
      else if (this.#isFree(found)) await this.#take(found, signal);
      else this.#heldUntilMs = -Infinity;
      this.#problem = '';
    } catch (error) {
      if (signal.aborted) return;
      this.#tell(errorMessage(error));
    }
  }

  #isFree({ spec }: LeaseObject): boolean {
    const holder = spec?.holderIdentity ?? '';
    if (holder === '' || holder === this.#options.identity) return true;
    const { durationMs } = this.#options;
    const saidMs = (spec?.leaseDurationSeconds ?? 0) * 1_000;
    const graceMs = Math.min(durationMs * MAX_DURATIONS, Math.max(durationMs, saidMs));
    return this.#deps.clock.monotonicMs() - this.#knownSinceMs >= graceMs;
  }

  async #read(signal: AbortSignal): Promise<LeaseObject | undefined> {
    try {
      return this.#learn(await this.#request('GET', { signal }));
    } catch (error) {
      if (!(error instanceof KubeError) || error.statusCode !== 404) throw error;
      this.#isInterrupted = true;
      return undefined;
    }
  }

  async #create(signal: AbortSignal): Promise<void> {
    await this.#write('POST', { name: this.#options.name, namespace: this.#options.namespace }, signal);
  }

  async #take(found: LeaseObject, signal: AbortSignal): Promise<boolean> {
    return this.#write('PUT', found.metadata, signal);
  }

  /** @returns whether it was written; not, where somebody else was faster */
  async #write(method: 'POST' | 'PUT', metadata: object, signal: AbortSignal): Promise<boolean> {
    const { identity, durationMs, renewDeadlineMs } = this.#options;
    const now = microTime(this.#deps.clock.wallMs());
    const before = method === 'PUT' ? this.#known?.spec : undefined;
    const isRenewal = before?.holderIdentity === identity;
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1_000),
      acquireTime: isRenewal ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (isRenewal || before === undefined ? 0 : 1),
    };
    const askedMs = this.#deps.clock.monotonicMs();
    try {
      this.#learn(await this.#request(method, { metadata, spec, signal }));
    } catch (error) {
      if (error instanceof KubeError && (error.statusCode === 409 || error.statusCode === 404)) return false;
      throw error;
    }
    this.#heldUntilMs = askedMs + renewDeadlineMs;
    if (this.#isInterrupted) {
      this.#term++;
      this.#termSinceMs = this.#deps.clock.monotonicMs();
    }
    this.#isInterrupted = false;
    return true;
  }

  async #request(
    method: 'GET' | 'POST' | 'PUT',
    { metadata, spec, signal }: { metadata?: object; spec?: object; signal?: AbortSignal },
  ): Promise<unknown> {
    const { namespace, name, renewDeadlineMs } = this.#options;
    const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    return this.#deps.api.request({
      method,
      path: method === 'POST' ? collection : `${collection}/${name}`,
      timeoutMs: signal === undefined ? RELEASE_TIMEOUT_MS : this.#patienceMs(renewDeadlineMs / 2),
      ...(signal !== undefined && { signal }),
      ...(metadata !== undefined && {
        body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec },
      }),
    });
  }

  #learn(answer: unknown): LeaseObject {
    if (!LEASE.Check(answer)) throw new KubeError('the answer is not a Lease', undefined, '');
    if (answer.metadata.resourceVersion !== this.#known?.metadata.resourceVersion) {
      this.#knownSinceMs = this.#deps.clock.monotonicMs();
    }
    if (answer.spec?.holderIdentity !== this.#options.identity) this.#isInterrupted = true;
    this.#known = answer;
    return answer;
  }

  #announce({ isReleased = false } = {}): void {
    const { isHolder } = this;
    if (isHolder === this.#wasHolder) return;
    this.#wasHolder = isHolder;
    const { namespace, name, identity } = this.#options;
    const lease = `${namespace}/${name}`;
    if (isHolder) this.#deps.log.info({ lease, identity }, 'holding the lease');
    else if (isReleased) this.#deps.log.info({ lease, identity }, 'giving the lease back');
    else this.#deps.log.warn({ lease, identity, holder: this.holder }, 'not holding the lease any more');
    for (const listener of this.#listeners) listener(isHolder);
  }

  /** One line per change of state, not per try. */
  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { namespace, name } = this.#options;
    this.#deps.log.warn({ lease: `${namespace}/${name}`, problem }, 'the lease cannot be read or written');
  }

  /** Whoever waits takes over at once. First the own work is told to stop. */
  async #release(): Promise<void> {
    const wasHeld = this.isHolder;
    this.#heldUntilMs = -Infinity;
    this.#announce({ isReleased: wasHeld });
    if (!wasHeld) return;
    try {
      // An aborted renewal may have been written: what is known may be old.
      const found = this.#learn(await this.#request('GET', {}));
      if (found.spec?.holderIdentity !== this.#options.identity) return;
      const spec = { ...found.spec, holderIdentity: '', leaseDurationSeconds: 1 };
      await this.#request('PUT', { metadata: found.metadata, spec });
    } catch (error) {
      this.#deps.log.info({ problem: errorMessage(error) }, 'the lease could not be given back, and runs out instead');
    }
  }
}
