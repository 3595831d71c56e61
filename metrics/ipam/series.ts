import type { IpamSample } from '../../openapi/ipam-report.js';
import type { IpamSuffix, IpamType } from '../../openapi/report-terms.js';

type Labels = IpamSample['labels'];

/** The label that tells the samples of one series of a histogram or a summary apart. */
export type PartLabel = 'le' | 'quantile';

export const PART_LABELS: Readonly<Partial<Record<IpamType, PartLabel>>> = { histogram: 'le', summary: 'quantile' };

/** A bound of a bucket, or a quantile, as client libraries write them. */
const NUMBER = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|Inf)$/;

/** The value of a part label; NaN for what is not a number. */
export function partNumber(text: string | undefined): number {
  return text !== undefined && NUMBER.test(text) ? Number(text.replace('Inf', 'Infinity')) : NaN;
}

/**
 * What tells series apart: all labels but the one that tells the samples of one series apart. An empty label is as good as none to a
 * Prometheus.
 */
export function seriesKey(labels: Labels, without?: PartLabel): string {
  const names = Object.keys(labels);
  if (names.length > 1) names.sort();
  let key = '';
  for (const name of names) {
    const { [name]: value = '' } = labels;
    // With its length: a value may look like what follows it. Without JSON: this runs for every series of every report.
    if (name !== without && value !== '') key += `${name}=${value.length}:${value},`;
  }
  return key;
}

/** The parts first. */
const SUFFIX_ORDER: Readonly<Record<IpamSuffix, number>> = { _bucket: 0, _sum: 1, _count: 2 };

/** The samples of a histogram or a summary, series by series, and of each in the order in which they are printed: ascending, then sum and count. */
export function groupSeries(samples: readonly IpamSample[], part: PartLabel): readonly (readonly IpamSample[])[] {
  const groups = new Map<string, IpamSample[]>();
  for (const sample of samples) {
    const key = seriesKey(sample.labels, part);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sample]);
    else group.push(sample);
  }
  const order = ({ suffix = '_bucket' }: IpamSample) => SUFFIX_ORDER[suffix];
  const number = ({ labels }: IpamSample) => partNumber(labels[part]);
  return [...groups.values()].map((group) =>
    group.sort((a, b) => order(a) - order(b) || (order(a) === 0 ? number(a) - number(b) : 0)),
  );
}
