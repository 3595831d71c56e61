// npm run simulate: a cluster that exists in arithmetic, in front of real apiservers.
import { appendFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import process from 'node:process';
import { systemClock } from '../../runtime/clock.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { createProcessIo } from '../../runtime/process-io.js';
import type { ProcessCost } from '../bench/process-cost.js';
import { makeBundle } from '../support/bundle.js';
import { figuresOf, isRight, problemsOf, renderGrowth, renderTable, type Figure } from './figures.js';
import { simulateProgram, type SimulateOptions } from './options.js';
import { plotMemory, type PlotSeries } from './plot.js';
import { simulate } from './run.js';

const GROWTH = [100, 500, 1_000, 5_000];
const MIB = 1024 * 1024;

interface Finding {
  readonly nodes: number;
  readonly figures: readonly Figure[];
  readonly problems: readonly string[];
}

const io = createProcessIo(process.argv.slice(2));
const invocation = parseOptions(simulateProgram, io.argv, io.env);
if (invocation.kind === 'print') io.writeOut(invocation.text);
else if (invocation.kind === 'refuse') {
  for (const error of invocation.errors) io.writeError(`simulate: ${error}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await main(invocation.options);
}

/** @returns the exit code: 1 when anything wrong was served */
async function main(options: SimulateOptions): Promise<number> {
  const bundle = await makeBundle();
  const findings: Finding[] = [];
  const { csv } = options;
  if (csv !== undefined) writeFileSync(csv, 'nodes,seconds,server,rss_mib,anonymous_mib,cpu_seconds,files\n');
  try {
    for (const nodes of options.growth ? GROWTH : [options.nodes]) {
      io.writeError(`simulate: ${nodes} nodes\n`);
      findings.push(await runOnce({ ...options, nodes }, bundle.file));
      if (io.stop.aborted) break;
    }
  } finally {
    await bundle.remove();
  }
  if (options.json) io.writeOut(`${JSON.stringify({ machine: machineOf(), options, findings }, null, 2)}\n`);
  else print(options, findings);
  return findings.every(({ figures }) => figures.every(isRight)) ? 0 : 1;
}

async function runOnce(options: SimulateOptions, bundle: string): Promise<Finding> {
  const { csv, plot, nodes } = options;
  const memory: PlotSeries[] = [];
  const onCost = (seconds: number, costs: readonly ProcessCost[]): void => {
    if (csv !== undefined) appendFileSync(csv, costs.map((cost, n) => toCsv([nodes, seconds, n], cost)).join(''));
    addPoints(memory, seconds / 60, costs);
  };
  const outcome = await simulate(options, { bundle, clock: systemClock, stop: io.stop, onCost });
  if (plot !== undefined) writeFileSync(plot, plotMemory(`memory of an apiserver, ${nodes} nodes`, memory));
  return { nodes, figures: figuresOf(outcome, options), problems: problemsOf(outcome, options) };
}

/** Two lines a server: all that it has in memory, and that without what is shared with files. */
function addPoints(memory: PlotSeries[], minute: number, costs: readonly ProcessCost[]): void {
  for (const [n, { rssMiB, anonymousMiB }] of costs.entries()) {
    (memory[2 * n] ??= { name: `server ${n}, resident`, points: [] }).points.push([minute, rssMiB]);
    (memory[2 * n + 1] ??= { name: `server ${n}, anonymous`, points: [] }).points.push([minute, anonymousMiB]);
  }
}

function toCsv(
  [nodes, seconds, server]: readonly [number, number, number],
  { rssMiB, anonymousMiB, cpuMs, files }: ProcessCost,
): string {
  const cost = [rssMiB.toFixed(1), anonymousMiB.toFixed(1), cpuMs / 1_000, files];
  return `${[nodes, seconds.toFixed(1), server, ...cost].join(',')}\n`;
}

function print(options: SimulateOptions, findings: readonly Finding[]): void {
  const { pods, interfaces, interval, servers, cluster } = options;
  const mode = cluster ? 'in a cluster' : 'standalone';
  io.writeOut(
    `${machineOf()}; ${pods} pods a node, ${interfaces} interfaces a pod, every ${interval} ms, ${servers} servers ${mode}\n`,
  );
  const [first] = findings;
  if (options.growth) io.writeOut(`\n${renderGrowth(findings)}`);
  else if (first !== undefined) io.writeOut(`\n${first.nodes} nodes\n${renderTable(first.figures)}`);
  for (const { nodes, problems } of findings) {
    for (const problem of problems) io.writeOut(`${nodes} nodes: ${problem}\n`);
  }
}

function machineOf(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / MIB)} MiB, Node ${process.version}`;
}
