import type { Registry } from 'prom-client';
import { CUSTOM_METRICS_GROUP, EXTERNAL_METRICS_GROUP } from '../openapi/metric-values.js';
import { PODNET_GROUP } from '../openapi/podnet-api.js';
import { Compat, type CompatName } from '../metrics/compat/compat.js';
import type { PodLabel } from '../metrics/labels.js';
import type { Clock } from '../runtime/clock.js';
import { LogLimit } from '../runtime/log-limit.js';
import { errorMessage, type Logger } from '../runtime/logger.js';
import { apiSurface, type ApiGroupName } from './api/api-surface.js';
import type { App } from './api/app-types.js';
import { customMetricsRoutes } from './api/custom-metrics.js';
import { discoveryRoutes } from './api/discovery.js';
import { externalMetricsRoutes } from './api/external-metrics.js';
import { healthRoutes, type HealthCheck } from './api/health.js';
import { jsonRoutes } from './api/json-routes.js';
import { Members, type ObjectNames } from './api/members.js';
import { NodeAddresses } from './api/node-addresses.js';
import { NodeLatencies } from './api/node-latencies.js';
import { ObjectFigures } from './api/object-figures.js';
import { openApiRoutes } from './api/openapi.js';
import { collectRoutes } from './api/route-list.js';
import { Selectors } from './api/selectors.js';
import type { Auth } from './auth/create-auth.js';
import type { User } from './auth/user.js';
import { compatTotalLines, ipamClusterLines } from './exposition/ipam-lines.js';
import { lastReportLines } from './exposition/last-report-lines.js';
import { suspectLines } from './exposition/suspect-lines.js';
import type { Exposer } from './exposition/exposer.js';
import { Exposition, type Shown } from './exposition/exposition.js';
import { expositionRoutes } from './exposition/routes.js';
import { SeriesLimit } from './exposition/series-limit.js';
import { workloadLines } from './exposition/workload-lines.js';
import type { Connections } from './http/connections.js';
import { LIMITS } from './http/limits.js';
import { createShell } from './http/shell.js';
import { ingestRoutes } from './ingest/routes.js';
import { podnetRoutes } from './api/podnet/routes.js';
import type { PodList, PodNodes } from './pods/pod-list.js';
import type { ServiceList } from './pods/service-list.js';
import { createRefusedConnections, tellRefused } from './refused-connections.js';
import { reportsArrived } from './reports-arrived.js';
import { lookupCounter } from './cache-lookups.js';
import { createSelfMetrics, type SelfMetrics } from './self-metrics.js';
import { Figures } from './store/figure.js';
import { SERVING_NAMESPACE, isServing } from './store/ipam/told-node.js';
import type { NodeSeries } from './store/node-series.js';
import { NodeSuspects } from './store/node-suspects.js';
import type { PodSeries } from './store/pod-series.js';
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
  /** A node that is dialled within this time is not suspected for its latency. */
  readonly suspectLatencyMs: number;
  /** Most series of the pods of a namespace on /metrics; 0, or nothing said: no limit. */
  readonly maxSeries?: number;
  /** Most open connections of a client address; 0: no limit. Where nothing is said, it is that of LIMITS. */
  readonly maxConnectionsPerAddress?: number;
  /** Predecessors whose families are served as well; none where nothing is said. */
  readonly compat?: readonly CompatName[];
  /** Namespaces in which figures of the whole cluster answer. */
  readonly clusterMetricsNamespaces: readonly string[];
  readonly apiGroups: readonly ApiGroupName[];
  /** What the API server says; undefined without Kubernetes. */
  readonly cluster?: Cluster;
  /** Who is let in; undefined lets in everybody. */
  readonly auth?: Pick<Auth, 'guard'>;
  /** Take reports of agents whose credentials name no node. */
  readonly allowUnboundAgents: boolean;
  /** Of `/metrics?exposer=only`; undefined where there is one replica. */
  readonly exposer?: Exposer;
  /** For `/readyz`, beside the reports. */
  readonly checks: readonly HealthCheck[];
}

/** Of agents. */
type Role = NodeSeries['role'];

/** The cluster as its API server shows it. */
export interface Cluster {
  readonly pods: PodList;
  readonly services: ServiceList;
  readonly objects: ObjectNames;
  readonly podNodes?: PodNodes;
  /** Agents of a role there should be; undefined where that is not known. */
  readonly expectedAgents?: (role: Role) => number | undefined;
  /** Who reported for the node that it may report for. */
  readonly onReport?: (user: User, role: Role) => void;
}

/** The server and what it answers from. */
export interface Created {
  /** What is open, to be told of the end. */
  readonly connections: Connections;
  readonly app: App;
  readonly store: Store;
  readonly pods: Pods;
  readonly figures: Figures;
  readonly exposition: Exposition;
  /** Undefined without a limit. */
  readonly seriesLimit: SeriesLimit | undefined;
}

const FAILURES_LOGGED_PER_SECOND = 1;
/** The server with its store, not yet listening. */
export function createApp(options: AppOptions): Created {
  const { clock, log, registry, cluster } = options;
  const store: Store = new Store({
    historyMs: options.historyMs,
    ...(cluster && {
      podExists: (pod) => !cluster.pods.isSynced || (pods.isInList(pod) && !isElsewhere(pod)),
      servingPods: () => servingPods(cluster.pods),
    }),
  });
  /** A node that has got another name is not missing under the one that it had. */
  const isElsewhere = ({ meta, node }: PodSeries): boolean =>
    store
      .reported(meta.namespace, meta.name)
      .some((other) => other.meta.uid === meta.uid && other.node !== node && other.node.isFresh(clock.monotonicMs()));
  const pods: Pods = new Pods(store, cluster?.pods, cluster?.podNodes);
  const figures = new Figures(options.podLabels);
  const logLimit = new LogLimit(clock, FAILURES_LOGGED_PER_SECOND);
  const seriesLimit = limitOf(options, { nodes: store, pods });
  const metrics = createSelfMetrics(registry, { store, clock, version: options.version, seriesLimit });
  const suspects = new NodeSuspects(store.dialled, options.suspectLatencyMs);
  const onFailure = (of: object, error: unknown): void => {
    metrics.expositionFailures.inc();
    if (logLimit.take()) log.error({ ...of, reason: errorMessage(error) }, 'lines are left out of /metrics');
  };
  const compat = new Compat(options.compat ?? []);
  const ofAll = [
    suspectLines(suspects),
    lastReportLines(store, clock),
    ...(seriesLimit === undefined ? [] : workloadLines(seriesLimit)),
    ...ipamClusterLines(store.ipam),
    ...compatTotalLines(store.ipam, compat.totals),
  ];
  const shown = { nodes: store, pods: seriesLimit ?? pods };
  const exposition = new Exposition(shown, options.podLabels, { compat, cluster: ofAll, onFailure });
  const { maxConnectionsPerAddress: connectionsPerAddress = LIMITS.connectionsPerAddress } = options;
  const { app, connections } = createShell({
    ...{ tls: options.tls, log, limits: { ...LIMITS, connectionsPerAddress } },
    onRefused: tellRefused(createRefusedConnections(registry), { clock, log }),
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requestSeconds.observe({ route, code: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
  app.decorateRequest('arrivedMs', 0);
  app.addHook('onRequest', (request, _reply, done) => {
    request.arrivedMs = clock.monotonicMs(); // before authentication, which may wait for the API server
    done();
  });
  options.auth?.guard(app);
  addRoutes(app, options, { store, pods, figures, exposition, metrics, suspects });
  return { app, connections, store, pods, figures, exposition, seriesLimit };
}

function limitOf({ maxSeries = 0, clock, log }: AppOptions, shown: Shown): SeriesLimit | undefined {
  if (maxSeries === 0) return undefined;
  const logLimit = new LogLimit(clock, FAILURES_LOGGED_PER_SECOND);
  const onChange = (namespace: string, isLimited: boolean): void => {
    if (!logLimit.take()) return;
    if (isLimited) log.warn({ namespace, maxSeries }, 'pods are left out of /metrics, and added up for each workload');
    else log.info({ namespace, maxSeries }, 'every pod is on /metrics again');
  };
  return new SeriesLimit(shown, { max: maxSeries, onChange });
}

/**
 * Pods of the VPC CNI. One that is being deleted serves a node that has, or will have, another. A list that is no longer current tells still
 * who may be there, as for every other sum.
 */
function servingPods(list: PodList): number | undefined {
  if (!list.isSynced) return undefined;
  let count = 0;
  for (const pod of list.inNamespace(SERVING_NAMESPACE)) if (!pod.isTerminating && isServing(pod)) count++;
  return count;
}

type Parts = Omit<Created, 'app' | 'connections' | 'seriesLimit'> & {
  readonly metrics: SelfMetrics;
  readonly suspects: NodeSuspects;
};

function addRoutes(app: App, options: AppOptions, parts: Parts): void {
  const { store, pods, figures, exposition, metrics, suspects } = parts;
  const { clock, log, registry, version, cluster, clusterMetricsNamespaces, windowMs, allowUnboundAgents } = options;
  const groups = new Set(options.apiGroups);
  const routes = collectRoutes(app);
  discoveryRoutes(app, { surface: apiSurface(groups), routes, version });
  openApiRoutes(app, { routes, clock, version });
  const selectors = new Selectors({
    window: { defaultMs: windowMs, historyMs: options.historyMs },
    onLookup: lookupCounter(registry, 'selectors'),
  });
  const answering = { pods, figures, ipam: store.ipam, clock, selectors, clusterMetricsNamespaces };
  if (groups.has(PODNET_GROUP)) {
    podnetRoutes(app, { ...answering, reports: store, dialled: store.dialled, suspects, windowMs });
    const isGuarded = options.auth !== undefined;
    const onReport = cluster?.onReport;
    ingestRoutes(app, {
      ...{ store, exposition, clock, metrics, log, isGuarded, allowUnboundAgents },
      ...(onReport !== undefined && { onReport }),
    });
  }
  if (groups.has(CUSTOM_METRICS_GROUP)) {
    const onSampleAge = metrics.sampleAges.ofGroup(CUSTOM_METRICS_GROUP);
    const members = new Members({ pods, clock, services: cluster?.services, objects: cluster?.objects });
    const objects = new ObjectFigures({ pods, figures, members, clock });
    const latencies = new NodeLatencies({ dialled: store.dialled, members, clock });
    const addresses = new NodeAddresses({ ipam: store.ipam, members, clock });
    jsonRoutes(app, (scope) =>
      customMetricsRoutes(scope, { ...answering, objects, latencies, addresses, onSampleAge }),
    );
  }
  if (groups.has(EXTERNAL_METRICS_GROUP)) {
    const onSampleAge = metrics.sampleAges.ofGroup(EXTERNAL_METRICS_GROUP);
    jsonRoutes(app, (scope) => externalMetricsRoutes(scope, { ...answering, onSampleAge }));
  }
  const { exposer } = options;
  expositionRoutes(app, { exposition, registry, clock, ...(exposer !== undefined && { exposer }) });
  const arrived = reportsArrived(store, clock, cluster?.expectedAgents);
  healthRoutes(app, [arrived, nodesProbed(suspects, clock), ...options.checks]);
}

/** No node makes the server less ready; who looks at it is told how they are, without their names. */
function nodesProbed(suspects: NodeSuspects, clock: Clock): HealthCheck {
  return {
    name: 'nodes',
    isMet: () => true,
    detail: () => suspects.summary(clock.monotonicMs()),
  };
}
