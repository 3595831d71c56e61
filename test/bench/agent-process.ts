// npm run bench:agent: what the agent costs as it is shipped, in a process of its own: on a node of 110 pods with three interfaces, and in
// role probe.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, release, totalmem } from 'node:os';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeBundle } from '../support/bundle.js';
import { createCertificateFiles } from '../support/programs.js';
import { whyMissing } from '../support/requirements.js';
import { BenchNode } from './agent-node.js';
import { AgentRun, startApiserver, type Closers, type Look } from './agent-run.js';
import { wideRow } from './measure.js';
import { benchProbe, PROBE_NAME } from './probe-process.js';
import { SriovNode } from './sriov-node.js';
import { processCost } from './process-cost.js';

const PODS = 110;
const VFS = 128;
const PODS_WITH_VFS = 64;
const MORE_PROCESSES = 2_000;
const MINUTE_MS = 60_000;
const PREDECESSOR_ROUNDS = 3;
const NAMES = {
  interfaces: 'interfaces alone',
  all: 'all collectors',
  root: 'all collectors, CRI and netlink, as root',
  vfs: `all collectors and ${VFS} VFs, as root`,
} as const;

const USAGE = `npm run bench:agent -- [--minutes 10] [--interval 15] [--only <text>] [--node-flags="--cpu-prof …"]
--minutes     how long the agents run before and, half as long but three minutes at most, with ${MORE_PROCESSES} more processes; of role probe
              while nobody answers
--interval    seconds between two sweeps
--only        agents whose name has this in it, such as interfaces or probe
--node-flags  for node, in front of the bundle`;

interface Options {
  readonly minutes: number;
  readonly intervalMs: number;
  readonly only: string;
  readonly nodeFlags: readonly string[];
}

interface PerSweep {
  /** Of the whole process from one sweep to the next: what is pushed, too. */
  readonly cpuMs: number;
  readonly wallMs: number;
}

interface Seen {
  readonly name: string;
  readonly settled: Look;
  readonly end: Look;
  /** In the first half, from the first minute on: V8 still compiles what turns out to be run often. */
  readonly early: PerSweep;
  readonly quiet: PerSweep;
  /** With more processes on the machine. */
  readonly crowded: PerSweep;
}

const HEADER = wideRow('what', ['CPU a sweep', 'of a core', 'wall', 'RSS 1 min', 'at the end', 'anonymous', 'files']);
const [cpu] = cpus();
const options = readOptions();
const reason = whyMissing('root', 'ip', 'nsenter', 'setpriv');
if (reason !== false) {
  console.error(`bench:agent ${reason}`);
  process.exitCode = 1;
} else {
  console.log(
    `${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`,
  );
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  if (Object.values(NAMES).some(isWanted)) await bench(stop.signal);
  if (isWanted(PROBE_NAME)) await benchProbe({ ...options, signal: stop.signal });
}

function isWanted(name: string): boolean {
  return name.includes(options.only);
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      interval: { type: 'string', default: '15' },
      only: { type: 'string', default: '' },
      'node-flags': { type: 'string', default: '--max-semi-space-size=1' }, // as npm run nodeagent has it
      help: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  const intervalMs = Number(values.interval) * 1_000;
  if (values.help || !(minutes > 0) || !(intervalMs >= 1_000)) {
    console.log(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  return { minutes, intervalMs, only: values.only, nodeFlags: values['node-flags'].split(' ').filter(Boolean) };
}

async function bench(signal: AbortSignal): Promise<void> {
  const closers: Closers = [];
  try {
    const node = await BenchNode.create(PODS);
    closers.push(() => node.close());
    const predecessor = measurePredecessor(node.pids);
    const agents = await startAgents(node, closers);
    const seen = await watch(agents, closers, signal);
    print(seen, predecessor);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** One after the other, so that no two sweep at the same time; each with an apiserver of its own, which has one agent for each node. */
async function startAgents(node: BenchNode, closers: Closers): Promise<AgentRun[]> {
  const bundle = await makeBundle();
  closers.push(() => bundle.remove());
  const certificate = await createCertificateFiles();
  closers.push(() => certificate.remove());
  const criEndpoint = `unix://${await node.serveCri()}`;
  const sriov = await SriovNode.start(VFS, node.pods.slice(0, PODS_WITH_VFS));
  closers.push(() => sriov.close());
  const plans = [
    { name: NAMES.interfaces, isRoot: false, flags: ['--no-collector.transport'] },
    { name: NAMES.all, isRoot: false, flags: [] },
    { name: NAMES.root, isRoot: true, flags: ['--cri-endpoint', criEndpoint] },
    { name: NAMES.vfs, isRoot: true, flags: sriov.flags },
  ].filter(({ name }) => isWanted(name));
  const agents: AgentRun[] = [];
  for (const { name, isRoot, flags } of plans) {
    const url = await startApiserver(bundle, certificate.flags, closers);
    const sinceMs = performance.now();
    const agent = await AgentRun.start({
      ...{ name, bundle, isRoot, api: node.api, server: { url, ca: certificate.ca }, nodeFlags: options.nodeFlags },
      flags: ['--node-name', node.name, '--interval', `${options.intervalMs}ms`, ...flags],
    });
    closers.push(() => agent.close());
    await agent.check(PODS);
    agents.push(agent);
    await delay(Math.max(0, options.intervalMs / plans.length - (performance.now() - sinceMs)));
  }
  return agents;
}

async function watch(agents: readonly AgentRun[], closers: Closers, signal: AbortSignal): Promise<Seen[]> {
  const totalMs = options.minutes * MINUTE_MS;
  const settledMs = Math.min(MINUTE_MS, totalMs / 4);
  const crowdedMs = Math.min(3 * MINUTE_MS, totalMs / 2);
  const lookAfter = async (ms: number): Promise<Look[]> => {
    await delay(ms, undefined, { signal });
    const looks: Look[] = [];
    for (const agent of agents) looks.push(await agent.look());
    return looks;
  };
  const settled = await lookAfter(settledMs);
  const half = await lookAfter(totalMs / 2 - settledMs);
  const ended = await lookAfter(totalMs / 2);
  closers.push(await startProcesses(MORE_PROCESSES));
  const crowdedStart = await lookAfter(2 * options.intervalMs);
  const crowdedEnd = await lookAfter(crowdedMs);
  return agents.flatMap((agent, i) => {
    const [first, middle, last, from, to] = [settled[i], half[i], ended[i], crowdedStart[i], crowdedEnd[i]];
    if (first === undefined || middle === undefined || last === undefined || from === undefined || to === undefined)
      return [];
    return [
      {
        ...{ name: agent.name, settled: first, end: last },
        ...{ early: between(first, middle), quiet: between(middle, last), crowded: between(from, to) },
      },
    ];
  });
}

function between(from: Look, to: Look): PerSweep {
  const sweeps = to.sweeps - from.sweeps;
  return {
    cpuMs: (to.before.cpuMs - from.after.cpuMs) / sweeps,
    wallMs: ((to.sweepSeconds - from.sweepSeconds) * 1_000) / sweeps,
  };
}

/** Processes that have nothing to do with any pod. @returns what ends them */
async function startProcesses(count: number): Promise<() => Promise<void>> {
  const script = `i=0; while [ $i -lt ${count} ]; do sleep 86400 & i=$((i+1)); done; echo ready; wait`;
  const shell = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  await once(shell.stdout, 'data');
  return async () => {
    const ended = once(shell, 'exit');
    process.kill(-(shell.pid ?? 0), 'SIGKILL');
    await ended;
  };
}

/** What the predecessor does for each pod (docs/compat.md): enters its namespace with one program, and reads with another. */
function measurePredecessor(pids: readonly number[]): PerSweep {
  const script = 'for pid in "$@"; do nsenter --net=/proc/$pid/ns/net cat /proc/net/dev; done';
  const before = processCost(process.pid).childrenCpuMs;
  const startedMs = performance.now();
  for (let round = 0; round < PREDECESSOR_ROUNDS; round++) {
    execFileSync('sh', ['-c', script, 'sh', ...pids.map(String)]);
  }
  return {
    cpuMs: (processCost(process.pid).childrenCpuMs - before) / PREDECESSOR_ROUNDS,
    wallMs: (performance.now() - startedMs) / PREDECESSOR_ROUNDS,
  };
}

function print(seen: readonly Seen[], predecessor: PerSweep): void {
  const { minutes, intervalMs } = options;
  const half = `of ${minutes / 2} min each`;
  console.log(
    `\nAgent as shipped: ${PODS} pods × 3 interfaces, ${intervalMs / 1_000} s; two halves ${half}\n${HEADER}`,
  );
  for (const { name, settled, end, early, quiet, crowded } of seen) {
    const { rssMiB, anonymousMiB, files } = end.before;
    const memory = [settled.before.rssMiB, rssMiB, anonymousMiB].map((mib) => `${mib.toFixed(1)} MiB`);
    console.log(wideRow(name, [...perSweep(quiet), ...memory, `${settled.before.files}, ${files}`]));
    console.log(wideRow('  in the first half, while V8 compiles', perSweep(early)));
    const note = `${(crowded.wallMs / quiet.wallMs).toFixed(2)} of the time, ${(crowded.cpuMs / quiet.cpuMs).toFixed(2)} of the CPU`;
    console.log(wideRow(`  with ${MORE_PROCESSES} more processes, afterwards`, perSweep(crowded), note));
  }
  const [first] = seen;
  const factor = first && `${(predecessor.cpuMs / first.quiet.cpuMs).toFixed(0)} times the CPU of "${first.name}"`;
  console.log(wideRow('nsenter and cat net/dev for each pod, alone', perSweep(predecessor), factor));
}

function perSweep({ cpuMs, wallMs }: PerSweep): string[] {
  const share = (cpuMs / options.intervalMs) * 100;
  return [`${cpuMs.toFixed(1)} ms`, `${share.toFixed(3)} %`, `${wallMs.toFixed(1)} ms`];
}
