import { createHash } from 'node:crypto';
import type { Reply, Request } from './app-types.js';
import { wantsIndent } from './indent.js';

interface Rendered {
  readonly body: Buffer;
  /** Quoted; strong, as the two forms differ in their bytes. */
  readonly etag: string;
}

/** A document that does not change while the server runs: serialised once, so that answering it costs nothing. */
export interface StaticDocument {
  /** Upper-case hex SHA-512 of the compact form, as Kubernetes writes it. */
  readonly hash: string;
  readonly compact: Rendered;
  readonly indented: Rendered;
}

export interface DocumentHeaders {
  /** Sent to the letter: clients compare it (contract, section 8). */
  readonly contentType: string;
  readonly cacheControl: string;
  readonly expires?: string;
}

export const PLAIN_JSON: DocumentHeaders = { contentType: 'application/json', cacheControl: 'no-cache, private' };

export function renderDocument(content: object): StaticDocument {
  const form = (spaces: number) => {
    const body = Buffer.from(`${JSON.stringify(content, null, spaces)}\n`);
    const hash = createHash('sha512').update(body).digest('hex').toUpperCase();
    return { hash, rendered: { body, etag: `"${hash}"` } };
  };
  const compact = form(0);
  return { hash: compact.hash, compact: compact.rendered, indented: form(2).rendered };
}

/** Sends the document, or 304 to who has it already. */
export function sendDocument(
  request: Request,
  reply: Reply,
  document: StaticDocument,
  headers: DocumentHeaders,
): Reply {
  const { body, etag } = wantsIndent(request) ? document.indented : document.compact;
  void reply.header('etag', etag).header('cache-control', headers.cacheControl).header('vary', 'Accept');
  if (headers.expires !== undefined) void reply.header('expires', headers.expires);
  if (hasAlready(request.headers['if-none-match'], etag)) return reply.removeHeader('content-type').code(304).send();
  // Of a string fastify would rewrite the type; of a Buffer it leaves it.
  return reply.header('content-type', headers.contentType).send(body);
}

/** RFC 9110 13.1.2: a list of tags or `*`, compared weakly. */
function hasAlready(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((one) => {
    const tag = one.trim();
    return tag === '*' || tag === etag || tag === `W/${etag}`;
  });
}
