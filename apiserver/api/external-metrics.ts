import {
  EXTERNAL_METRICS_GROUP,
  EXTERNAL_METRICS_VERSION,
  ExternalMetricValueList,
} from '../../openapi/metric-values.js';
import { RATE_NAMES } from '../../metrics/catalogue.js';
import { ipamFigureOf } from '../../metrics/ipam/figures.js';
import { selectorValue } from '../../metrics/labels.js';
import type { Clock } from '../../runtime/clock.js';
import type { Figures } from '../store/figure.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';
import type { Pods } from '../store/pods.js';
import { parseAddressQuery } from './address-query.js';
import { queryValue, type App } from './app-types.js';
import { ofAddresses, ofRate, type Answered } from './asked-metric.js';
import { addressesOfCluster } from './cluster-addresses.js';
import { ADDRESS_METRICS } from './described-objects.js';
import { ApiError } from './errors.js';
import {
  checkListOptions,
  checkPath,
  isOfWholeNetwork,
  isWatch,
  parseFigureQuery,
  type AskedFigure,
} from './figure-query.js';
import type { Requirement } from './label-selector.js';
import { Timestamps, readingOf, type OnSampleAge } from './metric-value-list.js';
import type { PodsAmong } from './members.js';
import { checkKnown, sumOf, whole } from './object-figures.js';
import { routeSchema } from './route-schema.js';
import type { Selectors } from './selectors.js';
import { Turns } from './turns.js';

export interface ExternalMetricsDeps {
  readonly pods: Pods;
  readonly figures: Figures;
  readonly ipam: IpamFigures;
  readonly clock: Clock;
  readonly selectors: Selectors;
  /** Namespaces in which figures of the whole cluster answer. */
  readonly clusterMetricsNamespaces: readonly string[];
  readonly onSampleAge: OnSampleAge;
}

interface Asked {
  readonly namespace: string;
  readonly metric: string;
}

const SCHEMA = routeSchema({
  operationId: 'getExternalMetric',
  summary: 'The rate of the series selected, added up, or the IP addresses of all nodes: one item.',
  kind: { groupVersion: `${EXTERNAL_METRICS_GROUP}/${EXTERNAL_METRICS_VERSION}`, kind: 'ExternalMetricValueList' },
  action: 'list',
  params: {
    namespace: 'Namespace of the pods, or one for figures of the cluster.',
    metric: 'One of the names that discovery lists.',
  },
  query: { labelSelector: 'Of the labels of the series; window=30s chooses the time that a rate is averaged over.' },
  answer: ExternalMetricValueList,
});

/**
 * external.metrics.k8s.io: the same rates, added up over the series that labels choose, and the IP addresses of all nodes together. One
 * item always: the HPA adds items up, and only we know whether the sum is whole.
 */
export function externalMetricsRoutes(app: App, deps: ExternalMetricsDeps): void {
  app.get<{ Params: Asked }>(
    `/apis/${EXTERNAL_METRICS_GROUP}/${EXTERNAL_METRICS_VERSION}/namespaces/:namespace/:metric`,
    { schema: SCHEMA },
    ({ params, query }) => answer(params, query, deps),
  );
}

async function answer(asked: Asked, query: unknown, deps: ExternalMetricsDeps): Promise<ExternalMetricValueList> {
  checkPath({ ...asked });
  if (isWatch(query)) {
    throw new ApiError(
      'MethodNotAllowed',
      `watch is not supported on resources of kind "${asked.metric}.${EXTERNAL_METRICS_GROUP}"`,
    );
  }
  checkListOptions(query);
  // Access to one name is asked about where a fieldSelector names one: a selector that is not obeyed must not be taken.
  if ((queryValue(query, 'fieldSelector') ?? '') !== '') {
    throw new ApiError('BadRequest', 'fieldSelector: is not supported here');
  }
  const couldNotFind = `the server could not find the metric ${asked.metric}`;
  const times = new Timestamps(deps.clock.wallMs());
  const total = totalAddresses(asked, query, deps) ?? (await sumOfRates(asked, query, deps));
  if (total === undefined) {
    const served = [...RATE_NAMES, ...ADDRESS_METRICS].join(', ');
    throw new ApiError('NotFound', `${couldNotFind}; served are ${served}`);
  }
  const { requirements, selectorText, answered } = total;
  if (!answered.ok) {
    const selector = selectorText === '' ? '' : ` with selector ${selectorText}`;
    throw new ApiError('NotFound', `${couldNotFind} in the namespace ${asked.namespace}${selector}: ${answered.why}`);
  }
  deps.onSampleAge(answered.ageMs);
  const { timestamp, windowSeconds: window, value } = readingOf(answered, times);
  return {
    kind: 'ExternalMetricValueList',
    apiVersion: `${EXTERNAL_METRICS_GROUP}/${EXTERNAL_METRICS_VERSION}`,
    metadata: {},
    items: [
      {
        ...{ metricName: asked.metric, metricLabels: pinned(requirements), timestamp },
        ...(window !== undefined && { window }),
        value,
      },
    ],
  };
}

/** What a metric comes to, and the selector it was asked with. */
interface Total {
  readonly selectorText: string;
  readonly requirements: readonly Requirement[];
  readonly answered: Answered;
}

/** @returns undefined for a metric that is no rate */
async function sumOfRates(
  { namespace, metric }: Asked,
  query: unknown,
  deps: ExternalMetricsDeps,
): Promise<Total | undefined> {
  const figure = parseFigureQuery(metric, 'labelSelector', query, deps);
  if (figure === undefined) return undefined;
  checkKnown(deps.pods);
  const { figures, clock } = deps;
  const nowMs = clock.monotonicMs();
  const sum = await sumOf(podsOf(namespace, figure, nowMs, deps), figure, { figures, nowMs, turns: new Turns(clock) });
  const outcome = whole(sum);
  return { ...figure, answered: outcome.ok ? ofRate(outcome) : outcome };
}

/**
 * @returns undefined for a metric that is not of IP addresses
 * @throws {ApiError} Forbidden where figures of the cluster do not answer, ServiceUnavailable while the pods of the cluster are not known
 */
function totalAddresses({ namespace, metric }: Asked, query: unknown, deps: ExternalMetricsDeps): Total | undefined {
  const figure = ipamFigureOf(metric);
  if (figure === undefined) return undefined;
  const asked = parseAddressQuery(figure, 'labelSelector', query, deps.selectors);
  if (!deps.clusterMetricsNamespaces.includes(namespace)) {
    const none = `the namespace ${namespace} is none of --cluster-metrics-namespaces`;
    throw new ApiError('Forbidden', `IP addresses of the cluster are not served here: ${none}`);
  }
  checkKnown(deps.pods);
  return { ...asked, answered: ofAddresses(addressesOfCluster(deps.ipam, asked, deps.clock.monotonicMs()), figure) };
}

/**
 * Whose series answer in a namespace: those of its pods; the total of a network of its own, whoever is on it; in the namespaces for
 * figures of the cluster, everybody's.
 */
function podsOf(namespace: string, figure: AskedFigure, nowMs: number, deps: ExternalMetricsDeps): PodsAmong {
  const { pods, clusterMetricsNamespaces } = deps;
  const isOfCluster = clusterMetricsNamespaces.includes(namespace);
  const { network, nad_namespace: nadNamespace, node } = pinned(figure.requirements);
  if (network !== undefined && nadNamespace !== undefined && nadNamespace !== '') {
    const isOwn = nadNamespace === namespace && isOfWholeNetwork(figure);
    if (isOfCluster || isOwn) return onNetwork(pods, nadNamespace, network, nowMs);
  }
  const isOne = (): boolean => true;
  if (!isOfCluster) return { among: pods.inNamespace(namespace, nowMs), isOne };
  if (node === undefined) return { among: pods.all(nowMs), isOne };
  const named = pods.nodes().filter((name) => selectorValue(name) === node);
  return { among: named.flatMap((name) => [...pods.onNode(name, nowMs)]), isOne };
}

/** By the alias of its name. */
function onNetwork(pods: Pods, nadNamespace: string, alias: string, nowMs: number): PodsAmong {
  const isNamed = (name: string): boolean => name === alias || selectorValue(name) === alias;
  return { among: pods.all(nowMs), isOne: (pod) => pods.networksOf(pod, nadNamespace).some(isNamed) };
}

/** Labels that a selector leaves one value. */
function pinned(requirements: readonly Requirement[]): Record<string, string> {
  return Object.fromEntries(
    requirements.flatMap(({ key, operator, values: [value, other] }) =>
      ['=', '==', 'in'].includes(operator) && value !== undefined && other === undefined ? [[key, value]] : [],
    ),
  );
}
