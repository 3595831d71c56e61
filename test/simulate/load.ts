import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../runtime/clock.js';
import { errorMessage } from '../../runtime/logger.js';
import { sleep } from '../../runtime/sleep.js';
import type { CheckWork } from './check-thread.js';
import { worldOptionsOf, type CheckResult, type LoadOrder, type LoadResult, type ScrapeResult } from './messages.js';
import { spreadOf } from './percentiles.js';
import { World } from './world.js';

const METRICS = ['receive_bytes', 'transmit_bytes', 'receive_packets', 'receive_packets_dropped'];
const CHEAP_A_SECOND = 20;
/** Every so many scrapes one is not compressed. */
const PLAIN_EVERY = 4;
/** Answers that wait to be checked: more are skipped. */
const MAX_WAITING = 4;
const MAX_TOLD = 20;
const TIMEOUT_MS = 30_000;
const OK = 200;
/** Of all clients together to a server: kube-apiserver has one or two. What finds none free waits, and that counts. */
const CONNECTIONS = 8;

/** HPAs, a Prometheus and a probe in front of some servers: how long they wait, and whether what they get is right. */
export class Load {
  readonly #order: LoadOrder;
  readonly #clock: Clock;
  readonly #agents: Agent[];
  readonly #checker: Worker;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  #waiting = 0;
  #isMeasuring = false;
  readonly #hpaMs: number[] = [];
  readonly #cheapMs: number[] = [];
  readonly #scrapes: ScrapeResult[] = [];
  readonly #failures: string[] = [];
  #skipped = 0;

  constructor(order: LoadOrder, clock: Clock) {
    this.#order = order;
    this.#clock = clock;
    this.#agents = order.targets.map(() => new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: order.ca }));
    this.#checker = new Worker(new URL('./check-thread.js', import.meta.url), { workerData: order });
    this.#checker.on('message', (message: unknown) => {
      if (message === 'done') this.#waiting--;
    });
    this.#checker.on('error', (error: unknown) => this.#fail(`checker: ${errorMessage(error)}`));
    const namespaces = new World(worldOptionsOf(order.world)).namespaces();
    this.#running = Promise.all([
      this.#repeat(1_000 / order.queries, (n) => this.#query(namespaces[(n * 7) % namespaces.length] ?? '', n)),
      this.#repeat(1_000 / CHEAP_A_SECOND, (n) => this.#askCheap(n)),
      this.#repeat(order.scrapeIntervalMs, (n) => this.#scrape(n)),
    ]);
  }

  /** From now on what happens counts. */
  measure(): void {
    this.#isMeasuring = true;
  }

  async result(): Promise<LoadResult> {
    this.#isMeasuring = false;
    while (this.#waiting > 0 && this.#failures.every((failure) => !failure.startsWith('checker'))) {
      await sleep(50, new AbortController().signal);
    }
    const answered = new Promise<CheckResult>((resolve) => {
      this.#checker.on('message', (message: CheckResult | string) => {
        if (typeof message === 'object') resolve(message);
      });
    });
    this.#toCheck({ kind: 'result' });
    const checked = { ...(await answered), skipped: this.#skipped };
    return {
      ...{ hpa: spreadOf(this.#hpaMs), cheap: spreadOf(this.#cheapMs), scrapes: this.#scrapes },
      ...{ failures: this.#failures, checked },
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const agent of this.#agents) agent.destroy();
    await this.#checker.terminate();
  }

  /** At fixed times, whether or not the one before has ended: who waits for an answer does not ask less. */
  async #repeat(everyMs: number, work: (n: number) => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const startMs = this.#clock.monotonicMs();
    const under = new Set<Promise<void>>();
    for (let n = 0; !signal.aborted; n++) {
      const waitMs = startMs + n * everyMs - this.#clock.monotonicMs();
      if (waitMs > 0) await sleep(waitMs, signal);
      const mine: Promise<void> = work(n)
        .catch((error: unknown) => {
          if (this.#isMeasuring) this.#fail(errorMessage(error));
        })
        .finally(() => under.delete(mine));
      under.add(mine);
    }
    await Promise.all(under);
  }

  async #query(namespace: string, n: number): Promise<void> {
    const metric = `network_${METRICS[n % METRICS.length] ?? ''}_per_second`;
    const isMeasured = this.#isMeasuring;
    const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/pods/*/${metric}?labelSelector=app%3Dcheckout-service`;
    const { fromMs, toMs, body, statusCode } = await this.#get(n, path);
    if (!isMeasured) return; // agents are still beginning
    this.#hpaMs.push(toMs - fromMs);
    if (statusCode !== OK) {
      this.#fail(`${path}: HTTP ${statusCode}: ${body.toString('utf8', 0, 200)}`);
      return;
    }
    const asked = { fromMs, toMs, namespace, metric };
    if (this.#waiting >= MAX_WAITING) this.#skipped++;
    else this.#toCheck({ kind: 'answer', server: this.#serverOf(n), text: body.toString('utf8'), asked });
  }

  async #askCheap(n: number): Promise<void> {
    const { fromMs, toMs } = await this.#get(n, '/livez');
    if (this.#isMeasuring) this.#cheapMs.push(toMs - fromMs);
  }

  async #scrape(n: number): Promise<void> {
    const isMeasured = this.#isMeasuring;
    const encoding = n % PLAIN_EVERY === PLAIN_EVERY - 1 ? 'identity' : 'gzip';
    const { fromMs, toMs, body, statusCode } = await this.#get(n, '/metrics', { 'accept-encoding': encoding });
    if (!isMeasured) return;
    if (statusCode !== OK) {
      this.#fail(`/metrics: HTTP ${statusCode}`);
      return;
    }
    this.#scrapes.push({ encoding, milliseconds: toMs - fromMs, bytes: body.length });
    if (encoding === 'gzip') {
      this.#toCheck({ kind: 'scrape', server: this.#serverOf(n), gzip: body, asked: { fromMs, toMs } });
    }
  }

  #serverOf(n: number): number {
    return n % this.#order.targets.length;
  }

  #toCheck(work: CheckWork): void {
    if (work.kind !== 'result') this.#waiting++;
    this.#checker.postMessage(work);
  }

  async #get(n: number, path: string, headers: Readonly<Record<string, string>> = {}) {
    const server = this.#serverOf(n);
    const fromMs = this.#clock.monotonicMs();
    const url = new URL(path, this.#order.targets[server]);
    const options = { agent: this.#agents[server], headers, timeout: TIMEOUT_MS };
    const { body, statusCode } = await ask(url, options);
    return { fromMs, toMs: this.#clock.monotonicMs(), body, statusCode };
  }

  #fail(failure: string): void {
    if (this.#failures.length < MAX_TOLD && !this.#stop.signal.aborted) this.#failures.push(failure);
  }
}

/** A kept connection that the server had closed tells nothing of it: once, the question goes out again, as every client does. */
async function ask(
  url: URL,
  options: RequestOptions,
  isAgain = false,
): Promise<{ readonly statusCode: number; readonly body: Buffer }> {
  const outgoing = request(url, options).end();
  outgoing.on('timeout', () => outgoing.destroy(new Error(`${url.pathname}: no answer within ${TIMEOUT_MS} ms`)));
  try {
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    return { statusCode: incoming.statusCode ?? 0, body: Buffer.concat(chunks) };
  } catch (error) {
    const isClosed = error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
    if (!isClosed || !outgoing.reusedSocket || isAgain) throw error;
    return ask(url, options, true);
  }
}
