import {
  CUSTOM_METRICS_GROUP,
  CUSTOM_METRICS_VERSIONS,
  MetricValueListV1Beta1,
  MetricValueListV1Beta2,
  type CustomMetricsVersion,
} from '../../openapi/metric-values.js';
import { DIAL_LATENCY, familyOfRate } from '../../metrics/catalogue.js';
import { ipamFigureOf } from '../../metrics/ipam/figures.js';
import type { Clock } from '../../runtime/clock.js';
import { queryValue, type App, type Request } from './app-types.js';
import { askMetric, type AskedMetric, type AskedMetricDeps, type Found } from './asked-metric.js';
import { DESCRIBED, DESCRIBED_KINDS, describedKind, metricsOf, type DescribedKind } from './described-objects.js';
import { ApiError } from './errors.js';
import { checkListOptions, checkPath, isOfWholeNetwork, NETWORK_TOTAL_LABELS } from './figure-query.js';
import type { DescribedObject } from './members.js';
import { wantsIndent } from './indent.js';
import {
  Timestamps,
  renderMetricValueList,
  toMetricValueList,
  windowSecondsOf,
  type Item,
  type MetricValues,
  type OnSampleAge,
} from './metric-value-list.js';
import { routeSchema } from './route-schema.js';

export interface CustomMetricsDeps extends AskedMetricDeps {
  readonly clock: Clock;
  /** Namespaces in which figures of the whole cluster answer. */
  readonly clusterMetricsNamespaces: readonly string[];
  readonly onSampleAge: OnSampleAge;
}

const ALL_NAMES = '*';

/** What a path asks for. Of an object of the cluster the namespace is that of whoever asks, where the path has one. */
interface Asked {
  readonly namespace?: string;
  readonly resource: string;
  readonly name: string;
  readonly metric: string;
}

/** custom.metrics.k8s.io: rates of pods and of what pods add up to, latencies and IP addresses of nodes, by name or by selector. */
export function customMetricsRoutes(app: App, deps: CustomMetricsDeps): void {
  for (const version of CUSTOM_METRICS_VERSIONS) {
    const root = `/apis/${CUSTOM_METRICS_GROUP}/${version}`;
    const ofObject = '/:resource/:name/:metric';
    const ofNamespaced = `/namespaces/:namespace${ofObject}`;
    const ofNamespace = '/namespaces/:namespace/metrics/:metric';
    const ofNothing = '/namespaces/:namespace/:resource';
    for (const [path, scope] of [
      [ofNamespaced, 'Namespaced'],
      [ofObject, 'Cluster'],
    ] as const) {
      const schema = schemaOf(version, `get${scope}ObjectMetric`, path);
      app.get<{ Params: Asked }>(`${root}${path}`, { schema }, async (request) =>
        rendered(await answer(version, request.params, request.query, deps), request),
      );
    }
    app.get<{ Params: { namespace: string; metric: string } }>(
      `${root}${ofNamespace}`,
      { schema: schemaOf(version, 'getNamespaceMetric', ofNamespace) },
      async (request) => {
        const { namespace: name, metric } = request.params;
        if (name === ALL_NAMES) throw new ApiError('BadRequest', 'invalid request path');
        const asked = { resource: DESCRIBED.namespaces.resource, name, metric };
        return rendered(await answer(version, asked, request.query, deps), request);
      },
    );
    app.get(`${root}${ofNothing}`, { schema: schemaOf(version, 'rejectCutPath', ofNothing) }, () => {
      throw new ApiError('BadRequest', 'invalid request path');
    });
  }
}

const PARAMETERS = {
  namespace: 'Namespace of the object.',
  resource: 'What the metric describes, such as pods or deployments.apps.',
  name: 'Name of an object, or * for all that labelSelector selects.',
  metric: 'One of the names that discovery lists.',
} as const;

function schemaOf(version: CustomMetricsVersion, operation: string, path: string) {
  const names = (Object.keys(PARAMETERS) as (keyof typeof PARAMETERS)[]).filter((name) => path.includes(`:${name}`));
  return routeSchema({
    operationId: `${operation}${version === 'v1beta2' ? 'V1Beta2' : 'V1Beta1'}`,
    summary: 'A rate, latency or count of an object, or of all that are selected.',
    kind: { groupVersion: `${CUSTOM_METRICS_GROUP}/${version}`, kind: 'MetricValueList' },
    action: 'get',
    params: Object.fromEntries(names.map((name) => [name, PARAMETERS[name]])),
    query: {
      labelSelector: 'Of the labels of the objects.',
      metricLabelSelector:
        'Of the labels of the series; window=30s chooses the time that is looked at, quantile=p99 the quantile of a latency.',
      fieldSelector: 'metadata.name of the path, or nothing.',
    },
    answer: version === 'v1beta2' ? MetricValueListV1Beta2 : MetricValueListV1Beta1,
  });
}

/** Bytes for programs: an HPA's list is long. */
function rendered(values: MetricValues, request: Pick<Request, 'query' | 'headers'>) {
  return wantsIndent(request) ? toMetricValueList(values) : Buffer.from(`${renderMetricValueList(values)}\n`);
}

async function answer(
  version: CustomMetricsVersion,
  asked: Asked,
  query: unknown,
  deps: CustomMetricsDeps,
): Promise<MetricValues> {
  checkPath({ ...asked });
  checkFieldSelector(queryValue(query, 'fieldSelector'), asked);
  checkListOptions(query);
  const selector = deps.selectors.ofObjects(queryValue(query, 'labelSelector') ?? '', 'labelSelector');
  const metric = askMetric(asked.metric, query, deps);
  const kind = servedKind(asked);
  if (metric === undefined || kind === undefined || !metricsOf(kind).includes(asked.metric)) {
    throw unknownMetric(asked, kind);
  }
  checkTenancy(kind, asked, metric, deps);
  const { namespace, name } = asked;
  const timing = { times: new Timestamps(deps.clock.wallMs()), onSampleAge: deps.onSampleAge };
  const { requirements } = metric;
  const of = { version, metric: asked.metric, kind, namespace: kind.namespaced ? namespace : undefined, requirements };
  if (name !== ALL_NAMES) return { ...of, items: [await single({ kind, namespace, name }, asked, metric, timing)] };
  const found = await metric.list({ kind, namespace }, selector);
  const items: Item[] = [];
  for (const one of found) {
    const item = toItem(one, timing);
    if (item !== undefined) items.push(item);
  }
  return { ...of, items };
}

/** Of one answer: the times that it shows, and who is told how old its values are. */
interface Timing {
  readonly times: Timestamps;
  readonly onSampleAge: OnSampleAge;
}

/** @throws {ApiError} NotFound with the reason */
async function single(object: DescribedObject, asked: Asked, metric: AskedMetric, timing: Timing): Promise<Item> {
  const answered = await metric.of(object);
  const item = toItem({ name: object.name, answered }, timing);
  if (item !== undefined) return item;
  const selector = metric.selectorText === '' ? '' : ` with selector ${metric.selectorText}`;
  const why = answered.ok || answered.why === '' ? '' : `: ${answered.why}`;
  throw new ApiError('NotFound', `${couldNotFind(asked)} ${object.name}${selector}${why}`);
}

function toItem({ name, answered }: Found, { times, onSampleAge }: Timing): Item | undefined {
  if (!answered.ok) return undefined;
  const { ageMs, spanMs, value } = answered;
  onSampleAge(ageMs);
  return { name, timestamp: times.ago(ageMs), windowSeconds: windowSecondsOf(spanMs), value };
}

/** The kind of a path, in a scope that it has: nodes also below a namespace, because the HPA asks for them there. */
function servedKind({ resource, namespace }: Asked): DescribedKind | undefined {
  const kind = describedKind(resource);
  if (kind === undefined) return undefined;
  if (namespace === undefined) return kind.namespaced ? undefined : kind;
  return kind.namespaced || kind === DESCRIBED.nodes ? kind : undefined;
}

/** Whoever may create an HPA in a namespace reads with the controller's rights: what he may see there is bounded by us. */
function checkTenancy(
  kind: DescribedKind,
  { namespace }: Asked,
  metric: AskedMetric,
  { clusterMetricsNamespaces }: CustomMetricsDeps,
): void {
  if (namespace === undefined || clusterMetricsNamespaces.includes(namespace)) return;
  const none = `the namespace ${namespace} is none of --cluster-metrics-namespaces`;
  if (kind === DESCRIBED.nodes) throw new ApiError('Forbidden', `metrics of nodes are not served here: ${none}`);
  if (kind !== DESCRIBED.networks || isOfWholeNetwork(metric)) return;
  throw new ApiError(
    'Forbidden',
    `of a network its total is served, chosen by ${NETWORK_TOTAL_LABELS.join(', ')} alone: ${none}`,
  );
}

function checkFieldSelector(fieldSelector: string | undefined, { name }: Asked): void {
  if (fieldSelector === undefined || fieldSelector === '' || fieldSelector === `metadata.name=${name}`) return;
  throw new ApiError('BadRequest', `fieldSelector: only metadata.name=${name} is supported here`);
}

function couldNotFind({ metric, resource }: Asked): string {
  return `the server could not find the metric ${metric} for ${resource}`;
}

function unknownMetric(asked: Asked, kind: DescribedKind | undefined): ApiError {
  const object = asked.name === ALL_NAMES ? '' : ` ${asked.name}`;
  if (kind === undefined) {
    const kinds = DESCRIBED_KINDS.map(({ resource }) => resource).join(', ');
    return new ApiError('NotFound', `${couldNotFind(asked)}${object}; metrics are served for ${kinds}`);
  }
  return new ApiError(
    'NotFound',
    `${couldNotFind(asked)}${object}${whyNotOf(asked.metric)}; served are ${metricsOf(kind).join(', ')}`,
  );
}

/** Why a metric is none of a kind of objects. */
function whyNotOf(metric: string): string {
  if (metric === DIAL_LATENCY.metricName) return ': it is measured of nodes';
  if (ipamFigureOf(metric) !== undefined) return ': it is known of nodes';
  return familyOfRate(metric) === undefined ? '' : ': it is counted of a pod as a whole';
}
