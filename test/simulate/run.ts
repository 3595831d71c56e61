import type { Clock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/sleep.js';
import type { ProcessCost } from '../bench/process-cost.js';
import { createCertificateFiles } from '../support/programs.js';
import { startCluster, type SimCluster } from './cluster.js';
import type { FleetStats } from './fleet.js';
import type { LoadResult, Order, WorldSettings } from './messages.js';
import type { SimulateOptions } from './options.js';
import { startServer, type SimServer } from './servers.js';
import { SimProcess } from './sim-process.js';

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
  /** How long agents have been reporting when it ended. */
  readonly reportedMs: number;
  readonly measuredMs: number;
  /** One for each server. */
  readonly servers: readonly ServerOutcome[];
  readonly fleets: readonly FleetStats[];
  readonly load: LoadResult;
}

export interface ServerOutcome {
  readonly cpuMs: number;
  /** Of a second, while nobody asked anything; undefined where that was not measured. */
  readonly ingestCpuMs: number | undefined;
  /** At the end. */
  readonly cost: ProcessCost;
  /** What it told of itself when the measurement began and ended. */
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
  /** Warnings and errors in its log. */
  readonly complaints: readonly string[];
  /** Exit code or signal of one that ended by itself. */
  readonly ended: number | string | undefined;
}

const COST_EVERY_MS = 10_000;
const WARMUP_INTERVALS = 3;
/** The world begins when the processes are up: a sample that was due before would be missed, and be taken for one that a server has to have. */
const START_MS = 10_000;
/** Each agent's first connection takes a handshake at both of its ends, which is as much work as a report: here both are on one machine. */
const RAMP_MS_PER_NODE = 25;
/** The Kubernetes API of a cluster has its pods to make, and the servers to read all of them: for all, and for each node. */
const CLUSTER_START = { ms: 20_000, perNodeMs: 10 } as const;
/** With more of them it is the collections of its garbage that others wait for. */
const NODES_A_PROCESS = 1_250;
/** What was asked before has been answered by then. */
const SETTLE_MS = 2_000;
const MAX_COMPLAINTS = 10;

/** Starts servers, agents and clients, measures, and ends all of them. */
export async function simulate(options: SimulateOptions, deps: RunDeps): Promise<Outcome> {
  const { stop, clock } = deps;
  const certificate = await createCertificateFiles();
  let world = worldOf(options, clock);
  const servers: SimServer[] = [];
  const workers: SimProcess[] = [];
  let cluster: SimCluster | undefined;
  try {
    if (options.cluster) cluster = await startCluster(world);
    const mode = cluster === undefined ? ['--standalone'] : ['--kubeconfig', cluster.kubeconfig];
    // Every agent of the cluster is at one address here.
    const flags = [...mode, '--max-connections-per-address=0', ...certificate.flags];
    const { identity } = cluster ?? {};
    for (let n = 0; n < options.servers; n++) {
      const access = { ca: certificate.ca, ...(identity !== undefined && { identity }) };
      const nodeOptions = options.nodeOptions?.split(' ') ?? [];
      servers.push(await startServer({ bundle: deps.bundle, flags, nodeOptions, ...access }));
    }
    if (cluster === undefined) world = worldOf(options, clock); // however long that took
    const orders = ordersOf(options, { world, servers, cluster, ca: certificate.ca });
    workers.push(...orders.map((order) => new SimProcess(order)));
    const warmupMs = (world.rampMs ?? 0) + (options.warmup || WARMUP_INTERVALS * options.interval + options.slack);
    await sleep(Math.max(0, world.startMs - clock.monotonicMs()) + warmupMs, stop);
    const ingestCpuMs = await measureIngest(options, { servers, workers, clock, stop });
    const before = await Promise.all(servers.map((server) => server.selfMetrics()));
    const costBefore = servers.map((server) => server.cost());
    const startedMs = clock.monotonicMs();
    for (const worker of workers) worker.say('measure');
    await watchCosts(servers, { ...deps, durationMs: options.duration });
    const endedMs = clock.monotonicMs();
    const costs = servers.map((server) => server.cost());
    const asked = workers.map((worker) => worker.ask('result'));
    const after = await Promise.all(servers.map((server) => server.selfMetrics()));
    // The clients tell last, when all that they were answered is checked: with the agents gone that is sooner.
    await Promise.all(asked.slice(0, -1));
    await Promise.all(workers.splice(0, workers.length - 1).map((worker) => worker.close()));
    const results = await Promise.all(asked);
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    const ends = await Promise.all(servers.splice(0).map((server) => server.stop()));
    return {
      ...{ nodes: options.nodes, measuredMs: endedMs - startedMs, reportedMs: endedMs - world.startMs },
      servers: costs.map((cost, n) => ({
        ...{ cost, cpuMs: cost.cpuMs - (costBefore[n]?.cpuMs ?? NaN), ingestCpuMs: ingestCpuMs[n] },
        before: Object.fromEntries(before[n] ?? []),
        after: Object.fromEntries(after[n] ?? []),
        complaints: complaintsOf(ends[n]?.log ?? ''),
        ended: ends[n]?.ended,
      })),
      fleets: results.filter((result) => 'pushes' in result),
      load: results.find((result) => 'hpa' in result) ?? fail('the clients told nothing'),
    };
  } finally {
    await Promise.all([...workers.map((worker) => worker.close()), ...servers.map((server) => server.stop())]);
    await cluster?.close();
    await certificate.remove();
  }
}

function fail(message: string): never {
  throw new Error(message);
}

/** @returns of each server, milliseconds of CPU in a second without a query or a scrape */
async function measureIngest(
  { ingestOnly }: SimulateOptions,
  { servers, workers, clock, stop }: Pick<RunDeps, 'clock' | 'stop'> & Processes,
): Promise<number[]> {
  if (ingestOnly === 0) return [];
  for (const worker of workers) worker.say('pause');
  await sleep(SETTLE_MS, stop);
  const before = servers.map((server) => server.cost().cpuMs);
  const startedMs = clock.monotonicMs();
  await sleep(ingestOnly, stop);
  const seconds = (clock.monotonicMs() - startedMs) / 1_000;
  return servers.map((server, n) => (server.cost().cpuMs - (before[n] ?? NaN)) / seconds);
}

interface Processes {
  readonly servers: readonly SimServer[];
  readonly workers: readonly SimProcess[];
}

function worldOf(options: SimulateOptions, clock: Clock): WorldSettings {
  const { nodes, pods, interfaces, namespacePods } = options;
  const beginsInMs = START_MS + (options.cluster ? CLUSTER_START.ms + CLUSTER_START.perNodeMs * nodes : 0);
  return {
    ...{ nodes, pods, interfaces, namespacePods, rampMs: Math.max(0, nodes * RAMP_MS_PER_NODE - options.interval) },
    ...{ startMs: clock.monotonicMs() + beginsInMs, startWallMs: clock.wallMs() + beginsInMs },
    ...{ podLifeMs: options.churn, agentLifeMs: options.killEvery, bootLifeMs: options.rebootEvery },
  };
}

interface Surroundings {
  readonly world: WorldSettings;
  readonly servers: readonly SimServer[];
  readonly cluster: SimCluster | undefined;
  readonly ca: string;
}

function ordersOf(options: SimulateOptions, { world, servers, cluster, ca }: Surroundings): Order[] {
  const { nodes, interval: intervalMs, slack: slackMs } = options;
  const agentProcesses = options.agentProcesses || Math.ceil(nodes / NODES_A_PROCESS);
  const common = { world, ca, intervalMs, targets: servers.map(({ url }) => url) };
  const share = Math.ceil(nodes / agentProcesses);
  const keys = cluster !== undefined && { privateKey: cluster.privateKey };
  const fleets = Array.from({ length: agentProcesses }, (_, n): Order => {
    const part = { from: Math.min(nodes, n * share), to: Math.min(nodes, (n + 1) * share) };
    return { ...common, ...keys, ...part, role: 'fleet' };
  });
  const { queries, scrapeInterval: scrapeIntervalMs } = options;
  const identity = cluster !== undefined && { identity: cluster.identity };
  return [...fleets, { ...common, ...identity, role: 'load', slackMs, queries, scrapeIntervalMs }];
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
