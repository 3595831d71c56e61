import type { Registry } from 'prom-client';
import { CLUSTER_FAMILIES, NODE_FAMILIES, type MetricFamily } from '../../metrics/catalogue.js';
import { ownMetrics } from '../own-metrics.js';

/** A series that a query may name: labels that it can have beside those that scraping adds. */
export interface KnownSeries {
  readonly name: string;
  /** Of what it is: only what counts has a rate. */
  readonly kind: 'counter' | 'gauge';
  readonly labels: readonly string[];
  /** Whether each scraped process has its own: such a series keeps the labels of its target. */
  readonly isOwn: boolean;
}

type Described = Pick<MetricFamily, 'name' | 'type' | 'labels'>;

/**
 * Not ours, and the only one that alerts may name: kube-apiserver's (kube-aggregator, pkg/apiserver/metrics.go). Whether an APIService answers
 * is known to it alone.
 */
export const UNAVAILABLE_APISERVICE: Described = {
  name: 'aggregator_unavailable_apiservice',
  type: 'gauge',
  labels: ['name'],
};

/** Of the catalogue, and of what the programs say of themselves. */
export async function knownSeries(): Promise<ReadonlyMap<string, KnownSeries>> {
  const { apiserver, nodeagent } = ownMetrics();
  const known = new Map<string, KnownSeries>();
  const add = (family: Described, isOwn: boolean): void => {
    for (const one of seriesOf(family, isOwn)) known.set(one.name, one);
  };
  for (const family of [...NODE_FAMILIES, ...CLUSTER_FAMILIES]) add(family, false);
  for (const family of [...(await described(apiserver)), ...(await described(nodeagent))]) add(family, true);
  add(UNAVAILABLE_APISERVICE, true);
  return known;
}

function seriesOf({ name, type, labels }: Described, isOwn: boolean): KnownSeries[] {
  const counts = { kind: 'counter', labels, isOwn } as const;
  if (type === 'histogram') {
    return [
      { ...counts, name: `${name}_bucket`, labels: [...labels, 'le'] },
      { ...counts, name: `${name}_count` },
      { ...counts, name: `${name}_sum` },
    ];
  }
  if (type === 'summary') {
    return [
      { ...counts, kind: 'gauge', name, labels: [...labels, 'quantile'] },
      { ...counts, name: `${name}_count` },
      { ...counts, name: `${name}_sum` },
    ];
  }
  return [{ ...counts, name, kind: type === 'counter' ? 'counter' : 'gauge' }];
}

async function described(registry: Registry): Promise<Described[]> {
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  return registry.getMetricsAsArray().map((metric) => ({
    name: metric.name,
    type: typeOf(metric.name, types.get(metric.name)),
    labels: labelNamesOf(metric),
  }));
}

function typeOf(name: string, type: string | undefined): 'counter' | 'gauge' | 'histogram' {
  if (type === 'counter' || type === 'gauge' || type === 'histogram') return type;
  throw new TypeError(`${name} is of type ${type ?? 'none'}`);
}

/** prom-client has them on every metric, and does not say so in its types. */
function labelNamesOf(metric: object): string[] {
  if (!('labelNames' in metric) || !Array.isArray(metric.labelNames))
    throw new TypeError('a metric without label names');
  return metric.labelNames.map(String);
}
