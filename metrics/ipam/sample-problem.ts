import type { IpamSample } from '../../openapi/ipam-report.js';
import { METRIC_NAME, METRIC_NAME_MAX } from '../../openapi/patterns.js';
import type { IpamType } from '../../openapi/report-terms.js';
import { PART_LABELS, groupSeries, partNumber, seriesKey } from './series.js';

const LABEL = new RegExp(METRIC_NAME);
/** Half of a character: two different ones would be printed as the same. */
const BROKEN = /\p{Surrogate}/u;

/** Why samples cannot be those of one family of a type, to go behind its name; undefined where they can. */
export function sampleProblem(type: IpamType, samples: readonly IpamSample[]): string | undefined {
  const seen = new Set<string>();
  for (const sample of samples) {
    const problem = valueProblem(type, sample) ?? suffixProblem(type, sample) ?? labelProblem(sample.labels);
    if (problem !== undefined) return problem;
    if (samples.length === 1) break; // as of most families
    const key = sampleKey(type, sample);
    if (seen.has(key)) return 'has a series twice';
    seen.add(key);
  }
  const isWhole = type !== 'histogram' || groupSeries(samples, 'le').every(isWholeHistogram);
  return isWhole ? undefined : 'is a histogram whose buckets, sum and count do not go together';
}

/** Two texts of one number are one bucket. */
function sampleKey(type: IpamType, { suffix, labels }: IpamSample): string {
  const part = PART_LABELS[type];
  return `${suffix ?? ''} ${part === undefined ? '' : partNumber(labels[part])} ${seriesKey(labels, part)}`;
}

function valueProblem(type: IpamType, { value }: IpamSample): string | undefined {
  if (!Number.isFinite(value)) return 'has a value that is not a number';
  return value < 0 && type !== 'gauge' && type !== 'unknown' ? `is a ${type} and has a value below 0` : undefined;
}

function suffixProblem(type: IpamType, { suffix, labels }: IpamSample): string | undefined {
  const part = PART_LABELS[type];
  if (part === undefined) return suffix === undefined ? undefined : `is a ${type} and has a sample ${suffix}`;
  if (suffix === '_sum' || suffix === '_count') {
    return labels[part] === undefined ? undefined : `has a sample ${suffix} with ${part}`;
  }
  if (suffix !== (type === 'histogram' ? '_bucket' : undefined))
    return `is a ${type} and has a sample ${suffix ?? 'without suffix'}`;
  const number = partNumber(labels[part]);
  const isGood = part === 'le' ? !Number.isNaN(number) : number >= 0 && number <= 1;
  return isGood ? undefined : `has a sample with the ${part} '${labels[part] ?? ''}'`;
}

function labelProblem(labels: IpamSample['labels']): string | undefined {
  for (const [name, value] of Object.entries(labels)) {
    if (name.length > METRIC_NAME_MAX || !LABEL.test(name)) return 'has a label whose name is none';
    if (name.startsWith('__')) return `has the label ${name}, which is Prometheus' own`;
    if (BROKEN.test(value)) return `has a value of the label ${name} that is not Unicode`;
  }
  return undefined;
}

/** Each bucket counts what those before it count; the last one has all, which is the count. */
function isWholeHistogram(series: readonly IpamSample[]): boolean {
  const buckets = series.slice(0, -2);
  const [sum, count] = series.slice(-2);
  const all = buckets.at(-1);
  return (
    sum?.suffix === '_sum' &&
    count?.suffix === '_count' &&
    all !== undefined &&
    partNumber(all.labels['le']) === Infinity &&
    all.value === count.value &&
    buckets.every(({ value }, i) => i === 0 || value >= (buckets[i - 1]?.value ?? 0))
  );
}
