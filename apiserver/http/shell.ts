import Fastify, { LogController, type FastifyBaseLogger } from 'fastify';
import type { Logger } from '../../runtime/logger.js';
import type { App, Reply, Request } from '../api/app-types.js';
import { ApiError, RESOURCE_NOT_FOUND, status, statusOf } from '../api/errors.js';
import { wantsIndent } from '../api/indent.js';
import { DOCUMENTATION_ONLY, HIDDEN } from '../api/route-list.js';
import type { KeyPair } from '../tls/key-pair.js';
import { methodNotAllowed } from './bare-answer.js';
import type { Connections } from './connections.js';
import type { RefusedConnection } from './limit-connections.js';
import { LIMITS, type Limits } from './limits.js';
import { createBoundedServer, type Handler } from './server.js';

/** In the words of kube-apiserver. */
const TIMED_OUT = 'Timeout: request did not complete within the allotted timeout';
const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export interface ShellOptions {
  readonly tls: KeyPair;
  readonly log: Logger;
  readonly limits?: Limits;
  /** Told of each connection that was closed because it was one too many. */
  readonly onRefused?: (refused: RefusedConnection) => void;
}

export interface Shell {
  readonly app: App;
  readonly connections: Connections;
}

/** A server without routes: HTTP/2 and HTTP/1.1 over TLS, bounded, whose every answer is JSON and every error a `Status`. */
export function createShell({ tls, log, limits = LIMITS, onRefused = () => undefined }: ShellOptions): Shell {
  const loggerInstance: FastifyBaseLogger = log;
  let route: Handler = () => undefined;
  const { server, connections, onClientError } = createBoundedServer(
    { tls, methods: ALL_METHODS, limits, onRefused },
    (request, response) => route(request, response),
  );
  const app: App = Fastify({
    http2: true,
    https: {},
    serverFactory: (handler) => {
      route = handler;
      return server;
    },
    clientErrorHandler: onClientError,
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    schemaController: DOCUMENTATION_ONLY,
    bodyLimit: limits.bodyBytes,
    // What comes on an open connection at the end is answered like everything before it.
    return503OnClosing: false,
    forceCloseConnections: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: limits.paramLength },
    frameworkErrors: (error, request, reply) => sendError(error, request as Request, reply as Reply),
  });
  app.addHook('preClose', (done) => {
    connections.drain(limits.drainTimeoutMs);
    done();
  });
  app.addHook('onRoute', (route) => {
    if (route.config?.endsByItself !== true) route.handlerTimeout ??= limits.handlerTimeoutMs;
  });
  addAnswerShape(app, limits);
  return { app, connections };
}

/** Errors are `Status`, bodies are JSON with a line end, other methods of a known path are 405. */
function addAnswerShape(app: App, limits: Limits): void {
  app.addHook('onRoute', ({ method, url }) => {
    const served: readonly string[] = Array.isArray(method) ? method : [method];
    if (served.includes('OPTIONS')) return; // this is the route made below
    app.route({
      method: ALL_METHODS.filter((one) => !served.includes(one)),
      url,
      schema: HIDDEN,
      // Before a body is looked at: what is wrong with it does not matter here.
      onRequest: (_request, reply, _done) => {
        void reply.code(405).send(methodNotAllowed());
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
    done(tooLarge(request, limits));
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    // fastify asks for the end of the connection after a bad body: HTTP/2 has no such header, and Node would warn.
    if (request.raw.httpVersionMajor >= 2) void reply.removeHeader('connection');
    done();
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(status('NotFound', RESOURCE_NOT_FOUND, {})));
  app.setErrorHandler(sendError);
}

/** The parsers of the two protocols end a connection or a stream at limits of their own, which lie at or above these. */
function tooLarge({ raw }: Request, { urlBytes, headerBytes }: Limits): ApiError | undefined {
  if (raw.url.length > urlBytes) {
    return new ApiError('RequestURITooLong', `the URL is longer than ${urlBytes} bytes`);
  }
  const size = raw.rawHeaders.reduce((sum, { length }) => sum + length, 0);
  if (size <= headerBytes) return undefined;
  return new ApiError('RequestHeaderFieldsTooLarge', `the headers are larger than ${headerBytes} bytes`);
}

function sendError(error: unknown, request: Request, reply: Reply): void {
  const answer = statusOf(isHandlerTimeout(error) ? new ApiError('Timeout', TIMED_OUT) : error);
  // What an ApiError says was meant to be answered; whoever throws one for a failure has logged the failure.
  if (answer.code >= 500 && !(error instanceof ApiError)) {
    request.log.error({ err: error, url: request.url }, 'request failed');
  }
  const { retryAfterSeconds } = answer.details ?? {};
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', String(retryAfterSeconds));
  void reply.code(answer.code).type('application/json; charset=utf-8').send(answer);
}

function isHandlerTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_ERR_HANDLER_TIMEOUT';
}
