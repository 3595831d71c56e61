import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultNodeName } from '../../nodeagent/main.js';
import { duration, type OptionValues } from '../../runtime/options/kinds.js';
import type { Program } from '../../runtime/options/parse.js';
import { createProcessIo } from '../../runtime/process-io.js';
import { runProgram, type ProcessIo } from '../../runtime/run-program.js';
import { StartError } from '../../runtime/start-error.js';
import { standaloneOptions, standaloneProgram, startStandalone, type Standalone } from '../standalone.js';
import { lockDemo } from './lock.js';
import { measure, renderVerdict, type Verdict } from './measure.js';
import { PODS, createTopology, describeDemoPod, netnsName, removeTopology } from './topology.js';

function demoOptions(hostName: string) {
  return {
    ...standaloneOptions(hostName),
    measure: duration({
      flag: 'measure',
      default: 15_000,
      min: 3_000,
      max: 300_000,
      help: 'How long traffic runs before the rates are read.',
    }),
  };
}
type DemoOptions = OptionValues<ReturnType<typeof demoOptions>>;

/** Between the start of traffic and that of the window: the pods' processes start one after the other. */
const SETTLE_MS = 2_000;

export function demoProgram(hostName: string): Program<ReturnType<typeof demoOptions>> {
  const standalone = standaloneProgram(hostName);
  return {
    ...standalone,
    name: 'podnet demo',
    summary:
      'Three pods on two networks with known traffic: shows that the rates podnet serves are the rates offered. Needs root.',
    options: demoOptions(hostName),
    check: (options) => [
      ...(standalone.check?.(options) ?? []),
      ...(options.measure > options.history ? ['--measure: must not be longer than --history'] : []),
    ],
  };
}

/** `podnet demo`. @returns the exit code: 1 when a rate was not what was offered, or none was read */
export async function runDemo(argv: readonly string[]): Promise<number> {
  const io = createProcessIo(argv);
  const outcome = { hasFailed: false };
  const code = await runProgram(demoProgram(defaultNodeName(io.env)), io, async (options) => {
    if (process.getuid?.() !== 0) throw new StartError('needs root: it makes network namespaces');
    const lock = await lockDemo();
    try {
      const verdict = await demonstrate(options, io);
      outcome.hasFailed = verdict?.passed !== true;
    } finally {
      await lock.release();
    }
    return undefined;
  });
  return code === 0 && outcome.hasFailed ? 1 : code;
}

/** Makes everything, measures, and removes everything whatever happens. @returns undefined when it was asked to end before */
async function demonstrate(options: DemoOptions, io: ProcessIo): Promise<Verdict | undefined> {
  if (await removeTopology()) io.writeOut('Removed what an earlier run had left.\n');
  const pods: ChildProcess[] = [];
  let standalone: Standalone | undefined;
  try {
    await createTopology();
    pods.push(...PODS.map((pod, index) => startPod(pod, index)));
    standalone = await startStandalone(options, io, describeDemoPod);
    io.writeOut(`Three pods on two networks; measuring for ${options.measure / 1_000} s.\n`);
    await sleep(SETTLE_MS + options.measure, undefined, { signal: io.stop });
    const verdict = await measure(standalone.apiserver, options.measure);
    io.writeOut(renderVerdict(verdict));
    return verdict;
  } catch (error) {
    if (!io.stop.aborted) throw error;
    return undefined;
  } finally {
    await standalone?.close();
    await Promise.all(pods.map(endPod));
    await removeTopology();
  }
}

function startPod(pod: string, index: number): ChildProcess {
  const [script = ''] = process.argv.slice(1);
  const args = ['netns', 'exec', netnsName(pod), process.execPath, script, 'demo-pod', String(index)];
  return spawn('ip', args, { stdio: ['pipe', 'ignore', 'inherit'] });
}

/** It ends with its standard input; Ctrl-C reaches it directly. */
async function endPod(pod: ChildProcess): Promise<void> {
  if (pod.exitCode !== null || pod.signalCode !== null) return;
  const ended = once(pod, 'exit');
  pod.stdin?.end();
  await ended;
}
