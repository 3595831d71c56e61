import type { TSchema } from 'typebox';
import { ApiGroup, ApiGroupList, ApiResourceList, Status } from './kubernetes.js';
import { CUSTOM_METRICS_GROUP, MetricValueListV1Beta1, MetricValueListV1Beta2 } from './metric-values.js';
import { NODE_REPORTS_PATH, NodeReport, NodeReportAnswer } from './node-report.js';

const SCHEMAS = {
  NodeReport,
  NodeReportAnswer,
  MetricValueListV1Beta2,
  MetricValueListV1Beta1,
  ApiGroup,
  ApiGroupList,
  ApiResourceList,
  Status,
} as const satisfies Readonly<Record<string, TSchema>>;
type SchemaName = keyof typeof SCHEMAS;

const reference = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: SchemaName, description: string) => ({
  description,
  content: { 'application/json': { schema: reference(name) } },
});
const failure = json('Status', 'What is wrong, as a v1.Status.');
const pathParameter = (name: string, description: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
});
const queryParameter = (name: string, description: string) => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string' },
});

const get = (operationId: string, summary: string, answer: SchemaName, parameters: readonly object[] = []) => ({
  get: { operationId, summary, parameters, responses: { 200: json(answer, summary), default: failure } },
});

const METRIC_PARAMETERS = [
  pathParameter('namespace', 'Namespace of the pods.'),
  pathParameter('name', 'Name of a pod, or * for all that labelSelector selects.'),
  pathParameter('metric', 'One of the names that discovery lists.'),
  queryParameter('labelSelector', 'Of the labels of the pods.'),
  queryParameter(
    'metricLabelSelector',
    'Of the labels of the series; window=30s chooses the time that a rate is averaged over.',
  ),
];

/**
 * The contract as an OpenAPI 3.1 document: the schemas of this folder and where they are spoken. openapi/podnet.openapi.json is
 * generated from it.
 */
export function buildDocument(version: string): object {
  const root = `/apis/${CUSTOM_METRICS_GROUP}`;
  const pods = (one: string) => `${root}/${one}/namespaces/{namespace}/pods/{name}/{metric}`;
  return {
    openapi: '3.1.0',
    info: { title: 'podnet', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths: {
      [NODE_REPORTS_PATH]: {
        post: {
          operationId: 'createNodeReport',
          summary: 'What an agent pushes, gzip-compressed, once an interval.',
          parameters: [{ name: 'Content-Encoding', in: 'header', required: true, schema: { const: 'gzip' } }],
          requestBody: { required: true, content: { 'application/json': { schema: reference('NodeReport') } } },
          responses: { 200: json('NodeReportAnswer', 'Stored; what was left out is named.'), default: failure },
        },
      },
      '/apis': get('getAPIVersions', 'The groups served.', 'ApiGroupList'),
      [root]: get('getCustomMetricsGroup', 'The versions served.', 'ApiGroup'),
      [`${root}/v1beta2`]: get('getCustomMetricsV1beta2Resources', 'The metrics served.', 'ApiResourceList'),
      [`${root}/v1beta1`]: get('getCustomMetricsV1beta1Resources', 'The metrics served.', 'ApiResourceList'),
      [pods('v1beta2')]: get('listPodMetricV1beta2', 'Rates of pods.', 'MetricValueListV1Beta2', METRIC_PARAMETERS),
      [pods('v1beta1')]: get('listPodMetricV1beta1', 'Rates of pods.', 'MetricValueListV1Beta1', METRIC_PARAMETERS),
    },
    components: { schemas: SCHEMAS },
  };
}
