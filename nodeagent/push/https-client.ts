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

export interface HttpsPayload {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpsClientOptions {
  /** PEM of what to trust instead of the system's authorities, asked before each request. */
  readonly ca: () => Promise<string | undefined>;
  readonly timeoutMs: number;
}

/** There was no answer. */
export class PushConnectionError extends Error {
  override readonly name = 'PushConnectionError';
  readonly code = 'NODEAGENT_PUSH_CONNECTION';

  constructor(
    message: string,
    /** It broke on a kept connection, which the other end may have given up while it was idle: that tells nothing of the server. */
    readonly onKeptConnection: boolean,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** POSTs to one server over one kept connection; when what to trust changes, over a new one. */
export class HttpsClient {
  readonly #url: URL;
  #agent: Agent;
  #ca: string | undefined;
  readonly #options: HttpsClientOptions;

  constructor(url: URL, options: HttpsClientOptions) {
    this.#url = url;
    this.#options = options;
    this.#agent = createAgent(undefined);
  }

  /**
   * @param compose makes what to send, once there is a connection for it: on a kept one it reaches the same process as the last one.
   *   For a server that cannot be reached it is not called
   * @throws {PushConnectionError} when there was no answer within the timeout
   */
  async post(
    path: string,
    compose: (isKept: boolean) => Promise<HttpsPayload>,
    signal: AbortSignal,
  ): Promise<HttpsAnswer> {
    const { ca, timeoutMs } = this.#options;
    this.#trust(await ca());
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, this.#url), options);
      const fail = (error: Error): void => {
        const isTimeout = error.name === 'AbortError' || error.name === 'TimeoutError';
        const message = isTimeout ? `no answer within ${timeoutMs} ms` : error.message;
        outgoing.destroy();
        reject(new PushConnectionError(message, outgoing.reusedSocket && !isTimeout, { cause: error }));
      };
      outgoing.on('error', fail);
      const send = (): void => {
        compose(outgoing.reusedSocket).then(({ headers, body }) => {
          if (outgoing.destroyed) return;
          for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
          outgoing.setHeader('content-length', body.length);
          outgoing.end(body);
        }, fail);
      };
      outgoing.on('socket', (socket) => {
        if (outgoing.reusedSocket) send();
        else socket.once('secureConnect', send);
      });
      outgoing.on('response', (incoming) => {
        readAnswer(incoming).then((text) => resolve({ statusCode: incoming.statusCode ?? 0, body: text }), fail);
      });
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #trust(ca: string | undefined): void {
    if (ca === this.#ca) return;
    this.#ca = ca;
    this.#agent.destroy();
    this.#agent = createAgent(ca);
  }
}

function createAgent(ca: string | undefined): Agent {
  const options = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1, timeout: IDLE_TIMEOUT_MS };
  return new Agent({ ...options, ...(ca !== undefined && { ca }) });
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
