import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { LogController, type FastifyBaseLogger } from 'fastify';
import type { Registry } from 'prom-client';
import type { PodLabel } from '../metrics/labels.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/logger.js';
import type { App, Reply, Request } from './api/app-types.js';
import { customMetricsRoutes } from './api/custom-metrics.js';
import { discoveryRoutes } from './api/discovery.js';
import { METHOD_NOT_ALLOWED, RESOURCE_NOT_FOUND, status, statusOf } from './api/errors.js';
import { healthRoutes, type HealthCheck } from './api/health.js';
import { Exposition } from './exposition/exposition.js';
import { expositionRoutes } from './exposition/routes.js';
import { ingestRoutes } from './ingest/routes.js';
import { createSelfMetrics } from './self-metrics.js';
import { Store } from './store/store.js';
import type { KeyPair } from './tls/key-pair.js';
import { tlsServerOptions } from './tls/serving-certificate.js';

export interface AppOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly version: string;
  /** What is served with at first; `followCertificate` replaces it. */
  readonly tls: KeyPair;
  readonly windowMs: number;
  readonly historyMs: number;
  readonly podLabels: readonly PodLabel[];
}

/** Header, URL and time limits (contract, section 8). Names go to 253 characters; Go keeps idle connections for 90 s. */
const LIMITS = {
  paramLength: 512,
  headerPairs: 8_192,
  headerListBytes: 65_535,
  bodyBytes: 64 * 1024,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 95_000,
} as const;

/** Agents whose first report may still be on its way: a server is ready after this long without any. */
const READY_AFTER_MS = 3 * 15_000;
/** kubectl --raw and programs get it compact, people who type a URL get it indented, as from kube-apiserver. */
const HUMAN_AGENTS = /^(curl|Wget|Mozilla)\//;
const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** The server with its store, not yet listening. */
export function createApp(options: AppOptions): { readonly app: App; readonly store: Store } {
  const { clock, log, registry } = options;
  const store = new Store(options);
  const exposition = new Exposition(store, options.podLabels);
  const metrics = createSelfMetrics(registry, { store, clock, version: options.version });
  const loggerInstance: FastifyBaseLogger = log;
  const app: App = Fastify({
    http2: true,
    https: {
      ...tlsServerOptions(options.tls),
      allowHTTP1: true,
      maxHeaderListPairs: LIMITS.headerPairs,
      settings: { maxHeaderListSize: LIMITS.headerListBytes },
    },
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    bodyLimit: LIMITS.bodyBytes,
    requestTimeout: LIMITS.requestTimeoutMs,
    keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: LIMITS.paramLength },
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, request, reply) => sendError(error, request as Request, reply as Reply),
  });
  addAnswerShape(app);
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requestSeconds.observe({ route, code: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
  discoveryRoutes(app);
  customMetricsRoutes(app, { store, clock, window: { defaultMs: options.windowMs, historyMs: options.historyMs } });
  expositionRoutes(app, { exposition, registry, clock });
  healthRoutes(app, [reportsArrived(store, clock)]);
  ingestRoutes(app, { store, exposition, clock, metrics, log });
  return { app, store };
}

/** Errors are `Status`, bodies are JSON with a line end, other methods of a known path are 405. */
function addAnswerShape(app: App): void {
  app.addHook('onRoute', ({ method, url }) => {
    const served: readonly string[] = Array.isArray(method) ? method : [method];
    if (served.includes('OPTIONS')) return; // this is the route made below
    app.route({
      method: ALL_METHODS.filter((one) => !served.includes(one)),
      url,
      // Before a body is looked at: what is wrong with it does not matter here.
      onRequest: (_request, reply, _done) => {
        void reply.code(405).send(status('MethodNotAllowed', METHOD_NOT_ALLOWED, {}));
      },
      handler: () => undefined,
    });
  });
  app.addHook('onRequest', (request, reply, done) => {
    const query = request.query as { readonly pretty?: unknown };
    const pretty =
      query.pretty === 'true' || (query.pretty === undefined && HUMAN_AGENTS.test(request.headers['user-agent'] ?? ''));
    reply.serializer((payload) =>
      typeof payload === 'string' ? payload : `${JSON.stringify(payload, null, pretty ? 2 : 0)}\n`,
    );
    void reply.header('content-type', 'application/json; charset=utf-8');
    done();
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(status('NotFound', RESOURCE_NOT_FOUND, {})));
  app.setErrorHandler(sendError);
}

function sendError(error: unknown, request: Request, reply: Reply): void {
  const answer = statusOf(error);
  if (answer.code >= 500) request.log.error({ err: error, url: request.url }, 'request failed');
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

/** Ready once an agent has reported, or has had the time to; then ready for good. */
function reportsArrived(store: Store, clock: Clock): HealthCheck {
  const startedMs = clock.monotonicMs();
  let ready = false;
  return {
    name: 'reports',
    isMet: () => (ready ||= store.nodes().length > 0 || clock.monotonicMs() - startedMs > READY_AFTER_MS),
  };
}
