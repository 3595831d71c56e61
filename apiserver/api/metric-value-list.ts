import {
  CUSTOM_METRICS_GROUP,
  type CustomMetricsVersion,
  type MetricValueListV1Beta1,
  type MetricValueListV1Beta2,
  type MetricValueV1Beta2,
} from '../../openapi/metric-values.js';
import { toLabelSelector, type Requirement } from './label-selector.js';

/** A figure in the form of the metrics APIs. */
export interface Reading {
  /** RFC 3339, whole seconds: when the oldest sample that the value ends with was taken, by the server's clock. */
  readonly timestamp: string;
  /** Left out of a value that is as it was at the timestamp: consumers read that as no window (contract 2.3). */
  readonly windowSeconds?: number;
  readonly value: string;
}

/** Told of each value that is answered how old it is, milliseconds: a fifth of a microsecond each, a list has thousands. */
export type OnSampleAge = (ageMs: number) => void;

export interface Item extends Reading {
  readonly describedObject: MetricValueV1Beta2['describedObject'];
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
  return { timestamp: times.ago(ageMs), ...(spanMs > 0 && { windowSeconds: toWindowSeconds(spanMs) }), value };
}

/** Of a time that is some, in whole seconds, as the metrics APIs have it: never the 0 that would say that there was none. */
export function toWindowSeconds(spanMs: number): number {
  return Math.max(1, Math.round(spanMs / 1_000));
}

/** RFC 3339, whole seconds. */
export function timestampOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
}

/** The answer of custom.metrics.k8s.io, in the fields of the version asked for. */
export function toMetricValueList(
  version: CustomMetricsVersion,
  metric: string,
  items: readonly Item[],
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
        ...(windowSeconds !== undefined && { windowSeconds }),
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
      ...(windowSeconds !== undefined && { window: windowSeconds }),
      value,
      selector,
    })),
  };
}
