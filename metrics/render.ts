import type { MetricFamily } from './catalogue.js';

/** The two text formats: Prometheus text 0.0.4, and OpenMetrics 1.0 (both specified at prometheus.io/docs and openmetrics.io). */
export type ExpositionFormat = 'text' | 'openmetrics';

export const CONTENT_TYPE: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** What closes an exposition. */
export const EPILOGUE: Readonly<Record<ExpositionFormat, string>> = { text: '', openmetrics: '# EOF\n' };

/** Types that text 0.0.4 does not have, by the one it has instead. */
const TEXT_TYPE: Readonly<Partial<Record<MetricFamily['type'], string>>> = { info: 'gauge', unknown: 'untyped' };

/** HELP, TYPE and, in OpenMetrics, UNIT of a family: what goes before its samples, once. */
export function renderHeader(family: MetricFamily, format: ExpositionFormat): string {
  if (format === 'text') {
    const type = TEXT_TYPE[family.type] ?? family.type;
    return `# HELP ${family.name} ${escapeTextHelp(family.help)}\n# TYPE ${family.name} ${type}\n`;
  }
  const name = metricFamilyName(family);
  const unit = family.unit === undefined ? '' : `# UNIT ${name} ${family.unit}\n`;
  return `# HELP ${name} ${escapeLabelValue(family.help)}\n# TYPE ${name} ${openMetricsType(family)}\n${unit}`;
}

/** In OpenMetrics the name of a counter ends in `_total`, and no other name can be one. */
function openMetricsType({ name, type }: MetricFamily): MetricFamily['type'] {
  return type === 'counter' && !name.endsWith('_total') ? 'unknown' : type;
}

/** OpenMetrics names a family without the suffix that its samples carry. */
function metricFamilyName({ name, type }: MetricFamily): string {
  if (type === 'counter') return name.replace(/_total$/, '');
  return type === 'info' ? name.replace(/_info$/, '') : name;
}

/**
 * One sample line; the same in both formats.
 * @param labels what {@link renderLabels} gave, or empty
 * @param value decimal digits, where a double would not be exact
 */
export function renderSample(name: string, labels: string, value: number | string): string {
  return labels === '' ? `${name} ${renderValue(value)}\n` : `${name}{${labels}} ${renderValue(value)}\n`;
}

/** Samples of one name: a line for each label text, none where its value is NaN. */
export interface SampleLines {
  readonly name: string;
  /** What {@link renderLabels} gave, each another one. The same object as long as nothing in it changes. */
  readonly labels: readonly string[];
  /** Those that they took the place of, where most are the same. */
  readonly labelsBefore?: readonly string[] | undefined;
  readonly values: ArrayLike<number>;
}

/** One text or samples still to be rendered, as text. */
export function textOf(lines: string | SampleLines): string {
  if (typeof lines === 'string') return lines;
  const { name, labels, values } = lines;
  let text = '';
  for (const [i, label] of labels.entries()) {
    const value = values[i] ?? NaN;
    if (!Number.isNaN(value)) text += renderSample(name, label, value);
  }
  return text;
}

/** Label pairs as they stand between the braces. */
export function renderLabels(pairs: readonly (readonly [name: string, value: string])[]): string {
  return pairs.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(',');
}

/** Label texts side by side, as one flat string: it goes into many lines. */
export function joinLabels(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(',');
}

/** Names beside their values, for {@link renderLabels}. */
export function labelPairs(names: readonly string[], values: readonly string[]): [name: string, value: string][] {
  return names.map((name, i) => [name, values[i] ?? '']);
}

/** Below it, and from MOST_PLAIN on, the canonical form has an exponent. */
const LEAST_PLAIN = 0.000_1;
const MOST_PLAIN = 1e6;

/**
 * A number as the value of the labels `le` and `quantile`. The same in both formats, for a series of another text would be another series:
 * canonical as OpenMetrics 1.0 has it ("Canonical Numbers"), `10.0` and `5e-05`, which is also what Prometheus 3 would make of it.
 */
export function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) return renderValue(value);
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < LEAST_PLAIN || magnitude >= MOST_PLAIN)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A value as it stands at the end of a line. */
export function renderValue(value: number | string): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}

function escapeLabelValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"\n]/g, escapeCharacter) : value;
}

function escapeTextHelp(help: string): string {
  return help.replace(/[\\\n]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}
