import type { IpamFamily, IpamSample } from '../../openapi/ipam-report.js';
import { METRIC_NAME, METRIC_NAME_MAX } from '../../openapi/patterns.js';
import type { IpamType } from '../../openapi/report-terms.js';
import { printable } from './text-error.js';
import type { BoundLabel, TextSample } from './text-sample.js';

/** Gauge histograms are none of the types of a report. */
export type TextType = IpamType | 'gaugehistogram';

/** Why something is left out. */
export interface Bad {
  readonly reason: string;
  readonly message: string;
}

/** As the schema of the report has them. */
const MAX_LABELS = 32;
const MAX_LABEL_VALUE = 1_024;
const MAX_HELP = 1_024;
const NAME = new RegExp(METRIC_NAME);
/** A part of a text of this length or more is kept as a reference to the whole (V8's SlicedString). */
const SLICED_LENGTH = 13;

/** One family as it is read. What is bad about it is told once, and nothing of it is kept then: a part would pass for the whole. */
export class FamilyDraft {
  readonly name: string;
  type: TextType = 'unknown';
  #help: string | undefined;
  #samples: IpamSample[] = [];
  #bad: Bad | undefined;
  readonly #maxSamples: number;
  readonly #series = new Set<string>();
  readonly #texts: Map<string, string>;

  /** @param texts parts of the text that are kept, each once; families may share it */
  constructor(name: string, maxSamples: number, texts: Map<string, string>) {
    this.#maxSamples = maxSamples;
    this.#texts = texts;
    this.name = copied(name);
    if (!isReportName(name)) this.#fail('bad_name', `a report takes names of ${METRIC_NAME_MAX} characters, without :`);
  }

  /** What a report has of it; undefined where it is bad. */
  family(): IpamFamily | undefined {
    if (this.#bad !== undefined || this.type === 'gaugehistogram') return undefined;
    const help = this.#help !== undefined && { help: this.#help };
    return { name: this.name, type: this.type, ...help, samples: this.#samples };
  }

  bad(): Bad | undefined {
    if (this.type === 'gaugehistogram') this.#fail('bad_type', 'a report has no histograms of gauges');
    return this.#bad;
  }

  /** One that is longer than a report takes is left out: it says nothing of the numbers. */
  setHelp(help: string): void {
    if (help.length <= MAX_HELP) this.#help = copied(help);
  }

  add(sample: TextSample, line: number): void {
    if (this.#bad !== undefined) return;
    const problem = labelProblem(sample) ?? valueProblem(this.type, sample) ?? this.#countProblem(sample);
    if (problem !== undefined) this.#fail(problem[0], `line ${line}: ${problem[1]}`);
    else if (!isUnobserved(this.type, sample)) this.#samples.push(this.#kept(sample));
  }

  #countProblem(sample: TextSample): Problem | undefined {
    if (this.#samples.length >= this.#maxSamples) return ['too_many_samples', 'there is no room in a report for more'];
    const before = this.#series.size;
    this.#series.add(seriesKey(this.type, sample));
    return this.#series.size > before ? undefined : ['duplicate_series', 'a series is there twice'];
  }

  #fail(reason: string, why: string): void {
    if (this.#bad !== undefined) return;
    this.#bad = { reason, message: `${this.name.slice(0, METRIC_NAME_MAX)}: ${why}` };
    this.#samples = [];
    this.#series.clear();
  }

  #kept({ suffix, labelNames, labelValues, value }: TextSample): IpamSample {
    const labels: Record<string, string> = {};
    for (let i = 0; i < labelNames.length; i++) {
      labels[this.#keep(labelNames[i] ?? '')] = this.#keep(labelValues[i] ?? '');
    }
    return suffix === '' ? { labels, value } : { suffix, labels, value };
  }

  #keep(text: string): string {
    if (text.length < SLICED_LENGTH) return text;
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const copy = copied(text);
    this.#texts.set(copy, copy);
    return copy;
  }
}

/** The same without the text that it is a part of. */
function copied(text: string): string {
  return text.length < SLICED_LENGTH ? text : Buffer.from(text).toString();
}

/** Whether a report can name a family so, be it to say that it is left out. */
export function isReportName(name: string): boolean {
  return name.length <= METRIC_NAME_MAX && NAME.test(name);
}

type Problem = readonly [reason: string, why: string];

function labelProblem({ labelNames, labelValues }: TextSample): Problem | undefined {
  if (labelNames.length > MAX_LABELS) return ['too_many_labels', `a sample has more than ${MAX_LABELS} labels`];
  for (let i = 0; i < labelNames.length; i++) {
    const name = labelNames[i] ?? '';
    // also because `__proto__` is no name of a plain property
    if (name.startsWith('__')) return ['reserved_label', `${printable(name)} is a name for inside Prometheus`];
    if (name.length > METRIC_NAME_MAX)
      return ['long_label', `${printable(name)} has over ${METRIC_NAME_MAX} characters`];
    if ((labelValues[i]?.length ?? 0) > MAX_LABEL_VALUE) {
      return ['long_label', `the value of ${printable(name)} has over ${MAX_LABEL_VALUE} characters`];
    }
  }
  return undefined;
}

function valueProblem(type: TextType, sample: TextSample): Problem | undefined {
  const problem = boundProblem(type, sample);
  if (problem !== undefined) return problem;
  if (isUnobserved(type, sample)) return undefined;
  if (!Number.isFinite(sample.value)) return ['bad_value', `a value is ${sample.value}`];
  const isCount = type === 'counter' || sample.suffix === '_count' || sample.suffix === '_bucket';
  return isCount && sample.value < 0 ? ['bad_value', `a count is ${sample.value}`] : undefined;
}

function boundProblem(type: TextType, { suffix, bound }: TextSample): Problem | undefined {
  if (type === 'histogram') {
    if (suffix === '') return ['bad_sample', 'a histogram has a sample that is no bucket, sum or count'];
    const isBounded = bound !== undefined && !Number.isNaN(bound);
    if (isBounded !== (suffix === '_bucket'))
      return ['bad_bucket', 'buckets have a le, which is a number, and no others'];
  }
  if (type === 'summary') {
    const isQuantile = bound !== undefined && bound >= 0 && bound <= 1;
    if (isQuantile !== (suffix === '') || (bound !== undefined && !isQuantile)) {
      return ['bad_quantile', 'a quantile has a label quantile of 0 to 1, and sum and count have none'];
    }
  }
  return undefined;
}

/** A quantile of what nobody observed lately: Go's client says NaN, and nothing is wrong. */
function isUnobserved(type: TextType, { suffix, value }: TextSample): boolean {
  return type === 'summary' && suffix === '' && Number.isNaN(value);
}

/** Equal for two samples of one series: however their bound is written, and in whatever order their labels are. An empty one is none. */
function seriesKey(type: TextType, { suffix, labelNames, labelValues, bound }: TextSample): string {
  const boundName = boundLabel(type);
  const parts: string[] = [];
  let isSorted = true;
  let before = '';
  for (let i = 0; i < labelNames.length; i++) {
    const name = labelNames[i] ?? '';
    const value = labelValues[i] ?? '';
    if (value === '' || name === boundName) continue;
    isSorted &&= name > before;
    before = name;
    parts.push(`${name}:${value.length}:${value}`); // a value may have any character: its length tells where it ends
  }
  if (!isSorted) parts.sort();
  return `${suffix} ${bound ?? ''} ${parts.join('')}`;
}

/** The label that has the bound of a bucket or the quantile, in families of such a type. */
export function boundLabel(type: TextType): BoundLabel | undefined {
  if (type === 'summary') return 'quantile';
  return type === 'histogram' || type === 'gaugehistogram' ? 'le' : undefined;
}
