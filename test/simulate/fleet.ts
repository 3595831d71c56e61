import { createCredentials, type Credentials } from '../../nodeagent/push/credentials.js';
import type { PUSH_RESULTS } from '../../nodeagent/push/pusher.js';
import type { Clock } from '../../runtime/clock.js';
import { createLogger, type Logger } from '../../runtime/logger.js';
import { sleep } from '../../runtime/sleep.js';
import { SimAgent } from './sim-agent.js';
import { SampleTimes } from './sample-times.js';
import type { World } from './world.js';

export interface FleetOptions {
  readonly world: World;
  /** The first, and the one behind the last. */
  readonly nodes: { readonly from: number; readonly to: number };
  /** Origins of the apiservers; each agent pushes to each. */
  readonly targets: readonly string[];
  /** What to trust, PEM. */
  readonly ca: string;
  /** Of a node's agent; without it none is sent. */
  readonly token?: (node: number) => string;
  /** Has to be that of the world: CLOCK_MONOTONIC of the machine. */
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly log?: Logger;
}

/** What happened since the start. */
export interface FleetStats {
  readonly samples: number;
  /** Samples that were not taken: the node or its agent was away, or the one before was late. */
  readonly away: number;
  readonly pushes: Readonly<Record<(typeof PUSH_RESULTS)[number], number>>;
  /** By reason of the server. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Entries that a server did not take, and the first of them. */
  readonly rejected: number;
  readonly firstRejected?: string;
  /** The longest that a sample was taken after it was due, milliseconds: above a second the machine is too busy to tell anything. */
  readonly latestMs: number;
  /** The longest push that went well, seconds. */
  readonly slowestPush: number;
}

export interface Fleet {
  stats(): FleetStats;
  /** Pushes to these servers from now on. */
  setTargets(targets: readonly string[]): void;
  /** Ends an agent in the midst of what it does; its next sample is the first of another one. */
  killAgent(node: number): void;
  /** Sets a node's monotonic clock by so much, milliseconds. */
  stepClock(node: number, milliseconds: number): void;
  close(): Promise<void>;
}

const SILENT = createLogger('fleet', { level: 'error', format: 'text', write: () => undefined });

/** Starts the agents of some nodes. They take their samples spread over the interval, each at its time of it. */
export function startFleet(options: FleetOptions): Fleet {
  return new RunningFleet(options);
}

class RunningFleet implements Fleet {
  readonly #options: FleetOptions;
  readonly #agents = new Map<number, SimAgent>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  readonly #stats = {
    ...{ samples: 0, away: 0, rejected: 0, latestMs: 0, slowestPush: 0 },
    pushes: { ok: 0, refused: 0, failed: 0 },
    refusals: {} as Record<string, number>,
  };
  #firstRejected: string | undefined;
  #targets: readonly string[];

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#targets = options.targets;
    for (let node = options.nodes.from; node < options.nodes.to; node++) {
      this.#agents.set(node, this.#createAgent(node));
    }
    this.#ended = this.#run();
  }

  stats(): FleetStats {
    const { pushes, refusals, ...counts } = this.#stats;
    const first = this.#firstRejected;
    return {
      ...{ ...counts, pushes: { ...pushes }, refusals: { ...refusals } },
      ...(first !== undefined && { firstRejected: first }),
    };
  }

  setTargets(targets: readonly string[]): void {
    this.#targets = targets;
    for (const agent of this.#agents.values()) agent.retarget();
  }

  killAgent(node: number): void {
    this.#agentOf(node).kill();
  }

  stepClock(node: number, milliseconds: number): void {
    this.#agentOf(node).stepClock(milliseconds);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }

  #agentOf(node: number): SimAgent {
    const agent = this.#agents.get(node);
    if (agent === undefined) throw new RangeError(`node ${node} is not of this fleet`);
    return agent;
  }

  /** One timer for all of them. */
  async #run(): Promise<void> {
    const { world, clock, intervalMs } = this.#options;
    const times = new SampleTimes(world, intervalMs);
    const rota = [...this.#agents]
      .map(([node, agent]) => ({ agent, firstMs: times.firstMs(node) }))
      .sort((a, b) => a.firstMs - b.firstMs);
    const nowMs = clock.monotonicMs();
    const rounds = Math.max(0, Math.floor((nowMs - world.options.startMs) / intervalMs));
    for (let passedMs = rounds * intervalMs; !this.#stop.signal.aborted; passedMs += intervalMs) {
      for (const { agent, firstMs } of rota) {
        if (firstMs + passedMs >= nowMs) await this.#sampleAt(agent, firstMs + passedMs);
      }
    }
  }

  async #sampleAt(agent: SimAgent, dueMs: number): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    for (let waitMs = dueMs - clock.monotonicMs(); waitMs > 0; waitMs = dueMs - clock.monotonicMs()) {
      await sleep(waitMs, signal);
      if (signal.aborted) return;
    }
    this.#stats.latestMs = Math.max(this.#stats.latestMs, clock.monotonicMs() - dueMs);
    if (agent.sample()) this.#stats.samples++;
    else this.#stats.away++;
  }

  #createAgent(node: number): SimAgent {
    const { world, intervalMs, clock, log = SILENT } = this.#options;
    const stats = this.#stats;
    return new SimAgent({
      ...{ world, node, intervalMs, clock, log, credentials: this.#credentialsOf(node) },
      targets: () => this.#targets.map((server) => ({ server })),
      metrics: {
        pushed: (result, seconds) => {
          stats.pushes[result]++;
          if (result === 'ok') stats.slowestPush = Math.max(stats.slowestPush, seconds);
        },
        refused: (reason) => (stats.refusals[reason] = (stats.refusals[reason] ?? 0) + 1),
      },
      onAnswer: (name, { rejectedCount, rejected: [first] }) => {
        stats.rejected += rejectedCount;
        if (first !== undefined) this.#firstRejected ??= `${name} ${first.entry}: ${first.message}`;
      },
    });
  }

  #credentialsOf(node: number): Credentials {
    const { ca, token, clock, log = SILENT } = this.#options;
    const files = { serverCaFile: undefined, tokenFile: undefined };
    const credentials = createCredentials(files, { clock, log, serverCa: ca, onRead: () => undefined });
    return token === undefined ? credentials : { ...credentials, token: () => Promise.resolve(token(node)) };
  }
}
