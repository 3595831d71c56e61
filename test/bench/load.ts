// A client in a process of its own: so many connections, each with one request after the other. Reads what to do from standard input,
// prints what came of it.
import { request, Agent } from 'node:https';
import process from 'node:process';
import { text } from 'node:stream/consumers';

/** What to send, and for how long. */
export interface LoadPlan {
  readonly url: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly connections: number;
  readonly durationMs: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of one answer. */
  readonly bytes: number;
  readonly codes: Readonly<Record<string, number>>;
}

if (process.argv[1]?.endsWith('load.js') === true) {
  process.stdout.write(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as LoadPlan)));
}

async function run({ connections, durationMs, ...plan }: LoadPlan): Promise<LoadResult> {
  const times: number[] = [];
  const codes: Record<string, number> = {};
  let bytes = 0;
  const startedMs = performance.now();
  const isOver = (): boolean => performance.now() - startedMs > durationMs;
  const { url, ca, cert, key, headers } = plan;
  const loop = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, cert, key });
    while (!isOver()) {
      const sentMs = performance.now();
      const answer = await ask(url, agent, headers);
      times.push(performance.now() - sentMs);
      codes[answer.code] = (codes[answer.code] ?? 0) + 1;
      bytes = answer.bytes;
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: connections }, loop));
  const seconds = (performance.now() - startedMs) / 1_000;
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.floor(times.length * q)] ?? NaN;
  return { perSecond: times.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), bytes, codes };
}

function ask(url: string, agent: Agent, headers: LoadPlan['headers']): Promise<{ code: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers: { ...headers } }, (incoming) => {
      let bytes = 0;
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length));
      incoming.on('end', () => resolve({ code: incoming.statusCode ?? 0, bytes }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
