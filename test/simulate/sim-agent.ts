import type { Sender } from '../../nodeagent/report/build.js';
import type { ReadAnswer } from '../../nodeagent/push/answer.js';
import type { Credentials } from '../../nodeagent/push/credentials.js';
import { HttpsClient } from '../../nodeagent/push/https-client.js';
import { Pusher, type PushMetrics } from '../../nodeagent/push/pusher.js';
import { Pushers } from '../../nodeagent/push/pushers.js';
import type { PushTarget } from '../../nodeagent/push/replicas.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { Backoff } from '../../runtime/backoff.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import { draftSimReport, SimInventory, type Taken } from './sim-report.js';
import type { SimBoot, World } from './world.js';

export interface SimAgentDeps {
  readonly world: World;
  readonly node: number;
  readonly targets: () => readonly PushTarget[];
  readonly credentials: Credentials;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly metrics: PushMetrics;
  readonly onAnswer: (node: string, answer: ReadAnswer) => void;
  readonly log: Logger;
}

/** One start of the agent, as the world or a test has it. */
interface Run {
  readonly id: string;
  /** Of its node: it ends with it, and what it still tells is by that clock. */
  readonly boot: SimBoot;
  readonly sender: Sender;
  readonly pushers: Pushers;
  readonly samples: Taken[];
  sequence: number;
}

/** Samples are no nearer to each other, in intervals. */
const LEAST_GAP = 0.5;
const AGENT_VERSION = '0.1.0';
// as nodeagent/create-pushing.ts has them
const PUSH_TIMEOUT_MS = 10_000;
const BACKOFF = { firstMs: 500, intervals: 4, minMaxMs: 1_000, maxMs: 60_000 } as const;

/** The agent of a simulated node, over its restarts and those of its node. */
export class SimAgent {
  readonly #deps: SimAgentDeps;
  #run: Run | undefined;
  /** Of runs that were ended, until their last push is given up. */
  readonly #ending = new Set<Promise<void>>();
  #kills = 0;
  /** How far the node's monotonic clock was set, which it never ought to be. */
  #stepMs = 0;

  constructor(deps: SimAgentDeps) {
    this.#deps = deps;
  }

  /** Takes a sample, and has it pushed. @returns whether it did: not while the node or its agent is away, nor right behind the last one */
  sample(): boolean {
    const { world, node, clock } = this.#deps;
    const ms = clock.monotonicMs();
    const { id, startedMs } = world.instance(node, ms);
    const wanted = `${id}.${this.#kills}`;
    if (this.#run !== undefined && this.#run.id !== wanted) this.#end();
    if (ms < startedMs) return false;
    this.#run ??= this.#begin(wanted, ms);
    const { samples, pushers } = this.#run;
    const takenAt = this.#nodeMs(this.#run.boot, ms);
    // a round on time behind one that was late: whole counts over so little time are no rate
    if (takenAt < (samples.at(-1)?.takenAt ?? -Infinity) + LEAST_GAP * this.#deps.intervalMs) return false;
    samples.push({ sequence: ++this.#run.sequence, ms, takenAt });
    const oldestMs = takenAt - pushers.historyMs - 2 * this.#deps.intervalMs;
    while (samples.length > REPORT_LIMITS.samples || (samples[0]?.takenAt ?? takenAt) < oldestMs) samples.shift();
    pushers.notify();
    return true;
  }

  /** As kill -9 does: what it is sending breaks off. With its next sample it is another one, that knows nothing. */
  kill(): void {
    this.#kills++;
    this.#end();
  }

  /** Sets the monotonic clock of the node by so much from now on, milliseconds. */
  stepClock(milliseconds: number): void {
    this.#stepMs += milliseconds;
  }

  /** Pushes to other servers from now on. */
  retarget(): void {
    this.#run?.pushers.set(this.#deps.targets());
  }

  async close(): Promise<void> {
    this.#end();
    await Promise.all(this.#ending);
  }

  #nodeMs(boot: SimBoot, ms: number): number {
    return Math.max(0, this.#deps.world.nodeMsSince(boot, ms) + this.#stepMs);
  }

  #begin(id: string, ms: number): Run {
    const { world, node, intervalMs, targets, log } = this.#deps;
    const samples: Taken[] = [];
    const inventory = new SimInventory(world, node);
    const boot = world.boot(node, ms);
    const sender: Sender = {
      ...{ node: world.nodeName(node), role: 'node', intervalMs, agentVersion: AGENT_VERSION },
      bootId: boot.bootId,
      instance: { id, startedAt: this.#nodeMs(boot, ms) },
    };
    const pushers = new Pushers({
      ...{ log, mayChange: true, onGone: () => undefined, hasSamples: () => samples.length > 0 },
      create: (target) => this.#createPusher(target, { sender, samples, boot, inventory }),
    });
    pushers.set(targets());
    return { id, boot, sender, samples, pushers, sequence: 0 };
  }

  #end(): void {
    if (this.#run === undefined) return;
    const ended = this.#run.pushers.close().then(() => void this.#ending.delete(ended));
    this.#ending.add(ended);
    this.#run = undefined;
  }

  #createPusher(
    { server, certifiedName }: PushTarget,
    {
      sender,
      samples,
      boot,
      inventory,
    }: Pick<Run, 'sender' | 'samples' | 'boot'> & { readonly inventory: SimInventory },
  ): Pusher {
    const { world, credentials, intervalMs, clock, metrics, onAnswer, log } = this.#deps;
    const maxMs = Math.min(BACKOFF.maxMs, Math.max(BACKOFF.minMaxMs, BACKOFF.intervals * intervalMs));
    const trust = { ca: credentials.ca, ...(certifiedName !== undefined && { certifiedName }) };
    return new Pusher({
      ...{ server, credentials, metrics, log, limits: REPORT_LIMITS },
      userAgent: `podnet-nodeagent/${AGENT_VERSION}`,
      client: new HttpsClient(new URL(server), { ...trust, timeoutMs: PUSH_TIMEOUT_MS }),
      backoff: new Backoff({ firstMs: BACKOFF.firstMs, maxMs, random: Math.random }),
      monotonicMs: () => clock.monotonicMs(),
      onAnswer: (answer) => onAnswer(sender.node, answer),
      build: (afterSequence, maxSamples) => {
        const newest = samples.at(-1);
        if (newest === undefined) throw new TypeError('there is nothing to report yet');
        return draftSimReport(world, {
          ...{ sender, inventory, newest, sentAt: () => this.#nodeMs(boot, clock.monotonicMs()) },
          samples: samples
            .filter(({ sequence }) => sequence > afterSequence)
            .slice(-Math.min(maxSamples, REPORT_LIMITS.samples)),
        });
      },
    });
  }
}
