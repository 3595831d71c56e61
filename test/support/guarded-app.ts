import Fastify from 'fastify';
import { Registry } from 'prom-client';
import type { App } from '../../apiserver/api/app-types.js';
import { RESOURCE_NOT_FOUND, status, statusOf } from '../../apiserver/api/errors.js';
import { createAuth, type Auth } from '../../apiserver/auth/create-auth.js';
import type { ReviewLimits } from '../../apiserver/auth/review.js';
import type { TokenAuthenticator } from '../../apiserver/auth/token-review.js';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import { createKubeClient, type KubeClient } from '../../runtime/kube/client.js';
import { createLogger } from '../../runtime/logger.js';
import { createManualClock, type ManualClock } from './clock.js';
import { connectOverHttp1, connectOverHttp2, type Connection } from './connections.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';

const CONFIG_MAP = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';

export interface GuardedApp {
  readonly api: KubeApiServer;
  readonly auth: Auth;
  readonly client: KubeClient;
  readonly clock: ManualClock;
  readonly logged: string[];
  readonly registry: Registry;
  readonly url: string;
  readonly port: number;
  /** Publishes who is trusted, or that nobody is. */
  publish(data: Readonly<Record<string, string>> | undefined): void;
  http1(certificate?: { chain: string; key: string }): Connection;
  http2(certificate?: { chain: string; key: string }): Connection;
  close(): Promise<void>;
}

const tls = await createSelfSignedCertificate(['127.0.0.1'], Date.now());

export interface GuardedAppOptions {
  readonly agentTokens?: TokenAuthenticator;
  readonly reviewLimits?: ReviewLimits;
}

/** A few routes behind the real guard, in front of a kube-apiserver. */
export async function startGuardedApp({
  agentTokens,
  reviewLimits = { timeoutMs: 500, retryDelaysMs: [10] },
}: GuardedAppOptions = {}): Promise<GuardedApp> {
  const clock = createManualClock(1_000_000, Date.now());
  const logged: string[] = [];
  const log = createLogger('test', { level: 'debug', format: 'json', write: (line) => logged.push(line) });
  const api = await createKubeApi({ onAccessReview: () => ({ allowed: true }) });
  const client = await createKubeClient({ kubeconfig: await api.kubeconfig(), env: {}, clock, log, userAgent: 'test' });
  const registry = new Registry();
  const auth = createAuth({
    ...{ api: client, clock, log, registry, reviewLimits },
    ...(agentTokens !== undefined && { agentTokens }),
  });
  const stop = new AbortController();
  const running = auth.source.run(stop.signal);
  const app = createRoutes(auth);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const connections: Connection[] = [];
  const kept = (connection: Connection): Connection => {
    connections.push(connection);
    return connection;
  };
  return {
    ...{ api, auth, client, clock, logged, registry, url, port: Number(new URL(url).port) },
    publish: (data) => {
      if (data === undefined) api.remove(CONFIG_MAP);
      else api.put(CONFIG_MAP, { data });
    },
    http1: (certificate) => kept(connectOverHttp1({ url, ca: tls.cert }, certificate)),
    http2: (certificate) => kept(connectOverHttp2({ url, ca: tls.cert }, certificate)),
    close: async () => {
      for (const connection of connections) connection.close();
      stop.abort();
      await running;
      await app.close();
      client.close();
      await api.close();
    },
  };
}

function createRoutes(auth: Auth): App {
  const app: App = Fastify({
    http2: true,
    https: { ...tls, allowHTTP1: true, requestCert: true, rejectUnauthorized: false, maxHeaderListPairs: 8_192 },
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(status('NotFound', RESOURCE_NOT_FOUND, {})));
  app.setErrorHandler((error, _request, reply) => {
    const answer = statusOf(error);
    void reply.code(answer.code).send(answer);
  });
  auth.guard(app);
  app.get('/healthz', () => 'ok');
  app.get('/healthz/:check', () => 'ok');
  app.get('/metrics', () => 'metrics');
  app.get('/whoami', (request) => request.user);
  app.get('/apis/custom.metrics.k8s.io/v1beta2/namespaces/:namespace/pods/:name/:metric', (request) => request.user);
  app.post(NODE_REPORTS_PATH, (request) => request.user);
  return app;
}
