import { randomUUID } from 'node:crypto';
import { Repeating } from '../runtime/repeating.js';
import type { NodeagentOptions } from './options.js';
import { startProbeListener } from './probes/listener.js';
import { ProbeHistory } from './probes/probe-history.js';
import { createProbeMetrics } from './probes/probe-metrics.js';
import { draftProbeReport, probesViewOf } from './probes/probe-report.js';
import { Prober } from './probes/prober.js';
import { createProbeSources } from './probes/probe-sources.js';
import type { ProbeReadings } from './probes/probe.js';
import { readBootId } from './procfs/boot-id.js';
import { ProcFs } from './procfs/fs.js';
import type { Sender } from './report/build.js';
import type { Role, RoleDeps } from './role.js';
import { SourceStates } from './source-states.js';

/** How often it is looked whether there is something else to probe. */
const LOOK_EVERY_MS = 1_000;
/** A target that begins or ceases to fail makes a sample of its own, but no more of them than one in this time. */
const NEWS_EVERY_MS = 1_000;
const NO_NEWS_MS = 3_600_000;

/**
 * Role `probe`: how others can be reached from a pod of the ordinary network.
 * @throws {StartError} when it cannot be listened where others dial, or procfs cannot be read
 */
export async function createProbeRole(options: NodeagentOptions, deps: RoleDeps): Promise<Role> {
  const { clock, log, version, metrics, env, historyMs, notify } = deps;
  const sender: Sender = {
    node: options.nodeName,
    role: 'probe',
    bootId: readBootId(new ProcFs(options.pathProcfs), options.pathProcfs),
    instance: { id: randomUUID(), startedAt: clock.monotonicMs() },
    intervalMs: options.interval,
    agentVersion: version,
  };
  // of what this role does not look for nothing is said, not even 0
  for (const metric of [metrics.pods, metrics.deviceConflicts, metrics.sweepSeconds]) metric.remove();
  const listener = await startProbeListener(options.probeListenAddress, { clock, log });
  const probeMetrics = createProbeMetrics(metrics.registry);
  const prober = new Prober({
    ...{ clock, log, random: Math.random, maxLoopDelayMs: options.probeMaxLoopDelay },
    plans: {
      dial: { intervalMs: options.dialInterval, timeoutMs: options.dialTimeout },
      dns: { intervalMs: options.dnsInterval, timeoutMs: options.dnsTimeout },
      ntp: { intervalMs: options.ntpInterval, timeoutMs: options.ntpTimeout },
    },
    metrics: probeMetrics,
    onVerdict: () => news.wake(),
  });
  const sources = await createProbeSources(options, {
    ...{ clock, log, version, env, prober, metrics: probeMetrics, states: new SourceStates({ log, metrics }) },
  }).catch(async (error: unknown) => {
    await listener.close();
    throw error;
  });
  const samples = new Samples(sender, historyMs);
  const take = (): void => samples.add(clock.monotonicMs(), prober.readings());
  const news = new Repeating(() => {
    const dueInMs = samples.newestMs + NEWS_EVERY_MS - clock.monotonicMs();
    if (dueInMs > 0) return Promise.resolve(dueInMs);
    take();
    notify();
    return Promise.resolve(NO_NEWS_MS);
  });
  return {
    get newestMs() {
      return samples.newestMs;
    },
    problem: '',
    isBlind: false,
    get waiting() {
      return sources.waiting;
    },
    ready: Promise.resolve(),
    sample: () => {
      take();
      return Promise.resolve();
    },
    report: (afterSequence, maxSamples) =>
      draftProbeReport({
        ...{ sender, readings: samples.newest, sequence: samples.sequence, collectors: [] },
        samples: samples.since(afterSequence).slice(-maxSamples),
        internalErrors: sources.internalErrors(),
        sentAt: () => clock.monotonicMs(),
      }),
    view: () => ({ node: sender.node, pods: [], probes: probesViewOf(samples.newest, sources.internalErrors()) }),
    heard: () => undefined,
    run: async (signal) => {
      const looking = new Repeating(() => {
        sources.look();
        return Promise.resolve(LOOK_EVERY_MS);
      }).start();
      news.start(NO_NEWS_MS);
      await prober.run(signal);
      await Promise.all([looking.close(), news.close()]);
    },
    close: async () => {
      await Promise.all([listener.close(), sources.close()]);
    },
  };
}

/** What was counted at each sample, as far back as the servers want it. */
class Samples {
  readonly #history = new ProbeHistory();
  readonly #sender: Sender;
  readonly #historyMs: () => number;
  #sequence = 0;
  #newestMs = -Infinity;
  #newest: ProbeReadings = { dial: [], dns: [], ntp: [] };

  constructor(sender: Sender, historyMs: () => number) {
    this.#sender = sender;
    this.#historyMs = historyMs;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get newestMs(): number {
    return this.#newestMs;
  }

  get newest(): ProbeReadings {
    return this.#newest;
  }

  since(sequence: number): ReturnType<ProbeHistory['since']> {
    return this.#history.since(sequence);
  }

  add(takenAt: number, readings: ProbeReadings): void {
    if (takenAt <= this.#newestMs) return;
    this.#sequence++;
    this.#newestMs = takenAt;
    this.#newest = readings;
    const sample = { sequence: this.#sequence, takenAt };
    this.#history.add(sample, readings, this.#historyMs() + 2 * this.#sender.intervalMs);
  }
}
