import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readText } from '../runtime/kube/body.js';
import { Deadline } from '../runtime/kube/deadline.js';
import { parseJson, statusOf } from '../runtime/kube/errors.js';
import { errorMessage } from '../runtime/logger.js';
import { StartError } from '../runtime/start-error.js';
import type { ScrapeTarget } from './scrape-target.js';

export interface ScrapeRequest extends ScrapeTarget {
  readonly accept: string;
  /** Until the answer begins, and for its longest silence. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** 5,000 nodes of 60 interfaces are 623 MiB (docs/benchmarks.md): more than this is no scrape, whatever its gzip says. */
const MAX_BYTES = 16 * 1024 ** 3;
/** What a refusal is told by is a `Status`. */
const MAX_REFUSAL_BYTES = 65_536;
/** The longest that a timer can wait: while the reader takes his time, nobody is late. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * One scrape, handed on as it comes.
 * @throws {StartError} also in the middle, when what was written is only a part
 */
export async function scrape(request: ScrapeRequest, write: (bytes: Uint8Array) => Promise<boolean>): Promise<void> {
  const { url, timeoutMs, signal } = request;
  const deadline = new Deadline(timeoutMs, signal);
  const outgoing = send(request, deadline.signal);
  let length = 0;
  try {
    const incoming = await answerTo(outgoing);
    await checkAnswer(incoming);
    for await (const chunk of bodyOf(incoming)) {
      length += chunk.length;
      if (length > MAX_BYTES) throw new RangeError(`the answer is larger than ${MAX_BYTES} bytes`);
      deadline.change(NO_TIMEOUT_MS);
      if (!(await write(chunk))) return;
      deadline.change(timeoutMs);
    }
  } catch (error) {
    const late = length === 0 ? `no answer within ${timeoutMs} ms: give --timeout` : `nothing came for ${timeoutMs} ms`;
    const why = signal.aborted ? 'stopped' : deadline.hasPassed ? late : explain(error);
    const part = length === 0 ? '' : `; what was printed, ${length} bytes, is a part of it`;
    throw new StartError(`${shown(url)}: ${why}${part}`, { cause: error });
  } finally {
    deadline.close();
    outgoing.destroy();
  }
}

function send({ url, certifiedName, ca, token, accept }: ScrapeRequest, signal: AbortSignal): ClientRequest {
  const headers = {
    ...{ accept, 'accept-encoding': 'gzip' },
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  if (url.protocol === 'http:') return httpRequest(url, { agent: false, headers, signal }).end();
  return httpsRequest(url, {
    ...{ agent: false, headers, signal },
    // stated, because NODE_TLS_REJECT_UNAUTHORIZED could say otherwise
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
    ...(certifiedName !== undefined && { servername: certifiedName }),
  }).end();
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => outgoing.on('response', resolve).on('error', reject));
}

/** @throws {StartError} for whatever is no exposition, with what the other end says */
async function checkAnswer(incoming: IncomingMessage): Promise<void> {
  const { statusCode = 0, headers } = incoming;
  const type = headers['content-type'] ?? '';
  if (statusCode === 200) {
    if (/^(text\/plain|application\/openmetrics-text)\b/.test(type)) return;
    throw new StartError(
      `the answer is no metrics but "${type.slice(0, 100)}": is this a server or an agent of podnet?`,
    );
  }
  const text = (await readText(incoming, MAX_REFUSAL_BYTES)).trim();
  const said = type.startsWith('application/json') ? statusOf(parseJson(text)).message : text.slice(0, 200);
  throw new StartError(
    `HTTP ${statusCode}${said === '' ? '' : ` ${said}`}${wayOut(statusCode, headers['retry-after'])}`,
  );
}

function wayOut(statusCode: number, retryAfter = '1'): string {
  switch (statusCode) {
    case 401:
      return ': give --token-file with a token of this cluster';
    case 403:
      return ': its user has to be allowed get of the path /metrics (ClusterRole podnet-metrics-reader), or give another --token-file';
    case 429:
      return `: try again in ${retryAfter} s`;
    default:
      return '';
  }
}

/** A gzip that is cut off is an error, as is a connection that ends before the answer does. */
function bodyOf(incoming: IncomingMessage): AsyncIterable<Buffer> {
  if (incoming.headers['content-encoding'] !== 'gzip') return incoming;
  // what fails is told by the stream that is read
  return pipeline(incoming, createGunzip(), () => undefined);
}

function explain(error: unknown): string {
  if (error instanceof StartError) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another name: ${errorMessage(error)}: give --service, or --server with a name that it has`;
  }
  if (/CERT|ISSUER|SIGNATURE/.test(code)) {
    return `its certificate cannot be verified: ${errorMessage(error)}: give --server-ca-file with its authority`;
  }
  return errorMessage(error);
}

function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
