import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';

/** A server's answer is small; more than this is not one. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Longer than any interval, so that a connection lives from push to push. */
const IDLE_TIMEOUT_MS = 600_000;

export interface HttpsAnswer {
  readonly statusCode: number;
  readonly body: string;
}

export interface HttpsClientOptions {
  /** PEM of what to trust instead of the system's authorities. */
  readonly ca?: string | undefined;
  readonly timeoutMs: number;
}

/** The connection broke before an answer: whether an idle one that the other end had already given up. */
export class PushConnectionError extends Error {
  override readonly name = 'PushConnectionError';
  readonly code = 'NODEAGENT_PUSH_CONNECTION';

  constructor(
    message: string,
    readonly wasReused: boolean,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** POSTs to one server over one kept connection. */
export class HttpsClient {
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #options: HttpsClientOptions;

  constructor(url: URL, options: HttpsClientOptions) {
    this.#url = url;
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1, timeout: IDLE_TIMEOUT_MS });
  }

  /** Whether the next request goes out on the connection of the last one, and so reaches the same process. */
  get isConnected(): boolean {
    return Object.values(this.#agent.freeSockets).some((sockets) => sockets !== undefined && sockets.length > 0);
  }

  /** @throws {PushConnectionError} when there was no answer within the timeout */
  async post(
    path: string,
    { headers, body, signal }: { headers: Record<string, string>; body: Buffer; signal: AbortSignal },
  ): Promise<HttpsAnswer> {
    const { ca, timeoutMs } = this.#options;
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      headers: { ...headers, 'content-length': body.length },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      ...(ca !== undefined && { ca }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, this.#url), options);
      const fail = (error: Error): void => {
        const message =
          error.name === 'AbortError' || error.name === 'TimeoutError'
            ? `no answer within ${timeoutMs} ms`
            : error.message;
        reject(new PushConnectionError(message, outgoing.reusedSocket, { cause: error }));
      };
      outgoing.on('error', fail);
      outgoing.on('response', (incoming) => {
        readAnswer(incoming).then((text) => resolve({ statusCode: incoming.statusCode ?? 0, body: text }), fail);
      });
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function readAnswer(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new RangeError(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
