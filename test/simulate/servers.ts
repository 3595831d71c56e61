import { once } from 'node:events';
import { get } from 'node:https';
import { processCost, type ProcessCost } from '../bench/process-cost.js';
import { run } from '../support/bundle.js';
import { eventually } from '../support/programs.js';

/** An apiserver in a process of its own, as it is shipped. */
export interface SimServer {
  readonly url: string;
  readonly pid: number;
  cost(): ProcessCost;
  /** What it tells of itself, by series as it is written. */
  selfMetrics(): Promise<ReadonlyMap<string, number>>;
  /** @returns what it logged */
  stop(): Promise<string>;
}

const SERIES = /^(podnet_apiserver_\w+(?:\{[^}]*\})?) (\S+)$/gm;

/** @param flags besides those that make it standalone, on a free port */
export async function startServer(bundle: string, flags: readonly string[], ca: string): Promise<SimServer> {
  const args = ['apiserver', '--standalone', '--secure-port', '0', '--log-level', 'info', ...flags];
  const program = run(process.execPath, [bundle, ...args]);
  const log = await eventually(
    () => program.error(),
    (text) => /"msg":"serving"/.test(text) || program.child.exitCode !== null,
    30_000,
  );
  const url = /"url":"([^"]+)".*"msg":"serving"/.exec(log)?.[1];
  const { pid } = program.child;
  if (url === undefined || pid === undefined) throw new Error(`the apiserver did not start: ${log}`);
  return {
    ...{ url, pid, cost: () => processCost(pid) },
    selfMetrics: () => readSelfMetrics(url, ca),
    stop: async () => {
      program.child.kill('SIGTERM');
      await program.ended;
      return program.error();
    },
  };
}

/** What a server tells of itself goes with a scrape of everything; of that nothing is kept. */
async function readSelfMetrics(url: string, ca: string): Promise<Map<string, number>> {
  const outgoing = get(`${url}/metrics`, { ca, agent: false });
  const [incoming] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream];
  const values = new Map<string, number>();
  let rest = '';
  for await (const chunk of incoming.setEncoding('utf8')) {
    const text = rest + String(chunk);
    const end = text.lastIndexOf('\n') + 1;
    for (const [, series = '', value] of text.slice(0, end).matchAll(SERIES)) values.set(series, Number(value));
    rest = text.slice(end);
  }
  return values;
}
