import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setImmediate } from 'node:timers/promises';
import { errorMessage } from '../../runtime/logger.js';

/** A server's answer is small; more than this is not one. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Longer than any interval, so that a connection lives from push to push. */
const IDLE_TIMEOUT_MS = 600_000;
const WRITTEN_AT_A_TIME = 64 * 1024;
const FIRST_REFUSAL = 400;

export interface HttpsAnswer {
  readonly statusCode: number;
  /** The header, as it came. */
  readonly retryAfter?: string;
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
  /** What the certificate of the server has to be for; the host of the URL where nothing is said. */
  readonly certifiedName?: string;
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
    const { ca, timeoutMs, certifiedName } = this.#options;
    this.#trust(await ca());
    // A signal of its own: AbortSignal.any() leaves something behind in a signal that lives on, at every request.
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(abort, timeoutMs).unref();
    const outgoing = request(new URL(path, this.#url), {
      method: 'POST',
      agent: this.#agent,
      signal: controller.signal,
      // stated, because NODE_TLS_REJECT_UNAUTHORIZED could say otherwise
      rejectUnauthorized: true,
      ...(certifiedName !== undefined && { servername: certifiedName }),
    });
    const response = responseOf(outgoing);
    let isComposed = false;
    try {
      await Promise.race([connectionOf(outgoing), response]);
      const payload = await compose(outgoing.reusedSocket);
      isComposed = true;
      await writeRequest(outgoing, payload, response);
      return await readAnswer(await response);
    } catch (error) {
      const isTimeout = controller.signal.aborted;
      const message = isTimeout ? `no answer within ${timeoutMs} ms` : errorMessage(error);
      throw new PushConnectionError(message, outgoing.reusedSocket && isComposed && !isTimeout, { cause: error });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (!outgoing.writableEnded) outgoing.destroy(); // the other end waits for the rest
    }
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

function responseOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => outgoing.on('response', resolve).on('error', reject));
}

/** Until then nothing is known of the other end, and nothing is worth any work. */
function connectionOf(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    outgoing.on('socket', (socket) => {
      if (outgoing.reusedSocket) resolve();
      else socket.once('secureConnect', resolve);
    });
  });
}

/** Stops when the answer comes first: a server that refuses what is too large says so before it has read all, and hangs up. */
async function writeRequest(
  outgoing: ClientRequest,
  { headers, body }: HttpsPayload,
  response: Promise<IncomingMessage>,
): Promise<void> {
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  outgoing.setHeader('content-length', body.length);
  for (let at = 0; at < body.length; at += WRITTEN_AT_A_TIME) {
    if (outgoing.write(body.subarray(at, at + WRITTEN_AT_A_TIME))) continue;
    const hasRoom = once(outgoing, 'drain').then(() => nextTurn(true));
    if (!(await Promise.race([hasRoom, response.then(() => false)]))) return;
  }
  outgoing.end();
}

/** Behind what has arrived by now: a write to a connection that was closed would destroy an answer that waits to be read. */
async function nextTurn<T>(value: T): Promise<T> {
  await setImmediate();
  return setImmediate(value);
}

async function readAnswer(incoming: IncomingMessage): Promise<HttpsAnswer> {
  const statusCode = incoming.statusCode ?? 0;
  const retryAfter = incoming.headers['retry-after'];
  const head = { statusCode, ...(retryAfter !== undefined && { retryAfter }) };
  try {
    return { ...head, body: await readText(incoming) };
  } catch (error) {
    if (statusCode < FIRST_REFUSAL) throw error;
    return { ...head, body: errorMessage(error) }; // the code tells enough
  }
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new RangeError(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
