import type { Registry } from 'prom-client';
import type { PodLabel } from '../metrics/labels.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/logger.js';
import { API_GROUP_NAMES, apiSurface } from './api/api-surface.js';
import type { App } from './api/app-types.js';
import { customMetricsRoutes } from './api/custom-metrics.js';
import { discoveryRoutes } from './api/discovery.js';
import { externalMetricsRoutes } from './api/external-metrics.js';
import { healthRoutes, type HealthCheck } from './api/health.js';
import { Members, type ObjectNames } from './api/members.js';
import { ObjectFigures } from './api/object-figures.js';
import { openApiRoutes } from './api/openapi.js';
import { collectRoutes } from './api/route-list.js';
import { Exposition } from './exposition/exposition.js';
import { expositionRoutes } from './exposition/routes.js';
import { createShell } from './http-shell.js';
import { ingestRoutes } from './ingest/routes.js';
import { podnetRoutes } from './api/podnet/routes.js';
import type { PodList } from './pods/pod-list.js';
import type { ServiceList } from './pods/service-list.js';
import { createSelfMetrics } from './self-metrics.js';
import { Figures } from './store/figure.js';
import { Pods } from './store/pods.js';
import { Store } from './store/store.js';
import type { KeyPair } from './tls/key-pair.js';

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
  /** Namespaces in which figures of the whole cluster answer. */
  readonly clusterMetricsNamespaces: readonly string[];
  /** What the API server says; undefined without Kubernetes. */
  readonly cluster?: Cluster;
}

/** The cluster as its API server shows it. */
export interface Cluster {
  readonly pods: PodList;
  readonly services: ServiceList;
  readonly objects: ObjectNames;
}

/** The server and what it answers from. */
export interface Created {
  readonly app: App;
  readonly store: Store;
  readonly pods: Pods;
  readonly figures: Figures;
  readonly exposition: Exposition;
}

/** Agents whose first report may still be on its way: a server is ready after this long without any. */
const READY_AFTER_MS = 3 * 15_000;

/** The server with its store, not yet listening. */
export function createApp(options: AppOptions): Created {
  const { clock, log, registry, cluster, clusterMetricsNamespaces } = options;
  const store = new Store(options);
  const pods = new Pods(store, cluster?.pods);
  const figures = new Figures(options.podLabels);
  const exposition = new Exposition({ nodes: store, pods }, options.podLabels);
  const metrics = createSelfMetrics(registry, { store, clock, version: options.version });
  const app = createShell({ tls: options.tls, log });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requestSeconds.observe({ route, code: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
  const routes = collectRoutes(app);
  discoveryRoutes(app, { surface: apiSurface(new Set(API_GROUP_NAMES)), routes, version: options.version });
  openApiRoutes(app, { routes, clock, version: options.version });
  const members = new Members({ pods, services: cluster?.services, objects: cluster?.objects });
  const window = { defaultMs: options.windowMs, historyMs: options.historyMs };
  const answering = { pods, figures, clock, window, clusterMetricsNamespaces };
  podnetRoutes(app, { ...answering, reports: store, windowMs: options.windowMs });
  customMetricsRoutes(app, { ...answering, objects: new ObjectFigures({ pods, figures, members, clock }) });
  externalMetricsRoutes(app, answering);
  expositionRoutes(app, { exposition, registry, clock });
  healthRoutes(app, [reportsArrived(store, clock)]);
  ingestRoutes(app, { store, exposition, clock, metrics, log });
  return { app, store, pods, figures, exposition };
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
