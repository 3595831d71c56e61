/** Of the series of a cluster, where there are several. */
export const CLUSTER = 'cluster=~"$cluster"';

/** What grows by, per second. The interval is Grafana's: four scrapes at least. */
export const rate = (series: string, matchers: string): string => `rate(${series}{${matchers}}[$__rate_interval])`;

/** Quantile of a histogram over all series with the same labels. */
export const quantile = (
  q: number,
  histogram: string,
  { matchers, by }: { readonly matchers: string; readonly by: string },
): string => `histogram_quantile(${q}, sum by (${by}, le) (${rate(`${histogram}_bucket`, matchers)}))`;

/** Gives series a label with the name of a node, as another one has it, and that of its cluster before it where they have one. */
export const withNameOf = (from: string, to: string, expression: string): string =>
  `label_join(label_replace(${expression}, "${to}", "$1/", "cluster", "(.+)"), "${to}", "", "${to}", "${from}")`;

/** The series that are the highest. */
export const most = (count: number, expression: string): string => `topk(${count}, ${expression})`;
