import {
  CUSTOM_METRICS_GROUP,
  CUSTOM_METRICS_VERSIONS,
  type CustomMetricsVersion,
  type MetricValueListV1Beta1,
  type MetricValueListV1Beta2,
} from '../../openapi/metric-values.js';
import { RATE_NAMES, familyOfRate } from '../../metrics/catalogue.js';
import type { Clock } from '../../runtime/clock.js';
import type { PodRate, PodRateQuery } from '../store/store.js';
import { queryValue, type App } from './app-types.js';
import { ApiError } from './errors.js';
import { matchesLabels, toLabelSelector, type Requirement } from './label-selector.js';
import { parseMetricSelector, selectorOrBadRequest, type WindowBounds } from './metric-selector.js';
import { renderQuantity } from './quantity.js';

/** What these routes need of the store. */
export interface PodRatesGetter {
  podRates(query: PodRateQuery, nowMs: number): PodRate[];
}

export interface CustomMetricsDeps {
  readonly store: PodRatesGetter;
  readonly clock: Clock;
  readonly window: WindowBounds;
}

const ALL_NAMES = '*';
/** Resources that metrics describe, as the path may name them. */
const POD_RESOURCES = ['pods', 'pod'];

interface ObjectPath {
  readonly namespace: string;
  readonly resource: string;
  readonly name: string;
  readonly metric: string;
}

/** custom.metrics.k8s.io: rates of pods, by name or by selector. */
export function customMetricsRoutes(app: App, deps: CustomMetricsDeps): void {
  for (const version of CUSTOM_METRICS_VERSIONS) {
    const root = `/apis/${CUSTOM_METRICS_GROUP}/${version}`;
    app.get<{ Params: ObjectPath }>(`${root}/namespaces/:namespace/:resource/:name/:metric`, (request) =>
      answer(version, request.params, request.query, deps),
    );
    app.get(`${root}/namespaces/:namespace/:resource`, () => {
      throw new ApiError('BadRequest', 'invalid request path');
    });
  }
}

function answer(
  version: CustomMetricsVersion,
  path: ObjectPath,
  query: unknown,
  { store, clock, window }: CustomMetricsDeps,
) {
  const isAll = path.name === ALL_NAMES;
  checkPath(path);
  checkFieldSelector(queryValue(query, 'fieldSelector'), path);
  checkLimit(queryValue(query, 'limit'));
  const pods = selectorOrBadRequest('labelSelector', queryValue(query, 'labelSelector') ?? '');
  const selectorText = queryValue(query, 'metricLabelSelector') ?? '';
  const selector = parseMetricSelector(selectorText, window);
  const family = familyOfRate(path.metric);
  if (family === undefined || !POD_RESOURCES.includes(path.resource)) throw unknownMetric(path);
  const rates = store.podRates(
    {
      namespace: path.namespace,
      ...(!isAll && { name: path.name }),
      matchesPod: (label) => !isAll || matchesLabels(pods, label),
      matchesSeries: (label) => matchesLabels(selector.series, label),
      column: family.column,
      windowMs: selector.windowMs,
    },
    clock.monotonicMs(),
  );
  const items = rates.flatMap((rate) => measured(rate, clock.wallMs()));
  if (!isAll && items.length === 0) {
    const suffix = selectorText === '' ? '' : ` with selector ${selectorText}`;
    throw new ApiError('NotFound', `${couldNotFind(path)} ${path.name}${suffix}`);
  }
  return renderList(version, path.metric, items, selector.requirements);
}

/** Encoded slashes arrive decoded: a name that has one is nobody's. */
function checkPath(path: ObjectPath): void {
  if (Object.values(path).some((part: string) => part.includes('/') || part.includes('\0'))) {
    throw new ApiError('BadRequest', 'invalid request path');
  }
}

function checkFieldSelector(fieldSelector: string | undefined, { name }: ObjectPath): void {
  if (fieldSelector === undefined || fieldSelector === '' || fieldSelector === `metadata.name=${name}`) return;
  throw new ApiError('BadRequest', `fieldSelector: only metadata.name=${name} is supported here`);
}

/** A list is answered whole: a limit is read, as Kubernetes reads it, and has no effect. */
function checkLimit(limit: string | undefined): void {
  if (limit === undefined || limit === '' || /^[+-]?\d+$/.test(limit)) return;
  throw new ApiError('BadRequest', `limit: not a number: ${JSON.stringify(limit.slice(0, 40))}`);
}

function couldNotFind({ metric, resource }: ObjectPath): string {
  return `the server could not find the metric ${metric} for ${resource}`;
}

function unknownMetric(path: ObjectPath): ApiError {
  const object = path.name === ALL_NAMES ? '' : ` ${path.name}`;
  return new ApiError('NotFound', `${couldNotFind(path)}${object}; served for pods are ${RATE_NAMES.join(', ')}`);
}

interface Measured {
  readonly describedObject: { kind: 'Pod'; namespace: string; name: string; apiVersion: 'v1' };
  readonly timestamp: string;
  readonly windowSeconds: number;
  readonly value: string;
}

/** A rate as an item; none for a value that a quantity cannot hold: one such item would make the HPA lose the whole list. */
function measured({ namespace, name, perSecond, spanMs, ageMs }: PodRate, wallMs: number): Measured[] {
  const value = renderQuantity(perSecond);
  if (value === undefined) return [];
  return [
    {
      describedObject: { kind: 'Pod', namespace, name, apiVersion: 'v1' },
      timestamp: `${new Date(wallMs - ageMs).toISOString().slice(0, 19)}Z`,
      windowSeconds: Math.max(1, Math.round(spanMs / 1_000)),
      value,
    },
  ];
}

function renderList(
  version: CustomMetricsVersion,
  metric: string,
  items: readonly Measured[],
  requirements: readonly Requirement[],
): MetricValueListV1Beta2 | MetricValueListV1Beta1 {
  const selector = toLabelSelector(requirements);
  if (version === 'v1beta2') {
    return {
      kind: 'MetricValueList',
      apiVersion: `${CUSTOM_METRICS_GROUP}/v1beta2`,
      metadata: {},
      items: items.map(({ describedObject, timestamp, windowSeconds, value }) => ({
        describedObject,
        metric: { name: metric, selector },
        timestamp,
        windowSeconds,
        value,
      })),
    };
  }
  return {
    kind: 'MetricValueList',
    apiVersion: `${CUSTOM_METRICS_GROUP}/v1beta1`,
    metadata: {},
    items: items.map(({ describedObject, timestamp, windowSeconds, value }) => ({
      describedObject,
      metricName: metric,
      timestamp,
      window: windowSeconds,
      value,
      selector,
    })),
  };
}
