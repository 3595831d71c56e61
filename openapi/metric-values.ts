import { Type, type Static } from 'typebox';
import { definition, kindDefinition } from './definition.js';
import { LabelSelector, ListMeta } from './kubernetes.js';

export const CUSTOM_METRICS_GROUP = 'custom.metrics.k8s.io';
/** Served versions, the preferred one first. */
export const CUSTOM_METRICS_VERSIONS = ['v1beta2', 'v1beta1'] as const;
export type CustomMetricsVersion = (typeof CUSTOM_METRICS_VERSIONS)[number];

export const EXTERNAL_METRICS_GROUP = 'external.metrics.k8s.io';
export const EXTERNAL_METRICS_VERSION = 'v1beta1';

const ObjectReference = Type.Object(
  {
    kind: Type.String({ description: 'Kind of the object, such as Pod.' }),
    namespace: Type.Optional(Type.String({ description: 'Its namespace; absent for what has none.' })),
    name: Type.String({ description: 'Its name.' }),
    apiVersion: Type.String({ description: 'Group and version of the kind, such as apps/v1.' }),
  },
  { ...definition('metrics.ObjectReference'), description: 'The object that a value is of.' },
);

const optionalWindow = Type.Optional(
  Type.Integer({
    description: 'Seconds before timestamp that the value covers; left out of one that is as it was then.',
  }),
);

const common = {
  describedObject: ObjectReference,
  timestamp: Type.String({
    description: 'RFC 3339, UTC, whole seconds: end of the window, or when the value was read.',
  }),
  value: Type.String({ description: 'Quantity in canonical form, milli precision.' }),
};

/** kubernetes/metrics pkg/apis/custom_metrics/v1beta2 MetricValue. */
export const MetricValueV1Beta2 = Type.Object(
  {
    ...common,
    metric: Type.Object({
      name: Type.String({ description: 'Name of the metric.' }),
      selector: Type.Union([LabelSelector, Type.Null()], {
        description: 'The metricLabelSelector asked with, or null.',
      }),
    }),
    windowSeconds: optionalWindow,
  },
  { ...definition('metrics.custom.v1beta2.MetricValue'), description: 'The value of a metric for one object.' },
);
export type MetricValueV1Beta2 = Static<typeof MetricValueV1Beta2>;

/** kubernetes/metrics pkg/apis/custom_metrics/v1beta1 MetricValue. */
export const MetricValueV1Beta1 = Type.Object(
  {
    ...common,
    metricName: Type.String({ description: 'Name of the metric.' }),
    window: optionalWindow,
    selector: Type.Union([LabelSelector, Type.Null()], { description: 'The metricLabelSelector asked with, or null.' }),
  },
  { ...definition('metrics.custom.v1beta1.MetricValue'), description: 'The value of a metric for one object.' },
);
export type MetricValueV1Beta1 = Static<typeof MetricValueV1Beta1>;

/** kubernetes/metrics pkg/apis/external_metrics/v1beta1 ExternalMetricValue. */
export const ExternalMetricValue = Type.Object(
  {
    metricName: Type.String({ description: 'Name of the metric.' }),
    metricLabels: Type.Record(Type.String(), Type.String(), { description: 'What the value is of.' }),
    timestamp: common.timestamp,
    window: optionalWindow,
    value: common.value,
  },
  { ...definition('metrics.external.v1beta1.ExternalMetricValue'), description: 'A value that describes no object.' },
);
export type ExternalMetricValue = Static<typeof ExternalMetricValue>;

const list = <V extends CustomMetricsVersion, T extends typeof MetricValueV1Beta2 | typeof MetricValueV1Beta1>(
  version: V,
  item: T,
) =>
  Type.Object(
    {
      kind: Type.Literal('MetricValueList'),
      apiVersion: Type.Literal(`${CUSTOM_METRICS_GROUP}/${version}`),
      metadata: ListMeta,
      items: Type.Array(item),
    },
    {
      ...kindDefinition(
        `metrics.custom.${version}.MetricValueList`,
        `${CUSTOM_METRICS_GROUP}/${version}`,
        'MetricValueList',
      ),
      description: 'Values of a metric, one for each object.',
    },
  );

export const MetricValueListV1Beta2 = list('v1beta2', MetricValueV1Beta2);
export type MetricValueListV1Beta2 = Static<typeof MetricValueListV1Beta2>;
export const MetricValueListV1Beta1 = list('v1beta1', MetricValueV1Beta1);
export type MetricValueListV1Beta1 = Static<typeof MetricValueListV1Beta1>;

export const ExternalMetricValueList = Type.Object(
  {
    kind: Type.Literal('ExternalMetricValueList'),
    apiVersion: Type.Literal(`${EXTERNAL_METRICS_GROUP}/${EXTERNAL_METRICS_VERSION}`),
    metadata: ListMeta,
    items: Type.Array(ExternalMetricValue),
  },
  {
    ...kindDefinition(
      'metrics.external.v1beta1.ExternalMetricValueList',
      `${EXTERNAL_METRICS_GROUP}/${EXTERNAL_METRICS_VERSION}`,
      'ExternalMetricValueList',
    ),
    description: 'Values of a metric; their sum is what an HPA takes.',
  },
);
export type ExternalMetricValueList = Static<typeof ExternalMetricValueList>;
