import { Agent } from 'node:https';
import type { Clock } from '../../runtime/clock.js';
import { errorMessage } from '../../runtime/logger.js';
import { sleep } from '../../runtime/sleep.js';
import { ask } from './asking.js';
import { CheckWorker } from './check-worker.js';
import { worldOptionsOf, type LoadOrder, type LoadResult, type ScrapeResult } from './messages.js';
import { spreadOf } from './percentiles.js';
import { World } from './world.js';

const METRICS = ['receive_bytes', 'transmit_bytes', 'receive_packets', 'receive_packets_dropped'];
const CHEAP_A_SECOND = 20;
/** Of the questions one of so many is asked before it is measured: the agents that are coming make work enough. */
const SHARE_BEFORE = 5;
/** All are counted. */
const MAX_TOLD = 20;
const OK = 200;
/** Of all clients together to a server: kube-apiserver has one or two. What finds none free waits, and that counts. */
const CONNECTIONS = 8;

interface Wanted {
  readonly kind: 'hpa' | 'cheap' | 'scrape';
  readonly server: number;
  readonly path: string;
  /** When it is to be asked, on the machine's monotonic clock. */
  readonly dueMs: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer with 200 to what was asked while it is measured. */
interface Got {
  readonly body: Buffer;
  readonly fromMs: number;
  readonly toMs: number;
}

/** HPAs, a Prometheus and a probe in front of some servers: how long they wait, and whether what they get is right. */
export class Load {
  readonly #order: LoadOrder;
  readonly #clock: Clock;
  readonly #agents: Agent[];
  readonly #checker: CheckWorker;
  readonly #stop = new AbortController();
  readonly #loops: Promise<unknown>;
  readonly #underWay = new Set<Promise<void>>();
  #stage: 'before' | 'paused' | 'measured' | 'ending' | 'over' = 'before';
  /** Milliseconds from when a question was due until all of its answer was there, or it was given up. */
  readonly #tookMs: Record<Wanted['kind'], number[]> = { hpa: [], cheap: [], scrape: [] };
  readonly #lateMs: number[] = [];
  readonly #scrapes: ScrapeResult[] = [];
  /** Kinds of questions that a server has answered once: from then on it has to. */
  readonly #answered = new Set<string>();
  readonly #failures: string[] = [];
  #failureCount = 0;

  constructor(order: LoadOrder, clock: Clock) {
    this.#order = order;
    this.#clock = clock;
    const { ca, targets, identity, queries, scrapeIntervalMs } = order;
    const tls = { ca, ...(identity !== undefined && { cert: identity.cert, key: identity.key }) };
    this.#agents = targets.map(() => new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ...tls }));
    this.#checker = new CheckWorker(order);
    const namespaces = new World(worldOptionsOf(order.world)).namespaces();
    this.#loops = Promise.all([
      this.#repeat(1_000 / queries, (n, dueMs) => this.#query(namespaces[(n * 7) % namespaces.length] ?? '', n, dueMs)),
      this.#repeat(1_000 / CHEAP_A_SECOND, (n, dueMs) => this.#askCheap(n, dueMs)),
      this.#repeat(scrapeIntervalMs, (n, dueMs) => this.#scrape(n, dueMs)),
    ]);
  }

  /** Nothing is asked until it is measured. */
  pause(): void {
    this.#stage = 'paused';
  }

  /** From now on what happens counts. */
  measure(): void {
    this.#stage = 'measured';
  }

  /** Nothing is asked any more; what is not answered yet is waited for, until it is given up. */
  async result(): Promise<LoadResult> {
    this.#stage = 'ending';
    await Promise.all(this.#underWay);
    // Who takes the whole text is a person, now and then: Prometheus asks for gzip, and what others wait for is measured with that.
    await this.#scrape(0, this.#clock.monotonicMs(), 'identity');
    this.#stage = 'over';
    const { hpa, cheap } = this.#tookMs;
    return {
      ...{ hpa: spreadOf(hpa), cheap: spreadOf(cheap), late: spreadOf(this.#lateMs), scrapes: this.#scrapes },
      ...{ failures: this.#failures, failureCount: this.#failureCount, checked: await this.#checker.result() },
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const agent of this.#agents) agent.destroy();
    await this.#loops;
    await Promise.all(this.#underWay);
    await this.#checker.close();
  }

  /** At fixed times, whether or not the one before has been answered: who waits for an answer does not ask less. */
  async #repeat(everyMs: number, work: (n: number, dueMs: number) => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const startMs = this.#clock.monotonicMs();
    for (let n = 0; !signal.aborted; n++) {
      const dueMs = startMs + n * everyMs;
      const waitMs = dueMs - this.#clock.monotonicMs();
      if (waitMs > 0) await sleep(waitMs, signal);
      const isAsked = this.#stage === 'measured' || (this.#stage === 'before' && n % SHARE_BEFORE === 0);
      if (signal.aborted || !isAsked) continue;
      const mine: Promise<void> = work(n, dueMs).finally(() => this.#underWay.delete(mine));
      this.#underWay.add(mine);
    }
  }

  async #query(namespace: string, n: number, dueMs: number): Promise<void> {
    const metric = `network_${METRICS[n % METRICS.length] ?? ''}_per_second`;
    const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/pods/*/${metric}?labelSelector=app%3Dcheckout-service`;
    const server = this.#serverOf(n);
    const got = await this.#get({ kind: 'hpa', server, path, dueMs });
    if (got === undefined) return;
    const { fromMs, toMs, body } = got;
    this.#checker.add({ kind: 'answer', server, body, asked: { fromMs, toMs, namespace, metric } });
  }

  async #askCheap(n: number, dueMs: number): Promise<void> {
    await this.#get({ kind: 'cheap', server: this.#serverOf(n), path: '/livez', dueMs });
  }

  async #scrape(n: number, dueMs: number, encoding: 'gzip' | 'identity' = 'gzip'): Promise<void> {
    const headers = { 'accept-encoding': encoding };
    const server = this.#serverOf(n);
    const got = await this.#get({ kind: 'scrape', server, path: '/metrics', dueMs, headers });
    if (got === undefined) return;
    const { fromMs, toMs, body } = got;
    this.#scrapes.push({ encoding, milliseconds: toMs - dueMs, bytes: body.length });
    if (encoding === 'gzip') this.#checker.add({ kind: 'scrape', server, body, asked: { fromMs, toMs } });
  }

  #serverOf(n: number): number {
    return n % this.#order.targets.length;
  }

  /** @returns undefined for what is not measured, and for what failed */
  async #get({ kind, server, path, dueMs, headers }: Wanted): Promise<Got | undefined> {
    const isMeasured = this.#stage === 'measured' || this.#stage === 'ending';
    const { targets, identity } = this.#order;
    const fromMs = this.#clock.monotonicMs();
    if (isMeasured) this.#lateMs.push(fromMs - dueMs);
    const asked = `${kind} ${server}`;
    try {
      const all = { ...identity?.headers, ...headers };
      const answer = await ask(new URL(path, targets[server]), { agent: this.#agents[server], headers: all });
      const { statusCode, body } = answer;
      if (statusCode !== OK) throw new Error(`HTTP ${statusCode}: ${body.toString('utf8', 0, 200)}`);
      this.#answered.add(asked);
      return isMeasured ? { body, fromMs, toMs: this.#clock.monotonicMs() } : undefined;
    } catch (error) {
      if (isMeasured || this.#answered.has(asked)) this.#fail(`server ${server}: ${path}: ${errorMessage(error)}`);
      return undefined;
    } finally {
      if (isMeasured) this.#tookMs[kind].push(this.#clock.monotonicMs() - dueMs);
    }
  }

  #fail(failure: string): void {
    if (this.#stop.signal.aborted) return;
    this.#failureCount++;
    if (this.#failures.length < MAX_TOLD) this.#failures.push(failure);
  }
}
