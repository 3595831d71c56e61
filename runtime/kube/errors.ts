import type { IncomingMessage } from 'node:http';
import { errorMessage } from '../logger.js';
import { KubeError, type KubeRequest } from './api.js';
import { readText } from './body.js';

/** A `Status` is small; more than this is not one. */
const MAX_ERROR_BYTES = 1024 * 1024;

/** An answer whose body is still to be read. */
export interface Answer {
  readonly incoming: IncomingMessage;
  /** With which it was asked for. */
  readonly token: string | undefined;
}

/** The request did not reach a server, or its answer did not come back. */
export class BrokenConnection extends Error {
  constructor(
    override readonly cause: Error,
    /** It was a kept connection, which the other end may have given up meanwhile: that tells nothing of the server. */
    readonly wasKept: boolean,
  ) {
    super(cause.message);
  }
}

/** What the server said instead of a 2xx. */
export async function refusal({ incoming, token }: Answer, request: KubeRequest): Promise<KubeError> {
  const { statusCode = 0, headers } = incoming;
  const text = await readText(incoming, MAX_ERROR_BYTES);
  const isJson = /^application\/json\b/.test(headers['content-type'] ?? '');
  const { message, reason } = isJson ? statusOf(parseJson(text)) : { message: '', reason: '' };
  const said = [reason, message === '' && !isJson ? text.slice(0, 200) : message]
    .filter((part) => part !== '')
    .join(': ');
  const shown = token === undefined ? said : said.replaceAll(token, '<token>');
  return new KubeError(`${describe(request)}: HTTP ${statusCode} ${shown}`.trimEnd(), statusCode, reason);
}

/** What a `Status` says, empty where it says nothing. */
export function statusOf(body: unknown): { message: string; reason: string; code: number } {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  if (typeof body !== 'object' || body === null) return { message: '', reason: '', code: 0 };
  return {
    message: 'message' in body ? text(body.message) : '',
    reason: 'reason' in body ? text(body.reason) : '',
    code: 'code' in body && typeof body.code === 'number' ? body.code : 0,
  };
}

/** Whatever went wrong, as one error that names the request. */
export function explain(error: unknown, request: KubeRequest, timeout: string | undefined): KubeError {
  if (error instanceof KubeError) return error;
  const cause = error instanceof BrokenConnection ? error.cause : error;
  const why = request.signal?.aborted === true ? 'stopped' : (timeout ?? errorMessage(cause));
  return new KubeError(`${describe(request)}: ${why}`, undefined, '', { cause });
}

/** Without the query: it may hold a token of a list, and says little to people. */
function describe({ method, path }: KubeRequest): string {
  return `${method} ${path.replace(/\?.*$/s, '')}`;
}

/** @throws {SyntaxError} without the text, which may be secret */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError('the answer is not JSON');
  }
}
