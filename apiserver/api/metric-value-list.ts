import {
  CUSTOM_METRICS_GROUP,
  type CustomMetricsVersion,
  type MetricValueListV1Beta1,
  type MetricValueListV1Beta2,
} from '../../openapi/metric-values.js';
import type { DescribedKind } from './described-objects.js';
import { toLabelSelector, type Requirement } from './label-selector.js';

/** A figure in the form of the metrics APIs. */
export interface Reading {
  /** RFC 3339, whole seconds: when the oldest sample that the value ends with was taken, by the server's clock. */
  readonly timestamp: string;
  /** Left out of a value that is as it was at the timestamp: consumers read that as no window (contract 2.3). */
  readonly windowSeconds: number | undefined;
  readonly value: string;
}

/** Told of each value that is answered how old it is, milliseconds: a list has thousands. */
export type OnSampleAge = (ageMs: number) => void;

export interface Item extends Reading {
  /** Of the object. */
  readonly name: string;
}

/** Times of one answer. The pods of a list were read within a few seconds: nearly every time is the one before. */
export class Timestamps {
  readonly #wallMs: number;
  #second = NaN;
  #text = '';

  constructor(wallMs: number) {
    this.#wallMs = wallMs;
  }

  ago(ageMs: number): string {
    const second = Math.floor((this.#wallMs - ageMs) / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = timestampOf(second * 1_000);
    }
    return this.#text;
  }
}

/** A value, and the samples that it was made of. */
export interface TimedValue {
  /** A quantity. */
  readonly value: string;
  /** Time that the value covers; 0 of one that is as it was when it was read. */
  readonly spanMs: number;
  /** Age of the oldest sample that the value ends with. */
  readonly ageMs: number;
}

export function readingOf({ value, spanMs, ageMs }: TimedValue, times: Timestamps): Reading {
  return { timestamp: times.ago(ageMs), windowSeconds: windowSecondsOf(spanMs), value };
}

/** Undefined of a value that is as it was when it was read. */
export function windowSecondsOf(spanMs: number): number | undefined {
  return spanMs > 0 ? toWindowSeconds(spanMs) : undefined;
}

/** Of a time that is some, in whole seconds, as the metrics APIs have it: never the 0 that would say that there was none. */
export function toWindowSeconds(spanMs: number): number {
  return Math.max(1, Math.round(spanMs / 1_000));
}

/** RFC 3339, whole seconds. */
export function timestampOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
}

/** What an answer of custom.metrics.k8s.io is of, and its items in order. */
export interface MetricValues {
  readonly version: CustomMetricsVersion;
  readonly metric: string;
  /** Of all objects. */
  readonly kind: Pick<DescribedKind, 'kind' | 'apiVersion'>;
  /** Of all objects; undefined where they have none. */
  readonly namespace: string | undefined;
  readonly requirements: readonly Requirement[];
  readonly items: readonly Item[];
}

/** The answer of custom.metrics.k8s.io, in the fields of the version asked for. */
export function toMetricValueList({
  version,
  metric,
  kind: { kind, apiVersion },
  namespace,
  requirements,
  items,
}: MetricValues): MetricValueListV1Beta2 | MetricValueListV1Beta1 {
  const selector = toLabelSelector(requirements);
  const describe = (name: string) => ({ kind, ...(namespace !== undefined && { namespace }), name, apiVersion });
  if (version === 'v1beta2') {
    return {
      kind: 'MetricValueList',
      apiVersion: `${CUSTOM_METRICS_GROUP}/v1beta2`,
      metadata: {},
      items: items.map(({ name, timestamp, windowSeconds, value }) => ({
        describedObject: describe(name),
        metric: { name: metric, selector },
        timestamp,
        ...(windowSeconds !== undefined && { windowSeconds }),
        value,
      })),
    };
  }
  return {
    kind: 'MetricValueList',
    apiVersion: `${CUSTOM_METRICS_GROUP}/v1beta1`,
    metadata: {},
    items: items.map(({ name, timestamp, windowSeconds, value }) => ({
      describedObject: describe(name),
      metricName: metric,
      timestamp,
      ...(windowSeconds !== undefined && { window: windowSeconds }),
      value,
      selector,
    })),
  };
}

/** The same as JSON, compact: what all items have in common is rendered once. */
export function renderMetricValueList(values: MetricValues): string {
  const { version, kind, namespace, items } = values;
  const { apiVersion } = kind;
  const scope = namespace === undefined ? '' : `"namespace":${JSON.stringify(namespace)},`;
  const start = `{"describedObject":{"kind":${JSON.stringify(kind.kind)},${scope}"name":`;
  const { metric, window, end } = sharedOf(values);
  const afterName = `,"apiVersion":${JSON.stringify(apiVersion)}},${metric},"timestamp":"`;
  let text = '';
  for (const { name, timestamp, windowSeconds, value } of items) {
    const covered = windowSeconds === undefined ? '' : `,"${window}":${windowSeconds}`;
    const comma = text === '' ? '' : ',';
    text += `${comma}${start}${quoted(name)}${afterName}${timestamp}"${covered},"value":"${value}"${end}}`;
  }
  const list = `"kind":"MetricValueList","apiVersion":"${CUSTOM_METRICS_GROUP}/${version}","metadata":{}`;
  return `{${list},"items":[${text}]}`;
}

/** What each version calls the things that all items have, and where they stand. */
function sharedOf({ version, metric, requirements }: MetricValues) {
  const [name, selector] = [JSON.stringify(metric), JSON.stringify(toLabelSelector(requirements))];
  return version === 'v1beta2'
    ? { metric: `"metric":{"name":${name},"selector":${selector}}`, window: 'windowSeconds', end: '' }
    : { metric: `"metricName":${name}`, window: 'window', end: `,"selector":${selector}` };
}

/** What JSON has in its strings as it is, and in quotes: all names of Kubernetes. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
