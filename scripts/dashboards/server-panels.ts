import { CLUSTER, quantile, rate } from './expressions.js';
import { type Panel, timeSeries } from './panels.js';

/** The chosen replicas. */
export const SERVERS = `${CLUSTER}, instance=~"$instance"`;
interface Told {
  readonly title: string;
  /** Without what all names of the server begin with, and a counter's `_total`. */
  readonly family: string;
  readonly description: string;
}

interface ToldQuantiles extends Omit<Told, 'family'> {
  readonly histogram: string;
  readonly by: string;
  readonly matchers?: string;
}

/** A counter of the server, per second. */
export const events = ({ title, family, by, description }: Told & { readonly by: string }): Panel =>
  timeSeries({
    ...{ title, unit: 'cps', description },
    queries: [
      {
        expr: `sum by (cluster, instance, ${by}) (${rate(`podnet_apiserver_${family}_total`, SERVERS)})`,
        legend: `{{instance}} {{${by.split(', ').join('}} {{')}}}`,
      },
    ],
  });

/** A gauge of the server as it is. */
export const gauge = ({
  title,
  family,
  unit,
  description,
  by,
}: Told & { readonly unit: string; readonly by?: string }): Panel =>
  timeSeries({
    ...{ title, unit, description },
    queries: [
      {
        expr: `podnet_apiserver_${family}{${SERVERS}}`,
        legend: by === undefined ? '{{instance}}' : `{{instance}} {{${by}}}`,
      },
    ],
  });

/** A histogram of the server. @param by cluster first */
export const quantiles = ({ title, histogram, by, description, matchers = SERVERS }: ToldQuantiles): Panel =>
  timeSeries({
    ...{ title, unit: 's', description: `${description} Median and 99th percentile.` },
    queries: [0.5, 0.99].map((q) => ({
      expr: quantile(q, `podnet_apiserver_${histogram}`, { matchers, by }),
      legend: `{{${by.split(', ').slice(1).join('}} {{')}}} p${q * 100}`,
    })),
  });
