// Asks for something over and over, in a process of its own and so in a network namespace of its own: what agents dial each other for, and
// what Prometheus scrapes a blackbox exporter for. Reads what to do from standard input; prints what came of it, a line a second.
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import process from 'node:process';
import { text } from 'node:stream/consumers';

/** One of many, each at a time of its own. */
export interface Task {
  /** By what it is counted. */
  readonly what: string;
  /** tcp://host:port is connected to; http://… is a probe of a blackbox exporter. */
  readonly url: string;
  readonly everyMs: number;
}

/** Since the start, by `what`. */
export type Driven = Readonly<Record<string, { readonly good: number; readonly bad: number }>>;

const CONNECT_TIMEOUT_MS = 5_000;

if (process.argv[1]?.endsWith('probe-driver.js') === true) drive(JSON.parse(await text(process.stdin)) as Task[]);

/** Until the process is killed. */
function drive(tasks: readonly Task[]): void {
  const driven: Record<string, { good: number; bad: number }> = {};
  const agent = new Agent({ keepAlive: true }); // as Prometheus does
  for (const [i, { what, url, everyMs }] of tasks.entries()) {
    const counts = (driven[what] ??= { good: 0, bad: 0 });
    const once_ = async (): Promise<void> => {
      const isGood = await (url.startsWith('tcp:') ? isReached(url) : isProbed(url, agent)).catch(() => false);
      counts[isGood ? 'good' : 'bad']++;
    };
    const start = (): void => {
      void once_();
      setInterval(() => void once_(), everyMs);
    };
    setTimeout(start, (everyMs * (i + 0.5)) / tasks.length);
  }
  setInterval(() => process.stdout.write(`${JSON.stringify(driven)}\n`), 1_000);
}

async function isReached(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return true;
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}

async function isProbed(url: string, agent: Agent): Promise<boolean> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  return (await text(response)).includes('\nprobe_success 1\n');
}
