import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { CloudWatchClientConfig, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';

/** Answers of CloudWatch are a few hundred bytes. */
const MAX_ANSWER_BYTES = 256 * 1_024;

/** How far a request came: what was never sent was never taken. */
export interface Progress {
  /** What it needs (credentials) was there, and the connection was asked for. */
  isBegun: boolean;
  /** The connection stood. From then on the other end may have read all of it. */
  isSent: boolean;
  /** Of the answer, as soon as it began. */
  statusCode?: number;
}

interface Followed {
  readonly progress: Progress;
  readonly mayGo: () => boolean;
}

/** Whose connections are made; nobody's are those over which the SDK fetches credentials. */
const FOLLOWED = new AsyncLocalStorage<Followed>();

/**
 * How the SDK's client does HTTP: a connection for each request, which are watched. On one that was kept for a minute it could not be told
 * whether the other end had given it up before the request or after.
 * @param timeoutMs of requests that nobody follows
 */
export function watchedConnections(timeoutMs: number): NonNullable<CloudWatchClientConfig['requestHandler']> {
  return {
    httpAgent: new WatchedHttpAgent({ keepAlive: false }),
    httpsAgent: new WatchedHttpsAgent({ keepAlive: false }),
    ...{ connectionTimeout: timeoutMs, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
  };
}

/**
 * Progress of a request that is about to be sent.
 * @param mayGo - asked when the connection stands, before the first byte of the request: much later than when it was begun, if the
 * process was stopped meanwhile
 */
export function follow(command: PutMetricDataCommand, mayGo: () => boolean): Progress {
  const progress: Progress = { isBegun: false, isSent: false };
  command.middlewareStack.add(
    (next) => (args) =>
      FOLLOWED.run({ progress, mayGo }, async () => {
        progress.isBegun = true;
        const output = await next(args);
        const response = output.response as { readonly statusCode: number; body: AsyncIterable<Buffer> | Buffer };
        progress.statusCode = response.statusCode;
        response.body = await readBody(response.body as AsyncIterable<Buffer>);
        return output;
      }),
    { step: 'deserialize', priority: 'low', name: 'follow' }, // low: next to the connection, behind the credentials
  );
  return progress;
}

class WatchedHttpAgent extends HttpAgent {
  override createConnection(...args: Parameters<HttpAgent['createConnection']>): Duplex | null | undefined {
    return watched(super.createConnection(...args), 'connect');
  }
}

class WatchedHttpsAgent extends HttpsAgent {
  override createConnection(...args: Parameters<HttpsAgent['createConnection']>): Duplex | null | undefined {
    return watched(super.createConnection(...args), 'secureConnect');
  }
}

/** @param standing - the event after which the request is written */
function watched(socket: Duplex | null | undefined, standing: string): Duplex | null | undefined {
  const followed = FOLLOWED.getStore();
  if (followed === undefined) return socket;
  return socket?.once(standing, () => {
    if (followed.mayGo()) followed.progress.isSent = true;
    else socket.destroy(new Error('another replica may publish by now'));
  });
}

/** @throws {RangeError} when it is too long; {Error} of the system when it breaks off */
async function readBody(answer: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
