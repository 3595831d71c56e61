import { request, type IncomingMessage } from 'node:http';
import { errorMessage } from '../../runtime/logger.js';
import { IpamReadError, type IpamReading, type IpamSource } from './source.js';

/** The metrics of ipamd are some 30 KiB. */
const MAX_BYTES = 4 * 1024 * 1024;
const HEADERS = { accept: 'text/plain;version=0.0.4', 'accept-encoding': 'identity' } as const;

export interface EndpointDeps extends Pick<IpamSource, 'name'> {
  readonly url: URL;
  /** @throws {IpamReadError} for what is not metrics at all */
  readonly parse: (body: Uint8Array) => IpamReading;
}

/** Metrics that are served over HTTP, in the text format of Prometheus. The signal ends a request, whatever it is at. */
export function createEndpointSource({ name, url, parse }: EndpointDeps): IpamSource {
  return { name, read: async (signal) => parse(await get(url, signal)) };
}

/** Every request has a connection of its own: one that was kept may be to a process that is no more. */
function get(url: URL, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, headers: HEADERS, signal });
    outgoing.on('error', (error) => reject(readErrorOf(error)));
    outgoing.on('response', (incoming) => {
      bodyOf(incoming)
        .then(resolve, (error: unknown) => reject(readErrorOf(error)))
        .finally(() => outgoing.destroy()); // of what was refused the rest is not read
    });
    outgoing.end();
  });
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  checkHead(incoming);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function checkHead({ statusCode = 0, headers }: IncomingMessage): void {
  if (statusCode === 401 || statusCode === 403) throw new IpamReadError('not_permitted', `it answers ${statusCode}`);
  if (statusCode !== 200) throw new IpamReadError('failed', `it answers ${statusCode}, not 200`);
  const { 'content-encoding': encoding = 'identity', 'content-type': type = 'text/plain' } = headers;
  if (encoding !== 'identity')
    throw new IpamReadError('failed', `it answers in ${encoding}, which it was not asked for`);
  // other forms of metrics are written so much alike that they could be misread
  if (!/^text\/plain\s*(;|$)/i.test(type)) throw new IpamReadError('failed', `it answers in ${type}, not text/plain`);
  const { 'content-length': length, 'transfer-encoding': transfer } = headers;
  if (length === undefined && transfer === undefined) {
    throw new IpamReadError(
      'failed',
      'it does not tell how long its answer is, so that a part would pass for the whole',
    );
  }
  if (Number(length) > MAX_BYTES) throw tooLarge();
}

function tooLarge(): IpamReadError {
  return new IpamReadError('failed', `its answer is larger than ${MAX_BYTES} bytes`);
}

function readErrorOf(error: unknown): IpamReadError {
  if (error instanceof IpamReadError) return error;
  const codes = (error instanceof AggregateError ? error.errors : [error]).map(codeOf);
  const isHttp = !codes.some((code) => code.startsWith('HPE_'));
  const nobodyListens = codes.every((code) => code === 'ECONNREFUSED');
  const message = isHttp ? errorMessage(error) : `its answer is not HTTP: ${errorMessage(error)}`;
  return new IpamReadError(nobodyListens ? 'not_found' : isHttp ? 'unreachable' : 'failed', message, { cause: error });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
