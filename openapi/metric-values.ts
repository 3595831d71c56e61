import { Type, type Static } from 'typebox';
import { LabelSelector } from './kubernetes.js';

export const CUSTOM_METRICS_GROUP = 'custom.metrics.k8s.io';
/** Served versions, the preferred one first. */
export const CUSTOM_METRICS_VERSIONS = ['v1beta2', 'v1beta1'] as const;
export type CustomMetricsVersion = (typeof CUSTOM_METRICS_VERSIONS)[number];

export const ObjectReference = Type.Object({
  kind: Type.String(),
  namespace: Type.Optional(Type.String()),
  name: Type.String(),
  apiVersion: Type.String(),
});

export type ObjectReference = Static<typeof ObjectReference>;

const common = {
  describedObject: ObjectReference,
  timestamp: Type.String({ description: 'RFC 3339, UTC, whole seconds: end of the window.' }),
  value: Type.String({ description: 'Quantity in canonical form, milli precision.' }),
};

/** kubernetes/metrics pkg/apis/custom_metrics/v1beta2 MetricValue. */
export const MetricValueV1Beta2 = Type.Object({
  ...common,
  metric: Type.Object({ name: Type.String(), selector: Type.Union([LabelSelector, Type.Null()]) }),
  windowSeconds: Type.Integer({ description: 'Seconds before timestamp that the value covers.' }),
});
export type MetricValueV1Beta2 = Static<typeof MetricValueV1Beta2>;

/** kubernetes/metrics pkg/apis/custom_metrics/v1beta1 MetricValue. */
export const MetricValueV1Beta1 = Type.Object({
  ...common,
  metricName: Type.String(),
  window: Type.Integer({ description: 'Seconds before timestamp that the value covers.' }),
  selector: Type.Union([LabelSelector, Type.Null()]),
});
export type MetricValueV1Beta1 = Static<typeof MetricValueV1Beta1>;

const list = <V extends CustomMetricsVersion, T extends typeof MetricValueV1Beta2 | typeof MetricValueV1Beta1>(
  version: V,
  item: T,
) =>
  Type.Object({
    kind: Type.Literal('MetricValueList'),
    apiVersion: Type.Literal(`${CUSTOM_METRICS_GROUP}/${version}`),
    metadata: Type.Object({}),
    items: Type.Array(item),
  });

export const MetricValueListV1Beta2 = list('v1beta2', MetricValueV1Beta2);
export type MetricValueListV1Beta2 = Static<typeof MetricValueListV1Beta2>;
export const MetricValueListV1Beta1 = list('v1beta1', MetricValueV1Beta1);
export type MetricValueListV1Beta1 = Static<typeof MetricValueListV1Beta1>;

export const EXTERNAL_METRICS_GROUP = 'external.metrics.k8s.io';
export const EXTERNAL_METRICS_VERSION = 'v1beta1';

/** kubernetes/metrics pkg/apis/external_metrics/v1beta1 ExternalMetricValue. */
export const ExternalMetricValue = Type.Object({
  metricName: Type.String(),
  metricLabels: Type.Record(Type.String(), Type.String(), {
    description: 'Labels that the selector leaves one value.',
  }),
  timestamp: common.timestamp,
  window: Type.Integer({ description: 'Seconds before timestamp that the value covers.' }),
  value: common.value,
});

export const ExternalMetricValueList = Type.Object({
  kind: Type.Literal('ExternalMetricValueList'),
  apiVersion: Type.Literal(`${EXTERNAL_METRICS_GROUP}/${EXTERNAL_METRICS_VERSION}`),
  metadata: Type.Object({}),
  items: Type.Array(ExternalMetricValue),
});
export type ExternalMetricValueList = Static<typeof ExternalMetricValueList>;
