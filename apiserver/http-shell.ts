import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { LogController, type FastifyBaseLogger } from 'fastify';
import type { Logger } from '../runtime/logger.js';
import type { App, Reply, Request } from './api/app-types.js';
import { ApiError, METHOD_NOT_ALLOWED, RESOURCE_NOT_FOUND, status, statusOf } from './api/errors.js';
import { wantsIndent } from './api/indent.js';
import { DOCUMENTATION_ONLY, HIDDEN } from './api/route-list.js';
import type { KeyPair } from './tls/key-pair.js';
import { tlsServerOptions } from './tls/serving-certificate.js';

/** Header, URL and time limits (contract, section 8). Names go to 253 characters; Go keeps idle connections for 90 s. */
const LIMITS = {
  paramLength: 512,
  headerPairs: 8_192,
  headerListBytes: 65_535,
  bodyBytes: 64 * 1024,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 95_000,
} as const;

const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export interface ShellOptions {
  readonly tls: KeyPair;
  readonly log: Logger;
}

/** A server without routes: HTTP/2 and HTTP/1.1 over TLS, bounded, whose every answer is JSON and every error a `Status`. */
export function createShell({ tls, log }: ShellOptions): App {
  const loggerInstance: FastifyBaseLogger = log;
  const app: App = Fastify({
    http2: true,
    https: {
      ...tlsServerOptions(tls),
      allowHTTP1: true,
      maxHeaderListPairs: LIMITS.headerPairs,
      settings: { maxHeaderListSize: LIMITS.headerListBytes },
    },
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    schemaController: DOCUMENTATION_ONLY,
    bodyLimit: LIMITS.bodyBytes,
    requestTimeout: LIMITS.requestTimeoutMs,
    keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: LIMITS.paramLength },
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, request, reply) => sendError(error, request as Request, reply as Reply),
  });
  addAnswerShape(app);
  return app;
}

/** Errors are `Status`, bodies are JSON with a line end, other methods of a known path are 405. */
function addAnswerShape(app: App): void {
  app.addHook('onRoute', ({ method, url }) => {
    const served: readonly string[] = Array.isArray(method) ? method : [method];
    if (served.includes('OPTIONS')) return; // this is the route made below
    app.route({
      method: ALL_METHODS.filter((one) => !served.includes(one)),
      url,
      schema: HIDDEN,
      // Before a body is looked at: what is wrong with it does not matter here.
      onRequest: (_request, reply, _done) => {
        void reply.code(405).send(status('MethodNotAllowed', METHOD_NOT_ALLOWED, {}));
      },
      handler: () => undefined,
    });
  });
  app.addHook('onRequest', (request, reply, done) => {
    const spaces = wantsIndent(request) ? 2 : 0;
    reply.serializer((payload) =>
      typeof payload === 'string' ? payload : `${JSON.stringify(payload, null, spaces)}\n`,
    );
    void reply.header('content-type', 'application/json; charset=utf-8');
    done();
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(status('NotFound', RESOURCE_NOT_FOUND, {})));
  app.setErrorHandler(sendError);
}

function sendError(error: unknown, request: Request, reply: Reply): void {
  const answer = statusOf(error);
  // What an ApiError says was meant to be answered; whoever throws one for a failure has logged the failure.
  if (answer.code >= 500 && !(error instanceof ApiError))
    request.log.error({ err: error, url: request.url }, 'request failed');
  void reply.code(answer.code).type('application/json; charset=utf-8').send(answer);
}

/** What is no HTTP at all never becomes a request: the answer goes out on the bare connection. */
function answerMalformed(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const answer = isTooLarge
    ? status('RequestHeaderFieldsTooLarge', 'the URL or the headers of the request are too large')
    : status('BadRequest', 'the request is not HTTP');
  const body = `${JSON.stringify(answer)}\n`;
  const reason = STATUS_CODES[answer.code] ?? '';
  socket.end(
    `HTTP/1.1 ${answer.code} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
