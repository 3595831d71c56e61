import { once } from 'node:events';
import { get, type RequestOptions } from 'node:https';
import { processCost, type ProcessCost } from '../bench/process-cost.js';
import { run } from '../support/bundle.js';
import { eventually } from '../support/programs.js';
import type { ClientIdentity } from './messages.js';
import { SERVER_NICE, setNice } from './nice.js';

/** An apiserver in a process of its own, as it is shipped. */
export interface SimServer {
  readonly url: string;
  /** What it costs, or did when it was last asked before it ended. */
  cost(): ProcessCost;
  /** What it tells of itself, by series as it is written; nothing where it does not answer. */
  selfMetrics(): Promise<ReadonlyMap<string, number>>;
  /** @returns what it logged, and how it ended if it did before it was told to */
  stop(): Promise<{ readonly log: string; readonly ended: number | string | undefined }>;
}

export interface ServerOptions {
  readonly bundle: string;
  /** Besides those that let it listen on a free port. */
  readonly flags: readonly string[];
  /** PEM. */
  readonly ca: string;
  readonly identity?: ClientIdentity;
  /** Of node and V8, for a look at what it does. */
  readonly nodeOptions?: readonly string[];
}

const SERIES = /^(podnet_apiserver_\w+(?:\{[^}]*\})?) (\S+)$/gm;
const PATIENCE_MS = 30_000;
/** What is to end, and does not, is killed. */
const GRACE_MS = 45_000;

export async function startServer({
  bundle,
  flags,
  ca,
  identity,
  nodeOptions = [],
}: ServerOptions): Promise<SimServer> {
  const args = ['apiserver', '--secure-port', '0', '--bind-address', '127.0.0.1', '--log-level', 'info', ...flags];
  const program = run(process.execPath, [...nodeOptions, bundle, ...args]);
  const { child } = program;
  const log = await eventually(
    () => program.error(),
    (text) => /"msg":"serving"/.test(text) || child.exitCode !== null,
    PATIENCE_MS,
  );
  const url = /"url":"([^"]+)".*"msg":"serving"/.exec(log)?.[1];
  const { pid } = child;
  if (url === undefined || pid === undefined) throw new Error(`the apiserver did not start: ${log}`);
  setNice(pid, SERVER_NICE);
  let cost = processCost(pid);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    url,
    cost: () => {
      try {
        cost = processCost(pid);
      } catch (error) {
        if (!hasEnded()) throw error;
      }
      return cost;
    },
    selfMetrics: () => readSelfMetrics(url, { ca, ...identity }),
    stop: async () => {
      const ended = hasEnded() ? await program.ended : undefined;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await program.ended;
      clearTimeout(timer);
      return { log: program.error(), ended };
    },
  };
}

async function readSelfMetrics(url: string, options: RequestOptions): Promise<Map<string, number>> {
  const values = new Map<string, number>();
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const outgoing = get(`${url}/metrics?own=only`, { ...options, agent: false, signal });
    const [incoming] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream];
    let rest = '';
    for await (const chunk of incoming.setEncoding('utf8')) {
      const text = rest + String(chunk);
      const end = text.lastIndexOf('\n') + 1;
      for (const [, series = '', value] of text.slice(0, end).matchAll(SERIES)) values.set(series, Number(value));
      rest = text.slice(end);
    }
  } catch {
    values.clear(); // the clients tell that it does not answer
  }
  return values;
}
