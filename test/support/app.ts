import { gzipSync } from 'node:zlib';
import type { InjectOptions } from 'fastify';
import { Registry } from 'prom-client';
import type { App } from '../../apiserver/api/app-types.js';
import { API_GROUP_NAMES } from '../../apiserver/api/api-surface.js';
import { createApp, type AppOptions } from '../../apiserver/app.js';
import type { SeriesLimit } from '../../apiserver/exposition/series-limit.js';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import type { NodeReport, NodeReportAnswer } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import type { Figures } from '../../apiserver/store/figure.js';
import type { Pods } from '../../apiserver/store/pods.js';
import type { Store } from '../../apiserver/store/store.js';
import type { Status } from '../../openapi/kubernetes.js';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { createLogger } from '../../runtime/logger.js';
import { createManualClock, type ManualClock } from './clock.js';

const tls = await createSelfSignedCertificate(['localhost', '127.0.0.1'], Date.now());

export interface Answer<Body> {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: Body;
}

/** What was asked for, or a Status: a test looks at the part that it expects. */
type OrStatus<Body> = Omit<Body, 'kind' | 'apiVersion' | 'metadata'> & Omit<Status, 'kind' | 'apiVersion' | 'metadata'>;

/** The real server, asked without a socket. */
export interface TestServer {
  /** Takes more routes until it is first asked. */
  readonly app: App;
  readonly clock: ManualClock;
  readonly logged: string[];
  readonly store: Store;
  readonly pods: Pods;
  readonly figures: Figures;
  readonly seriesLimit: SeriesLimit | undefined;
  push(report: NodeReport): Promise<Answer<OrStatus<NodeReportAnswer>>>;
  pushBody(body: Buffer, headers?: Record<string, string>): Promise<Answer<OrStatus<NodeReportAnswer>>>;
  get<Body = OrStatus<MetricValueListV1Beta2>>(url: string, headers?: Record<string, string>): Promise<Answer<Body>>;
  /** Serves on a free port of loopback as well. */
  listen(): Promise<{ readonly url: string; readonly ca: string; close: () => Promise<void> }>;
  raw(
    url: string,
    headers: Record<string, string>,
  ): Promise<{ headers: Readonly<Record<string, unknown>>; raw: Buffer }>;
  request(method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD', url: string): Promise<Answer<Status>>;
}

export function createTestServer(overrides: Partial<AppOptions> = {}): TestServer {
  const clock = createManualClock();
  const logged: string[] = [];
  const { app, store, pods, figures, seriesLimit } = createApp({
    clock,
    log: createLogger('test', { level: 'debug', format: 'text', write: (line) => logged.push(line) }),
    registry: new Registry(),
    version: '0.0.0',
    tls,
    windowMs: 60_000,
    historyMs: 300_000,
    podLabels: [],
    suspectLatencyMs: 5,
    clusterMetricsNamespaces: ['podnet-system'],
    apiGroups: API_GROUP_NAMES,
    allowUnboundAgents: false,
    checks: [],
    ...overrides,
  });
  const ask = async <Body>(options: InjectOptions): Promise<Answer<Body>> => {
    const { statusCode, headers, body } = await app.inject(options);
    const isJson = String(headers['content-type']).startsWith('application/json');
    return { statusCode, headers, text: body, body: (isJson && body !== '' ? JSON.parse(body) : undefined) as Body };
  };
  const pushBody: TestServer['pushBody'] = (payload, headers = {}) =>
    ask({
      method: 'POST',
      url: NODE_REPORTS_PATH,
      payload,
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers },
    });
  return {
    app,
    clock,
    logged,
    ...{ store, pods, figures, seriesLimit },
    pushBody,
    push: (report) => pushBody(gzipSync(JSON.stringify(report))),
    get: (url, headers = {}) => ask({ method: 'GET', url, headers }),
    listen: async () => ({
      url: await app.listen({ host: '127.0.0.1', port: 0 }),
      ca: tls.cert,
      close: () => app.close(),
    }),
    raw: async (url, headers) => {
      const { headers: answered, rawPayload } = await app.inject({ method: 'GET', url, headers });
      return { headers: answered, raw: rawPayload };
    },
    request: (method, url) => ask({ method, url }),
  };
}

/** A path of custom.metrics.k8s.io. */
export function metricPath(
  pod: string,
  metric: string,
  query: Record<string, string> = {},
  version = 'v1beta2',
): string {
  const search = new URLSearchParams(query).toString();
  return `/apis/custom.metrics.k8s.io/${version}/namespaces/default/pods/${pod}/${metric}${search === '' ? '' : `?${search}`}`;
}
