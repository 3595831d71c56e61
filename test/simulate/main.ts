// npm run simulate: a cluster that exists in arithmetic, in front of real apiservers.
import { appendFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import process from 'node:process';
import { systemClock } from '../../runtime/clock.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { createProcessIo } from '../../runtime/process-io.js';
import type { ProcessCost } from '../bench/process-cost.js';
import { makeBundle } from '../support/bundle.js';
import { figuresOf, problemsOf, renderGrowth, renderTable, type Figure } from './figures.js';
import { simulateProgram, type SimulateOptions } from './options.js';
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

/** Bounds on cost are told; a bound of none at all is what must never be exceeded. */
function isRight({ value, bound }: Figure): boolean {
  return bound !== 0 || value === 0;
}

async function runOnce(options: SimulateOptions, bundle: string): Promise<Finding> {
  const { csv } = options;
  if (csv !== undefined) writeFileSync(csv, 'seconds,server,rss_mib,anonymous_mib,cpu_seconds,files\n');
  const onCost = (seconds: number, costs: readonly ProcessCost[]): void => {
    if (csv !== undefined) appendFileSync(csv, costs.map((cost, n) => toCsv(seconds, n, cost)).join(''));
  };
  const outcome = await simulate(options, { bundle, clock: systemClock, stop: io.stop, onCost });
  return { nodes: options.nodes, figures: figuresOf(outcome, options), problems: problemsOf(outcome, options) };
}

function toCsv(seconds: number, server: number, { rssMiB, anonymousMiB, cpuMs, files }: ProcessCost): string {
  return `${[seconds.toFixed(1), server, rssMiB.toFixed(1), anonymousMiB.toFixed(1), cpuMs / 1_000, files].join(',')}\n`;
}

function print({ pods, interfaces, interval, servers }: SimulateOptions, findings: readonly Finding[]): void {
  io.writeOut(
    `${machineOf()}; ${pods} pods a node, ${interfaces} interfaces a pod, every ${interval} ms, ${servers} servers\n`,
  );
  for (const { nodes, figures } of findings) io.writeOut(`\n${nodes} nodes\n${renderTable(figures)}`);
  if (findings.length > 1) io.writeOut(`\n${renderGrowth(findings)}`);
  for (const { nodes, problems } of findings) {
    for (const problem of problems) io.writeOut(`${nodes} nodes: ${problem}\n`);
  }
}

function machineOf(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / MIB)} MiB, Node ${process.version}`;
}
