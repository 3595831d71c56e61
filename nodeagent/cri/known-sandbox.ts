import type { ListedContainer, ListedSandbox, SandboxStatus } from './responses.js';
import { describeSandbox, lastAttempts, type Sandbox } from './sandbox.js';

/** What is not settled is asked for again after 1, 2, 4, 8, 8, … rounds. */
const MAX_PAUSE_ROUNDS = 8;

/** One sandbox as last heard of, and when its status is to be asked for again. */
export class KnownSandbox {
  #listed: ListedSandbox;
  #status: SandboxStatus | undefined;
  #containers: readonly ListedContainer[] = [];
  #containerPid: { readonly id: string; readonly pid: number } | undefined;
  /** When a container of a name was first created, so that a restart does not change the order. */
  readonly #firstNs = new Map<string, bigint>();
  #askInRound = 0;
  #asked = 0;
  #failure: string | undefined;
  #sandbox: Sandbox;

  constructor(listed: ListedSandbox) {
    this.#listed = listed;
    this.#sandbox = this.#describe();
  }

  get id(): string {
    return this.#listed.id;
  }

  get sandbox(): Sandbox {
    return this.#sandbox;
  }

  /** How often its status has been asked for without an end. */
  get asked(): number {
    return this.#asked;
  }

  /** Why its status was not to be had when it was last asked for. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** A container whose process tells the network namespace where the sandbox has no process of its own. */
  get runningContainer(): ListedContainer | undefined {
    return this.#containers.find(({ state }) => state === 'running');
  }

  isDue(round: number): boolean {
    return round >= this.#askInRound;
  }

  /** Its status is asked for in the next round, whatever is known of it. */
  makeDue(): void {
    this.#askInRound = 0;
    this.#asked = 0;
  }

  /** What the runtime's lists say of it. */
  list(listed: ListedSandbox, containers: readonly ListedContainer[]): void {
    const running = this.#runningIds();
    if (listed.isReady !== this.#listed.isReady) this.makeDue();
    this.#listed = listed;
    this.#containers = this.#inOrder(lastAttempts(containers));
    if (this.#status?.pid === undefined && this.#runningIds() !== running) this.makeDue();
    if (!containers.some(({ id, state }) => id === this.#containerPid?.id && state === 'running')) {
      this.#containerPid = undefined;
    }
    this.#sandbox = this.#describe();
  }

  answer(round: number, status: SandboxStatus): void {
    this.#failure = undefined;
    this.#status = status;
    this.#sandbox = this.#describe();
    this.#pause(round);
  }

  /** Of a container that was running when the sandbox had no process. */
  answerContainer(id: string, pid: number | undefined): void {
    this.#containerPid = pid === undefined ? undefined : { id, pid };
    this.#sandbox = this.#describe();
    if (this.#isSettled()) this.#askInRound = Infinity;
  }

  /** Its status, or that of its container, was not to be had. */
  fail(round: number, failure: string): void {
    this.#failure = failure;
    if (this.#askInRound <= round) this.#pause(round);
  }

  /** Nothing more is to come: it is up and a process is known, or it is down and its network namespace is gone. */
  #isSettled(): boolean {
    if (this.#status === undefined) return false;
    const pid = this.#status.pid ?? this.#containerPid?.pid;
    return this.#listed.isReady ? pid !== undefined : this.#status.isNetnsClosed === true;
  }

  #pause(round: number): void {
    this.#askInRound = this.#isSettled() ? Infinity : round + Math.min(MAX_PAUSE_ROUNDS, 2 ** this.#asked);
    this.#asked++;
  }

  #runningIds(): string {
    return this.#containers
      .filter(({ state }) => state === 'running')
      .map(({ id }) => id)
      .join();
  }

  #inOrder(containers: readonly ListedContainer[]): ListedContainer[] {
    const names = new Set(containers.map(({ name }) => name));
    for (const name of this.#firstNs.keys()) if (!names.has(name)) this.#firstNs.delete(name);
    for (const { name, createdNs } of containers) {
      const first = this.#firstNs.get(name);
      if (first === undefined || createdNs < first) this.#firstNs.set(name, createdNs);
    }
    const firstOf = ({ name }: ListedContainer): bigint => this.#firstNs.get(name) ?? 0n;
    return containers.toSorted((a, b) => {
      const [ofA, ofB] = [firstOf(a), firstOf(b)];
      if (ofA !== ofB) return ofA < ofB ? -1 : 1;
      return a.name < b.name ? -1 : 1;
    });
  }

  #describe(): Sandbox {
    return describeSandbox({
      listed: this.#listed,
      status: this.#status,
      containers: this.#containers,
      containerPid: this.#containerPid?.pid,
    });
  }
}
