import { setTimeout as delay } from 'node:timers/promises';
import { createChurnPod, linksOf, objectOf, pathOf, type ChurnPod } from './churn-pod.js';
import type { KubeApiServer } from './kube-api.js';
import type { NodePods } from './node-pods.js';

/** A change of the API, due at a tick. @returns false when it has to wait for what goes before */
interface Step {
  readonly dueAt: number;
  readonly run: () => boolean;
}

type Action = (churn: PodChurn) => void;

/** Pods that are started at a time: more would only wait for each other. */
const STARTS_AT_ONCE = 8;

/** In turn: as many pods come as go, in every way they may. */
const ACTIONS: readonly Action[] = [
  (churn) => churn.create(),
  (churn) => churn.deleteGracefully(),
  (churn) => churn.create(),
  (churn) => churn.annotate(false),
  (churn) => churn.deleteByForce(),
  (churn) => churn.recreate(true),
  (churn) => churn.create(),
  (churn) => churn.annotate(true),
  (churn) => churn.loseProcess(),
  (churn) => churn.create(),
  (churn) => churn.recreate(false),
  (churn) => churn.finish(),
];

export interface PodChurnOptions {
  readonly api: KubeApiServer;
  readonly node: string;
  readonly kernel: NodePods;
  /** Of interfaces of the node. */
  readonly prefix: string;
  /** Changes of the API while it runs. */
  readonly perSecond: number;
}

/** Pods of a node that are created, deleted, recreated, finished and annotated, in the API and in the kernel. */
export class PodChurn {
  readonly #options: PodChurnOptions;
  /** All that ever were, by uid. */
  readonly pods = new Map<string, ChurnPod>();
  readonly #running = new Set<ChurnPod>();
  readonly #work = new Set<Promise<unknown>>();
  readonly #failures: unknown[] = [];
  #steps: Step[] = [];
  #tick = 0;
  #nextAction = 0;
  #random = 1;
  /** Of a process that has ended. */
  #freePid = 0;
  /** Changes of the API so far. */
  changes = 0;
  /** Processes with the pid of one before. */
  reusedPids = 0;

  constructor(options: PodChurnOptions) {
    this.#options = options;
  }

  get #tickMs(): number {
    return 1_000 / this.#options.perSecond;
  }

  /** Those that the API lists and that have their process, once everything has settled. */
  get running(): ReadonlySet<ChurnPod> {
    return this.#running;
  }

  /** Starts pods that stay until something happens to them. */
  async start(count: number): Promise<void> {
    let left = count;
    const startOnes = async (): Promise<void> => {
      while (left-- > 0) {
        const pod = this.#newPod();
        pod.phase = 'Running';
        this.#list(pod);
        await this.#startProcess(pod);
        this.#running.add(pod);
      }
    };
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, startOnes));
  }

  /** Changes the API once a tick. @param atSecond called at the beginning of each, from 0 */
  async run(ticks: number, atSecond: (second: number) => void = () => undefined): Promise<void> {
    const { perSecond } = this.#options;
    const startedMs = performance.now();
    for (let tick = 0; tick < ticks; tick++) {
      await delay(Math.max(0, startedMs + tick * this.#tickMs - performance.now()));
      if (tick % perSecond === 0) atSecond(tick / perSecond);
      this.#step();
    }
  }

  /** Ends what has begun. */
  async settle(): Promise<void> {
    while (this.#steps.length > 0 || this.#work.size > 0) {
      this.#tick++;
      this.#runDue();
      await delay(this.#tickMs);
    }
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'pods could not be made');
  }

  /** Ends all pods at once: every other one in the API first. */
  async removeAll(): Promise<void> {
    const pods = [...this.#running];
    this.#running.clear();
    for (const pod of pods) pod.isEnding = true;
    const [first, last] = [pods.filter((_, i) => i % 2 === 0), pods.filter((_, i) => i % 2 !== 0)];
    for (const pod of first) this.#unlist(pod);
    await Promise.all(pods.map(({ uid }) => this.#options.kernel.remove(uid)));
    for (const pod of last) this.#unlist(pod);
  }

  create(name = `web-${this.pods.size}`): void {
    const pod = this.#newPod(name);
    this.#list(pod);
    let isStarted = false;
    this.#do(this.#startProcess(pod).then(() => (isStarted = true)));
    this.#later(4, () => {
      if (!isStarted) return false;
      pod.phase = 'Running';
      this.#change(pod);
      this.#running.add(pod);
      return true;
    });
  }

  /** As the kubelet does it: the process ends some time after the deletion began, and then the object goes. */
  deleteGracefully(): void {
    const pod = this.#take();
    pod.isDeleted = true;
    this.#change(pod);
    this.#soon(6, () => this.#kill(pod));
    this.#later(12, () => this.#unlistAndRemove(pod));
  }

  /** The object goes while the process lives. */
  deleteByForce(): void {
    const pod = this.#take();
    this.#unlist(pod);
    this.#soon(15, () => this.#remove(pod));
  }

  /** The process goes, and the API learns of it when the object goes. */
  loseProcess(): void {
    const pod = this.#take();
    this.#do(this.#kill(pod));
    this.#later(10, () => this.#unlistAndRemove(pod));
  }

  finish(): void {
    const pod = this.#take();
    pod.phase = 'Succeeded';
    this.#do(this.#kill(pod));
    this.#change(pod);
    this.#later(14, () => this.#unlistAndRemove(pod));
  }

  /** Another pod of the same name. @param isFast while the process of the one before lives */
  recreate(isFast: boolean): void {
    const pod = this.#take();
    this.#unlist(pod);
    if (isFast) {
      this.create(pod.name);
      this.#soon(10, () => this.#remove(pod));
    } else {
      this.#do(this.#remove(pod));
      this.#later(3, () => {
        this.create(pod.name);
        return true;
      });
    }
  }

  annotate(isMalformed: boolean): void {
    const pod = this.#pick();
    pod.revision++;
    pod.isMalformed = isMalformed;
    this.#change(pod);
  }

  #step(): void {
    this.#tick++;
    if (this.#runDue()) return;
    ACTIONS[this.#nextAction++ % ACTIONS.length]?.(this);
  }

  /** @returns whether there was a step to be done */
  #runDue(): boolean {
    const step = this.#steps.find(({ dueAt }) => dueAt <= this.#tick);
    if (step === undefined) return false;
    this.#steps = this.#steps.filter((one) => one !== step);
    if (step.run()) return true;
    this.#steps.push({ ...step, dueAt: this.#tick + 2 });
    return false;
  }

  #later(ticks: number, run: () => boolean): void {
    this.#steps.push({ dueAt: this.#tick + ticks, run });
  }

  /** What does not change the API takes no tick from what does. */
  #soon(ticks: number, run: () => Promise<unknown>): void {
    this.#do(delay(ticks * this.#tickMs).then(run));
  }

  #do(work: Promise<unknown>): void {
    const done = work.catch((error: unknown) => this.#failures.push(error)).finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  #newPod(name = `web-${this.pods.size}`): ChurnPod {
    const pod = createChurnPod(this.pods.size, name, this.#options.prefix);
    this.pods.set(pod.uid, pod);
    return pod;
  }

  async #startProcess(pod: ChurnPod): Promise<void> {
    const wantedPid = this.#freePid;
    this.#freePid = 0;
    const pid = await this.#options.kernel.add({ uid: pod.uid, ip: linksOf(pod), wantedPid });
    if (pid === wantedPid) this.reusedPids++;
  }

  async #kill({ uid }: ChurnPod): Promise<void> {
    this.#freePid = await this.#options.kernel.kill(uid);
  }

  async #remove(pod: ChurnPod): Promise<void> {
    await this.#kill(pod);
    await this.#options.kernel.remove(pod.uid);
  }

  #list(pod: ChurnPod): void {
    pod.listedAt = this.changes + 1;
    this.#change(pod);
  }

  #change(pod: ChurnPod): void {
    this.changes++;
    this.#options.api.put(pathOf(pod), objectOf(pod, this.#options.node));
  }

  #unlist(pod: ChurnPod): void {
    pod.unlistedAt = ++this.changes;
    this.#options.api.remove(pathOf(pod));
  }

  #unlistAndRemove(pod: ChurnPod): true {
    this.#unlist(pod);
    this.#do(this.#remove(pod));
    return true;
  }

  /** The same ones each time that the test runs, as far as what runs is the same. */
  #pick(): ChurnPod {
    this.#random = (this.#random * 48_271) % 0x7fffffff;
    const pods = [...this.#running];
    const pod = pods[this.#random % pods.length];
    if (pod === undefined) throw new RangeError('no pod is running');
    return pod;
  }

  #take(): ChurnPod {
    const pod = this.#pick();
    pod.isEnding = true;
    this.#running.delete(pod);
    return pod;
  }
}
