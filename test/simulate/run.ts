import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/sleep.js';
import type { ProcessCost } from '../bench/process-cost.js';
import { createCertificateFiles } from '../support/programs.js';
import type { FleetStats } from './fleet.js';
import type { LoadResult, Order, Question, Result, WorldSettings } from './messages.js';
import type { SimulateOptions } from './options.js';
import { startServer, type SimServer } from './servers.js';

export interface RunDeps {
  /** The program that is shipped. */
  readonly bundle: string;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** Called each ten seconds of the measurement. */
  readonly onCost: (seconds: number, costs: readonly ProcessCost[]) => void;
}

/** What a run found out, of the time that was measured. */
export interface Outcome {
  readonly nodes: number;
  readonly measuredMs: number;
  /** One for each server. */
  readonly servers: readonly ServerOutcome[];
  readonly fleets: readonly FleetStats[];
  readonly load: LoadResult;
}

export interface ServerOutcome {
  readonly cpuMs: number;
  readonly cost: ProcessCost;
  /** What it told of itself when the measurement began and ended. */
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
  /** Warnings and errors in its log. */
  readonly complaints: readonly string[];
}

const COST_EVERY_MS = 10_000;
const WARMUP_INTERVALS = 3;
/** The world begins when the processes are up: a sample that was due before would be missed, and be taken for one that a server has to have. */
const START_MS = 10_000;
const MAX_COMPLAINTS = 10;

/** Starts servers, agents and clients, measures, and ends all of them. */
export async function simulate(options: SimulateOptions, deps: RunDeps): Promise<Outcome> {
  const { stop, clock } = deps;
  const certificate = await createCertificateFiles();
  const servers: SimServer[] = [];
  const workers: SimProcess[] = [];
  try {
    for (let n = 0; n < options.servers; n++) {
      servers.push(await startServer(deps.bundle, certificate.flags, certificate.ca));
    }
    const orders = ordersOf(options, { servers, ca: certificate.ca, clock });
    workers.push(...orders.map((order) => new SimProcess(order)));
    await sleep(START_MS + (options.warmup || WARMUP_INTERVALS * options.interval + options.slack), stop);
    const before = await Promise.all(servers.map((server) => server.selfMetrics()));
    const costBefore = servers.map((server) => server.cost());
    const startedMs = clock.monotonicMs();
    for (const worker of workers) worker.say('measure');
    await watchCosts(servers, { ...deps, durationMs: options.duration });
    const measuredMs = clock.monotonicMs() - startedMs;
    const costs = servers.map((server) => server.cost());
    const after = await Promise.all(servers.map((server) => server.selfMetrics()));
    const results = await Promise.all(workers.map((worker) => worker.ask('result')));
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    const logs = await Promise.all(servers.splice(0).map((server) => server.stop()));
    return {
      ...{ nodes: options.nodes, measuredMs },
      servers: costs.map((cost, n) => ({
        ...{ cost, cpuMs: cost.cpuMs - (costBefore[n]?.cpuMs ?? NaN) },
        before: Object.fromEntries(before[n] ?? []),
        after: Object.fromEntries(after[n] ?? []),
        complaints: complaintsOf(logs[n] ?? ''),
      })),
      fleets: results.filter((result) => 'pushes' in result),
      load: results.find((result) => 'hpa' in result) ?? fail('the clients told nothing'),
    };
  } finally {
    await Promise.all([...workers.map((worker) => worker.close()), ...servers.map((server) => server.stop())]);
    await certificate.remove();
  }
}

function fail(message: string): never {
  throw new Error(message);
}

function ordersOf(
  options: SimulateOptions,
  { servers, ca, clock }: { readonly servers: readonly SimServer[]; readonly ca: string; readonly clock: Clock },
): Order[] {
  const { nodes, pods, interfaces, namespacePods, interval: intervalMs, agentProcesses, slack: slackMs } = options;
  const world: WorldSettings = {
    ...{
      nodes,
      pods,
      interfaces,
      namespacePods,
      startMs: clock.monotonicMs() + START_MS,
      startWallMs: clock.wallMs() + START_MS,
    },
    ...{ podLifeMs: options.churn, agentLifeMs: options.killEvery, bootLifeMs: options.rebootEvery },
  };
  const common = { world, ca, intervalMs, targets: servers.map(({ url }) => url) };
  const share = Math.ceil(nodes / agentProcesses);
  const fleets = Array.from({ length: agentProcesses }, (_, n): Order => {
    return { ...common, role: 'fleet', from: Math.min(nodes, n * share), to: Math.min(nodes, (n + 1) * share) };
  });
  const { queries, scrapeInterval: scrapeIntervalMs } = options;
  return [...fleets, { ...common, role: 'load', slackMs, queries, scrapeIntervalMs }];
}

async function watchCosts(
  servers: readonly SimServer[],
  { clock, stop, onCost, durationMs }: RunDeps & { readonly durationMs: number },
): Promise<void> {
  const startedMs = clock.monotonicMs();
  for (let n = 0; !stop.aborted; n++) {
    const dueMs = Math.min(n * COST_EVERY_MS, durationMs);
    await sleep(Math.max(0, startedMs + dueMs - clock.monotonicMs()), stop);
    onCost(
      (clock.monotonicMs() - startedMs) / 1_000,
      servers.map((server) => server.cost()),
    );
    if (dueMs >= durationMs) return;
  }
}

function complaintsOf(log: string): string[] {
  const lines = log.split('\n').filter((line) => /"level":"(warn|error)"/.test(line));
  return lines.slice(0, MAX_COMPLAINTS);
}

class SimProcess {
  readonly #child: ChildProcess;

  constructor(order: Order) {
    this.#child = fork(fileURLToPath(new URL('./process.js', import.meta.url)));
    this.#child.send(order);
  }

  say(question: Question): void {
    this.#child.send(question);
  }

  async ask(question: Question): Promise<Result> {
    const ended = once(this.#child, 'exit').then(() => fail('a process of the simulator ended'));
    const answered = once(this.#child, 'message');
    this.say(question);
    const [result] = (await Promise.race([answered, ended])) as [Result];
    return result;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    if (this.#child.connected) this.say('stop');
    await ended;
  }
}
