import { METHODS, STATUS_CODES } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { Status } from '../../openapi/kubernetes.js';
import { METHOD_NOT_ALLOWED, status } from '../api/errors.js';

/** So that the answer is read before the end of the connection throws away what is still under way. */
export const LINGER_MS = 1_000;
const CONTENT_TYPE = 'application/json; charset=utf-8';
/** RFC 9110 5.6.2, and the space that follows it in a request line. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ /;
const FIRST_BYTES = 64;
export const REQUEST_TIMED_OUT = 'the request did not come to its end in time';

/** Answers a request that has a response but shall not reach any route. */
export function sendBareStatus(response: Http2ServerResponse, answer: Status): void {
  response.statusCode = answer.code;
  response.setHeader('content-type', CONTENT_TYPE);
  response.end(`${JSON.stringify(answer)}\n`);
}

/** Answers on the bare connection, and ends it. */
export function endWithStatus(socket: Socket, answer: Status): void {
  const body = `${JSON.stringify(answer)}\n`;
  const reason = STATUS_CODES[answer.code] ?? '';
  socket.end(
    `HTTP/1.1 ${answer.code} ${reason}\r\ncontent-type: ${CONTENT_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  socket.resume();
  const linger = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(linger));
}

export interface ClientError extends Error {
  readonly code?: string | undefined;
  /** What the parser was given, a Buffer. */
  readonly rawPacket?: unknown;
}

/** The `Status` of what never became a request; undefined where nobody speaks HTTP or listens any more. */
export function statusOfMalformed({ code = '', rawPacket }: ClientError): Status | undefined {
  if (code === 'ECONNRESET' || /^ERR_(SSL|TLS)_/.test(code)) return undefined;
  if (code === 'HPE_HEADER_OVERFLOW')
    return status('RequestHeaderFieldsTooLarge', 'the URL or the headers of the request are too large');
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return status('RequestEntityTooLarge', 'the extensions of a chunk of the body are too large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return status('RequestTimeout', REQUEST_TIMED_OUT);
  if (code === 'HPE_INVALID_METHOD' && isUnknownMethod(rawPacket)) return methodNotAllowed();
  return status('BadRequest', 'the request is not HTTP');
}

export function methodNotAllowed(): Status {
  return status('MethodNotAllowed', METHOD_NOT_ALLOWED, {});
}

/** A method may be any token; the parser of HTTP/1.1 knows those of a list. */
function isUnknownMethod(packet: unknown): boolean {
  const method = TOKEN.exec(Buffer.isBuffer(packet) ? packet.toString('latin1', 0, FIRST_BYTES) : '')?.[0].trimEnd();
  return method !== undefined && !METHODS.includes(method);
}
