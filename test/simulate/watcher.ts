import { Agent, get } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { systemClock } from '../../runtime/clock.js';
import { checkAnswer } from './check-answer.js';
import { howeverLate, type CheckOptions } from './expected.js';

export interface WatcherOptions extends CheckOptions {
  readonly server: { readonly url: string; readonly ca: string };
  readonly namespace: string;
  readonly metric: string;
}

export interface WatcherStats {
  readonly answers: number;
  readonly values: number;
  /** Requests that had no answer, or another one than 200: the server is away. */
  readonly failures: number;
  /** What was answered and is not so; the first ones. */
  readonly wrong: readonly string[];
  /** Values that should have been there and were not: how many answers lacked some. */
  readonly incomplete: number;
  /** The longest that an answer took. */
  readonly slowestMs: number;
}

const EVERY_MS = 50;
const TIMEOUT_MS = 3_000;
const NAMED = 20;
/** Of the pods: at the beginning nobody has to have a value yet, and later on the youngest have none. */
const ENOUGH = 0.6;

/** Asks a server as an HPA does, all the time, over one connection, and holds each answer against the world. */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #agent: Agent;
  #stats = { answers: 0, values: 0, failures: 0, incomplete: 0, slowestMs: 0 };
  readonly #wrong: string[] = [];
  #lastIncomplete: readonly string[] = [];
  /** When the last answer was asked for that lacked nothing; machine's monotonic clock. */
  #wholeMs = -Infinity;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#agent = this.#connect();
    this.#running = this.#run();
  }

  stats(): WatcherStats {
    return { ...this.#stats, wrong: [...this.#wrong] };
  }

  /** Resolves when an answer lacks nothing that was asked for after this. @returns how long that took, milliseconds */
  async whole(timeoutMs: number): Promise<number> {
    const sinceMs = systemClock.monotonicMs();
    while (this.#wholeMs <= sinceMs) {
      if (systemClock.monotonicMs() - sinceMs > timeoutMs) {
        throw new Error(
          `no whole answer within ${timeoutMs} ms, lacking: ${this.#lastIncomplete.slice(0, 3).join('; ')}`,
        );
      }
      await delay(10);
    }
    return this.#wholeMs - sinceMs;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#agent.destroy();
    await this.#running;
  }

  #connect(): Agent {
    return new Agent({ keepAlive: true, maxSockets: 1, ca: this.#options.server.ca });
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const fromMs = systemClock.monotonicMs();
      const answer = await this.#ask();
      if (this.#stop.signal.aborted) return;
      if (answer === undefined) this.#stats.failures++;
      else this.#judge(answer, fromMs);
      await delay(EVERY_MS);
    }
  }

  #judge(answer: MetricValueListV1Beta2, fromMs: number): void {
    const { namespace, metric } = this.#options;
    const asked = { fromMs, toMs: systemClock.monotonicMs(), namespace, metric };
    this.#stats.answers++;
    this.#stats.values += answer.items.length;
    this.#stats.slowestMs = Math.max(this.#stats.slowestMs, asked.toMs - fromMs);
    // what is absent is never wrong; whether it ought to be is another question
    this.#wrong.push(...checkAnswer(howeverLate(this.#options), answer, asked));
    this.#wrong.splice(NAMED);
    const all = checkAnswer(this.#options, answer, asked);
    this.#lastIncomplete = all;
    const isEnough = answer.items.length >= ENOUGH * this.#options.world.podsIn(namespace, fromMs).length;
    if (all.length === 0 && isEnough) this.#wholeMs = fromMs;
    else this.#stats.incomplete++;
  }

  #ask(): Promise<MetricValueListV1Beta2 | undefined> {
    const { server, namespace, metric } = this.#options;
    const url = `${server.url}/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/pods/*/${metric}`;
    return new Promise((resolve) => {
      const request = get(url, { agent: this.#agent, timeout: TIMEOUT_MS }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve(response.statusCode === 200 ? (JSON.parse(text) as MetricValueListV1Beta2) : undefined),
        );
        response.on('error', () => resolve(undefined));
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', () => resolve(undefined));
    });
  }
}
