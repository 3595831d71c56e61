import { Registry } from 'prom-client';
import { startPublisher } from '../../apiserver/publish/publisher.js';
import { createPublishMetrics, type PublishMetrics } from '../../apiserver/publish/publish-metrics.js';
import { SendError, type Datum, type SendFailure } from '../../apiserver/publish/sink.js';
import type { IpamFigures } from '../../apiserver/store/ipam/ipam-figures.js';
import type { IpamFigure } from '../../metrics/ipam/figures.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { Lease } from '../../runtime/kube/lease.js';
import { createLogger } from '../../runtime/logger.js';
import type { VirtualTime } from './virtual-time.js';

export const TICK_MS = 30_000;
/** As --publish.cloudwatch.timeout has it. */
const SINK_TIMEOUT_MS = 10_000;

/** What CloudWatch, played, does with a request. */
export interface Verdict {
  readonly takes: boolean;
  /** none: it is waited for until it is given up, after SINK_TIMEOUT_MS at most. */
  readonly answer: 'ok' | SendFailure | 'none';
  readonly afterMs?: number;
  /** Of the error. */
  readonly message?: string;
}

export interface Sent {
  readonly by: Replica;
  readonly datums: readonly Datum[];
}

export interface Replica {
  readonly name: string;
  readonly lease: Lease | undefined;
  readonly metrics: PublishMetrics;
  readonly logged: string[];
  /** Times of its samples, milliseconds since 1970. */
  readonly sampledMs: number[];
  isDead: boolean;
  /** Whether it reaches the Kubernetes API. */
  isCutOff: boolean;
  close(): Promise<void>;
}

export interface BedOptions {
  readonly time: VirtualTime;
  /** Undefined: no Kubernetes. */
  readonly connect?: (name: string) => Promise<KubeApi> | KubeApi;
  readonly random?: () => number;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const TAKE: Verdict = { takes: true, answer: 'ok' };

/** Replicas that publish to a CloudWatch that is played, in a time that is played. */
export class PublishBed {
  readonly #options: BedOptions;
  readonly #random: () => number;
  /** Every request, in order. */
  readonly sent: Sent[] = [];
  /** Every value that was taken, in order. */
  readonly taken: Datum[] = [];
  readonly replicas: Replica[] = [];
  /** The most requests of replicas alive that were under way at one time. */
  mostAtOnce = 0;
  /** Requests whose sender did not hear the answer, with how many of their values were there already. */
  readonly #underWay = new Map<Sent, number>();
  reporting = 3;
  missing = 0;
  total: (figure: IpamFigure, nowMs: number) => number | undefined = totalOf;
  onSend: (sent: Sent, index: number) => Verdict | undefined = () => undefined;

  constructor(options: BedOptions) {
    this.#options = options;
    this.#random = options.random ?? (() => 0.5);
  }

  async start(name: string): Promise<Replica> {
    const { time, connect } = this.#options;
    const api = await connect?.(name);
    const logged: string[] = [];
    const log = createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) });
    const sleep: VirtualTime['sleep'] = async (milliseconds, signal) => {
      await time.sleep(milliseconds, signal);
      if (replica.isDead) await never();
    };
    const shared = { clock: time.clock, log, random: this.#random, sleep };
    const lease =
      api &&
      new Lease(
        { namespace: 'n', name: 'cloudwatch', identity: name },
        { api: this.#api(api, () => replica), ...shared },
      );
    const metrics = createPublishMetrics(new Registry());
    const stop = new AbortController();
    const replica: Replica = {
      ...{ name, lease, metrics, logged, sampledMs: [], isDead: false, isCutOff: false },
      close: async () => {
        await publisher.close();
        stop.abort();
        await running;
      },
    };
    const sink = {
      send: (datums: readonly Datum[], signal: AbortSignal) => this.#send({ by: replica, datums }, signal),
    };
    const publisher = startPublisher({
      figures: this.#figures(() => replica),
      sink,
      lease,
      metrics,
      intervalMs: TICK_MS,
      ...shared,
    });
    const running = lease?.run(stop.signal);
    this.replicas.push(replica);
    await time.settle();
    return replica;
  }

  get holder(): Replica | undefined {
    return this.replicas.find(({ lease, isDead }) => !isDead && lease?.isHolder === true);
  }

  /** How often each value was taken, by time and name. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const datum of this.taken) counts.set(keyOf(datum), (counts.get(keyOf(datum)) ?? 0) + 1);
    return counts;
  }

  /** Values taken that were there already. */
  get extras(): number {
    return this.taken.length - new Set(this.taken.map(keyOf)).size;
  }

  /** Those of them that their sender did not live to count. */
  get extrasOfDead(): number {
    return [...this.#underWay].reduce((sum, [{ by }, extras]) => sum + (by.isDead ? extras : 0), 0);
  }

  async sum(metric: 'published' | 'possibleDuplicates' | 'dropped'): Promise<number> {
    const found = await Promise.all(this.replicas.map(async ({ metrics }) => (await metrics[metric].get()).values));
    return found.flat().reduce((sum, { value }) => sum + value, 0);
  }

  #figures(replica: () => Replica): Pick<IpamFigures, 'nodes' | 'total'> {
    return {
      nodes: () => {
        replica().sampledMs.push(Math.floor(this.#options.time.clock.wallMs() / TICK_MS) * TICK_MS);
        return { reporting: this.reporting, missing: this.missing };
      },
      total: (figure, nowMs) => {
        const value = this.total(figure, nowMs);
        return value === undefined ? undefined : { value, ageMs: 0, spanMs: 0 };
      },
    };
  }

  #api(api: KubeApi, replica: () => Replica): KubeApi {
    return {
      request: async (request) => {
        if (replica().isDead) return never();
        if (replica().isCutOff) throw new Error('cut off');
        const answer = await api.request(request);
        return replica().isDead ? never() : answer;
      },
      watch: (request) => api.watch(request),
    };
  }

  async #send(sent: Sent, signal: AbortSignal): Promise<void> {
    const { time } = this.#options;
    this.sent.push(sent);
    this.#underWay.set(sent, 0);
    this.mostAtOnce = Math.max(this.mostAtOnce, [...this.#underWay.keys()].filter(({ by }) => !by.isDead).length);
    try {
      const { takes, answer, afterMs = 0, message } = this.onSend(sent, this.sent.length - 1) ?? TAKE;
      if (takes) this.#take(sent);
      if (answer === 'none' || afterMs > 0) await time.sleep(answer === 'none' ? SINK_TIMEOUT_MS : afterMs, signal);
      if (signal.aborted || answer === 'none') throw new SendError('lost', 'given up');
      if (answer !== 'ok') throw new SendError(answer, message ?? `${answer}, says the test`);
    } finally {
      if (sent.by.isDead) await never();
      this.#underWay.delete(sent);
    }
  }

  #take(sent: Sent): void {
    const before = this.extras;
    this.taken.push(...sent.datums);
    this.#underWay.set(sent, this.extras - before);
  }
}

export function keyOf({ timestampMs, name }: Datum): string {
  return `${new Date(timestampMs).toISOString().slice(11, 19)} ${name}`;
}

/** The same to whoever asks at that time: a counter grows by 10 a second. */
function totalOf({ kind }: IpamFigure, nowMs: number): number {
  if (kind === 'counter') return Math.floor(nowMs / 100);
  return kind === 'latency' ? 0.25 : 40;
}
