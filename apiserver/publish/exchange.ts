import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Answers of AWS are a few hundred bytes; those with credentials some kilobytes. */
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

/** As the SDK has it. */
interface OutgoingRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/**
 * How the SDK's client does HTTP, in place of its own way, which does not tell whether a request that failed had been sent. One connection
 * a request: on one that was kept for a minute it could not be told from the other end's giving it up. The SDK fetches credentials
 * over it, too.
 */
export class Exchanges {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #timeoutMs: number;
  readonly #progress = new WeakMap<object, Progress>();

  /** @param timeoutMs of requests that come without a signal */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Progress of the request that is sent with this signal. */
  follow(signal: AbortSignal): Progress {
    const progress: Progress = { isBegun: false, isSent: false };
    this.#progress.set(signal, progress);
    return progress;
  }

  async handle(
    outgoing: OutgoingRequest,
    { abortSignal }: { readonly abortSignal?: object } = {},
  ): Promise<{ response: Answer }> {
    const signal = abortSignal instanceof AbortSignal ? abortSignal : AbortSignal.timeout(this.#timeoutMs);
    signal.throwIfAborted();
    const progress = this.#progress.get(signal) ?? { isBegun: true, isSent: false };
    progress.isBegun = true;
    return { response: await exchange(outgoing, signal, progress) };
  }

  /** The SDK would set its own handler's options so; there are none here. */
  updateHttpClientConfig(): void {
    return;
  }

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

async function exchange(outgoing: OutgoingRequest, signal: AbortSignal, progress: Progress): Promise<Answer> {
  const { hostname, port, method, headers } = outgoing;
  const body = bodyOf(outgoing.body);
  const isSecure = outgoing.protocol === 'https:';
  const sent = (isSecure ? httpsRequest : httpRequest)({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port !== undefined && { port }),
    ...{ path: pathOf(outgoing), method, headers, signal, agent: false },
  });
  sent.on('socket', (socket) => {
    socket.once(isSecure ? 'secureConnect' : 'connect', () => (progress.isSent = true));
  });
  const response = responseOf(sent);
  sent.end(body);
  const answer = await response;
  const statusCode = answer.statusCode ?? 0;
  progress.statusCode = statusCode;
  return { statusCode, headers: flatten(answer), body: await readBody(answer) };
}

function responseOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => sent.on('response', resolve).on('error', reject));
}

/** @throws {RangeError} when it is too long; {Error} of the system when it breaks off */
async function readBody(answer: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function flatten({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function pathOf({ path, query = {} }: OutgoingRequest): string {
  const pairs = Object.entries(query).flatMap(([key, values]) =>
    [values].flat().map((value) => [key, ...(value === null ? [] : [value])].map(encodeURIComponent).join('=')),
  );
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

function bodyOf(body: unknown): string | Uint8Array | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body;
  throw new TypeError('a request to AWS that is neither text nor bytes');
}
