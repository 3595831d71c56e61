import {
  createSecureServer,
  constants,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import { Socket } from 'node:net';
import { ApiError, status } from '../api/errors.js';
import type { KeyPair } from '../tls/key-pair.js';
import { tlsServerOptions } from '../tls/serving-certificate.js';
import {
  endWithStatus,
  LINGER_MS,
  methodNotAllowed,
  sendBareStatus,
  REQUEST_TIMED_OUT,
  statusOfMalformed,
  type ClientError,
} from './bare-answer.js';
import { Connections } from './connections.js';
import { limitConnections, type RefusedConnection } from './limit-connections.js';
import type { Limits } from './limits.js';

export type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

export interface BoundedServerOptions {
  readonly tls: KeyPair;
  readonly methods: readonly string[];
  readonly limits: Limits;
  /** Told of each connection that was closed because it was one too many. */
  readonly onRefused: (refused: RefusedConnection) => void;
}

export interface BoundedServer {
  readonly server: Http2SecureServer;
  readonly connections: Connections;
  /** For `clientError` of the server. */
  readonly onClientError: (error: ClientError, socket: Socket) => void;
}

/** More pairs than a header of the size allowed can have: groups of a user are a pair each, and none may be lost. */
const HEADER_PAIRS = 8_192;
/** HTTP/2 counts 32 bytes more for each header (RFC 9113 6.5.2), and what exceeds its limit gets no answer: the same users fit in either. */
const COUNTED_TWICE = 2;
const CLOSING_MS = 5_000;

/** HTTP/2 and HTTP/1.1 over TLS, bounded in what a client may take and in the time it may take. */
export function createBoundedServer(
  { tls, methods, limits, onRefused }: BoundedServerOptions,
  handler: Handler,
): BoundedServer {
  const server = createSecureServer({
    ...tlsServerOptions(tls),
    allowHTTP1: true,
    handshakeTimeout: limits.handshakeTimeoutMs,
    maxHeaderListPairs: HEADER_PAIRS,
    maxSessionMemory: limits.sessionMemory,
    settings: { maxHeaderListSize: COUNTED_TWICE * limits.headerBytes, maxConcurrentStreams: limits.streamsPerSession },
  });
  // Of HTTP/1.1 Node reads these from the server object alone, for servers of HTTP/2 it takes no such options.
  Object.assign(server, {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    maxHeaderSize: limits.headerBytes,
    maxHeadersCount: 0, // as many as the size allows: at Node's 1,000 it would drop the rest and say nothing
    // At its end Node would take a connection for idle whose answer is handed over and not yet taken; ours are closed by Connections.
    closeIdleConnections: () => undefined,
  });
  const connections = new Connections(server);
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    connections.enter(request, response);
    boundAnswer(request, response, limits.stallTimeoutMs);
    boundRest(request, limits.bodyBytes);
    // The router takes those of its list, and calls any other one an error of its own.
    if (!methods.includes(request.method)) {
      sendBareStatus(response, methodNotAllowed());
      return;
    }
    boundBody(request, limits.requestTimeoutMs);
    handler(request, response);
  });
  server.on('session', (session: ServerHttp2Session) => {
    session.setTimeout(limits.idleTimeoutMs, () => {
      session.close();
      // No request takes as long as that: a stream that is still open has nobody at its other end.
      setTimeout(() => session.destroy(), CLOSING_MS).unref();
    });
  });
  refuseWhatIsNoRequest(server);
  limitConnections(server, limits, onRefused);
  return { server, connections, onClientError: clientErrorHandler(connections) };
}

/** Of a body, on HTTP/2; on HTTP/1.1 Node looks after it. */
function boundBody(request: Http2ServerRequest, timeoutMs: number): void {
  if (request.httpVersionMajor < 2 || request.stream.endAfterHeaders) return;
  const timer = setTimeout(() => {
    // Where nobody listens the body is not read, and the answer does not wait for it.
    if (request.listenerCount('error') > 0) request.emit('error', new ApiError('RequestTimeout', REQUEST_TIMED_OUT));
  }, timeoutMs).unref();
  const clear = (): void => clearTimeout(timer);
  request.once('end', clear);
  request.once('close', clear);
}

/**
 * A body that nobody wanted, on HTTP/2. After its answer Node would keep the stream until the client has said everything; a reset sent at
 * once would overtake the frame that ends the answer, and Go's clients (kubectl, a kube-apiserver) then call the answer broken off.
 */
function boundRest(request: Http2ServerRequest, maxBytes: number): void {
  if (request.httpVersionMajor < 2 || request.stream.endAfterHeaders) return;
  const { stream } = request;
  stream.once('finish', () => {
    if (request.complete) return;
    const close = (): void => stream.close(constants.NGHTTP2_NO_ERROR);
    const linger = setTimeout(close, LINGER_MS).unref();
    stream.once('close', () => clearTimeout(linger));
    let restBytes = maxBytes;
    request.on('data', ({ length }: Buffer) => {
      restBytes -= length;
      if (restBytes < 0) close();
    });
    request.resume();
  });
}

/** However long an answer takes, some of it is to be taken all the time: it is held in memory, and counts as a request in flight. */
function boundAnswer(request: Http2ServerRequest, response: Http2ServerResponse, timeoutMs: number): void {
  response.setTimeout(timeoutMs);
  // Of HTTP/2 Node calls a callback of setTimeout() once, which may be before the headers.
  response.on('timeout', () => {
    if (!response.headersSent) return; // it is not the client that takes its time
    if (request.httpVersionMajor >= 2) request.stream.close(constants.NGHTTP2_CANCEL);
    else request.socket.destroy();
  });
}

/** Node would answer these without a body, or not at all. */
function refuseWhatIsNoRequest(server: Http2SecureServer): void {
  server.on('checkExpectation', (_request: Http2ServerRequest, response: Http2ServerResponse) => {
    sendBareStatus(response, status('ExpectationFailed', 'Expect: only 100-continue is understood'));
  });
  server.on('connect', (_request: Http2ServerRequest, other: Http2ServerResponse | Socket) => {
    if (other instanceof Socket) endWithStatus(other, methodNotAllowed());
    else sendBareStatus(other, methodNotAllowed());
  });
}

/** What is no HTTP at all never becomes a request: the answer goes out on the bare connection. */
function clientErrorHandler(connections: Connections): BoundedServer['onClientError'] {
  const refused = new WeakSet<Socket>();
  return (error, socket) => {
    if (refused.has(socket)) return; // its end is under way, and what still comes is no request either
    refused.add(socket);
    const answer = statusOfMalformed(error);
    // After an answer, this one would be taken for that to the next request.
    const isAwaited = socket.bytesWritten === 0 || connections.isAwaited(socket);
    if (answer === undefined || !socket.writable || !isAwaited) socket.destroy();
    else endWithStatus(socket, answer);
  };
}
