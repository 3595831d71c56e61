import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';

export interface Answer {
  readonly statusCode: number;
  readonly body: Buffer;
}

/** A whole answer has to be there by then. */
export const TIMEOUT_MS = 30_000;

/**
 * Asks over one of the connections of an agent. A kept connection that the server had closed tells nothing of it: once, the question
 * goes out again, as every client does.
 * @throws {Error} when there is no whole answer in time
 */
export async function ask(url: URL, options: RequestOptions): Promise<Answer> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await askOnce(url, { ...options, signal: deadline });
  } catch (error) {
    if (deadline.aborted) throw new Error(`no whole answer within ${TIMEOUT_MS} ms`, { cause: error });
    if (!(error instanceof StaleConnectionError)) throw error;
    return askOnce(url, { ...options, signal: deadline });
  }
}

class StaleConnectionError extends Error {}

async function askOnce(url: URL, options: RequestOptions): Promise<Answer> {
  const outgoing = request(url, options).end();
  try {
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    return { statusCode: incoming.statusCode ?? 0, body: Buffer.concat(chunks) };
  } catch (error) {
    const isClosed = error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
    if (isClosed && outgoing.reusedSocket) throw new StaleConnectionError(error.message, { cause: error });
    throw error;
  }
}
