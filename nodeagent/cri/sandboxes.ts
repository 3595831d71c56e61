import type { Backoff } from '../../runtime/backoff.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import type { Sleep } from '../../runtime/sleep.js';
import { GrpcError, messageOf } from '../grpc/errors.js';
import type { SourceOff, SourceStates } from '../source-states.js';
import type { CriClient } from './client.js';
import { KnownSandbox } from './known-sandbox.js';
import {
  containerPidOf,
  containersOf,
  sandboxCount,
  sandboxesOf,
  sandboxStatusOf,
  versionOf,
  type ListedContainer,
  type ListedSandbox,
} from './responses.js';
import { newestOfEachPod, type Sandbox } from './sandbox.js';

export interface SandboxesDeps {
  readonly client: CriClient;
  /** Told whether the runtime answers. */
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  readonly log: Logger;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly sleep: Sleep;
  /** Between two attempts at a runtime that does not answer. */
  readonly backoff: Backoff;
  /** Between two rounds. */
  readonly intervalMs: number;
  /** Pods to know the sandbox of. */
  readonly maxPods?: number;
}

/** More than a report has room for: finished pods keep their sandboxes for a while. */
const MAX_PODS = 4_096;
/** Status calls at the same time. */
const IN_PARALLEL = 8;

/** What is wrong besides the runtime as a whole; each is told when it comes and when it goes. */
const PROBLEMS = {
  limit: 'the runtime has more sandboxes than are looked at',
  status: 'the runtime does not tell the status of every sandbox',
} as const;

/**
 * What the container runtime knows of the pods: its lists are read once a round, and the status of each sandbox once, and again until it
 * has a process or its network is gone. While the runtime does not answer, the last that it said stays.
 */
export class Sandboxes {
  readonly #deps: SandboxesDeps;
  readonly #problems = new Map<keyof typeof PROBLEMS, string>();
  #byUid = new Map<string, KnownSandbox>();
  #ready: ReadonlySet<string> = new Set();
  #areAllKnown = false;
  #state: SourceOff | 'up' | undefined;
  #runtime: string | undefined;
  #isConnected = false;
  #round = 0;

  constructor(deps: SandboxesDeps) {
    this.#deps = deps;
  }

  /** The newest sandbox of a pod that is ready; where none is, the newest. */
  get(uid: string): Sandbox | undefined {
    return this.#byUid.get(uid)?.sandbox;
  }

  get size(): number {
    return this.#byUid.size;
  }

  /** All that the runtime has, as its last answer had them; undefined where it did not answer, or not all can be told. */
  get known(): { readonly ready: ReadonlySet<string>; readonly newest: Iterable<Sandbox> } | undefined {
    if (this.#state !== 'up' || !this.#areAllKnown) return undefined;
    return { ready: this.#ready, newest: [...this.#byUid.values()].map(({ sandbox }) => sandbox) };
  }

  /** Whether the runtime answers; undefined before the first attempt. */
  get state(): SourceOff | 'up' | undefined {
    return this.#state;
  }

  /** What of the runtime's answers is missing; empty when nothing is. */
  get problem(): string {
    return [...this.#problems].map(([kind, detail]) => `${PROBLEMS[kind]}: ${detail}`).join('; ');
  }

  /** Asks until aborted. Does not throw. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, backoff, sleep, intervalMs } = this.#deps;
    const isStopped = (): boolean => signal.aborted;
    while (!isStopped()) {
      const isUp = await this.#refresh(signal);
      if (isUp) backoff.reset();
      await sleep(isUp ? intervalMs : backoff.next(), signal);
    }
    client.disconnect();
  }

  /** One round. @returns whether the runtime answered */
  async #refresh(signal: AbortSignal): Promise<boolean> {
    const { client, states } = this.#deps;
    try {
      if (!this.#isConnected) await this.#connect(signal);
      const [sandboxes, containers] = await Promise.all([
        client.listPodSandboxes(signal),
        client.listContainers(signal),
      ]);
      this.#round++;
      const listed = sandboxesOf(sandboxes);
      this.#take(listed, containersOf(containers));
      this.#areAllKnown = listed.length === sandboxCount(sandboxes) && !this.#problems.has('limit');
    } catch (error) {
      if (!signal.aborted) this.#lose(error);
      return false;
    }
    this.#state = 'up';
    states.up('cri');
    await this.#askDue(signal);
    return true;
  }

  /** After a pause it may be another runtime, or have been started again: whatever it said of a sandbox is asked for anew. */
  async #connect(signal: AbortSignal): Promise<void> {
    const { client, log } = this.#deps;
    const { name, version } = versionOf(await client.version(signal));
    this.#isConnected = true;
    for (const known of this.#byUid.values()) known.makeDue();
    const runtime = `${name} ${version}`;
    if (runtime === this.#runtime) return;
    this.#runtime = runtime;
    log.info({ runtime: name, version, socket: client.socketPath }, 'the container runtime answers');
  }

  #lose(error: unknown): void {
    const { client, states } = this.#deps;
    client.disconnect();
    this.#isConnected = false;
    this.#state = error instanceof GrpcError ? error.reason : 'failed';
    states.off('cri', this.#state, `${client.socketPath}: ${messageOf(error)}`);
  }

  #take(sandboxes: readonly ListedSandbox[], containers: readonly ListedContainer[]): void {
    const { maxPods = MAX_PODS } = this.#deps;
    const newest = newestOfEachPod(sandboxes);
    this.#ready = new Set(sandboxes.filter(({ isReady }) => isReady).map(({ id }) => id));
    this.#tell('limit', newest.length > maxPods ? `${maxPods} of ${newest.length} pods` : undefined);
    const bySandbox = groupBySandbox(containers);
    this.#byUid = new Map(
      newest.slice(0, maxPods).map((listed) => {
        const before = this.#byUid.get(listed.uid);
        const known = before?.id === listed.id ? before : new KnownSandbox(listed);
        known.list(listed, bySandbox.get(listed.id) ?? []);
        return [listed.uid, known];
      }),
    );
  }

  /** A round takes no longer than the interval and one answer; who was asked least often comes first. */
  async #askDue(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#deps;
    const untilMs = clock.monotonicMs() + intervalMs;
    const due = [...this.#byUid.values()]
      .filter((known) => known.isDue(this.#round))
      .sort((a, b) => a.asked - b.asked)
      .values();
    const askSome = async (): Promise<void> => {
      for (const known of due) {
        if (signal.aborted || clock.monotonicMs() >= untilMs) return;
        await this.#ask(known, signal);
      }
    };
    await Promise.all(Array.from({ length: IN_PARALLEL }, askSome));
    const failures = [...this.#byUid.values()].flatMap(({ id, failure }) =>
      failure === undefined ? [] : [{ id, failure }],
    );
    const [first] = failures;
    this.#tell('status', first && `${failures.length} of them, ${first.id}: ${first.failure}`);
  }

  async #ask(known: KnownSandbox, signal: AbortSignal): Promise<void> {
    try {
      const status = await this.#deps.client.podSandboxStatus(known.id, signal);
      known.answer(this.#round, sandboxStatusOf(status));
    } catch (error) {
      if (isNotFound(error))
        this.#byUid.delete(known.sandbox.uid); // it was removed since it was listed
      else if (!signal.aborted) known.fail(this.#round, messageOf(error));
      return;
    }
    await this.#askContainer(known, signal);
  }

  /** Where the sandbox has no process of its own (CRI-O makes none, or it was killed), one of its containers may. */
  async #askContainer(known: KnownSandbox, signal: AbortSignal): Promise<void> {
    const container = known.sandbox.pid === undefined ? known.runningContainer : undefined;
    if (container === undefined) return;
    try {
      const status = await this.#deps.client.containerStatus(container.id, signal);
      known.answerContainer(container.id, containerPidOf(status));
    } catch (error) {
      if (!isNotFound(error) && !signal.aborted) known.fail(this.#round, messageOf(error));
    }
  }

  #tell(kind: keyof typeof PROBLEMS, detail: string | undefined): void {
    const { log } = this.#deps;
    const isNew = !this.#problems.has(kind);
    if (detail === undefined) {
      if (this.#problems.delete(kind)) log.info({ source: 'cri' }, `no longer: ${PROBLEMS[kind]}`);
      return;
    }
    this.#problems.set(kind, detail);
    if (isNew) log.warn({ source: 'cri', detail }, PROBLEMS[kind]);
  }
}

function groupBySandbox(containers: readonly ListedContainer[]): Map<string, ListedContainer[]> {
  const groups = new Map<string, ListedContainer[]>();
  for (const container of containers) {
    const group = groups.get(container.sandboxId);
    if (group === undefined) groups.set(container.sandboxId, [container]);
    else group.push(container);
  }
  return groups;
}

function isNotFound(error: unknown): boolean {
  return error instanceof GrpcError && error.isNotFound;
}
