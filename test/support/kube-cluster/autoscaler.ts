import type { User } from '../../../apiserver/auth/user.js';
import { CUSTOM_METRICS_GROUP, EXTERNAL_METRICS_GROUP } from '../../../openapi/metric-values.js';
import { at, conditionOf, listAt, numberAt, textAt } from '../../cluster/json.js';
import type { KubeApiServer } from '../kube-api.js';
import { asObject } from '../kube-api/serve.js';
import type { Aggregator } from './aggregator.js';

export interface AutoscalerDeps {
  readonly api: KubeApiServer;
  readonly aggregator: Aggregator;
  readonly user: User;
}

/** What the HPA controller asks for a metric, and what it calls its failure (contract 3.1, 3.3). */
interface Question {
  readonly path: string;
  readonly failure: string;
  readonly nothing: string;
}

const TOLERANCE = 0.1;
const MILLI = 1_000;

/** One round of the HPA controller for one HPA with one metric of type AverageValue. */
export async function syncAutoscaler(path: string, { api, aggregator, user }: AutoscalerDeps): Promise<void> {
  const hpa = api.objects.get(path);
  const namespace = textAt(hpa, 'metadata', 'namespace');
  const target = `/apis/apps/v1/namespaces/${namespace}/deployments/${textAt(hpa, 'spec', 'scaleTargetRef', 'name')}`;
  const selector = textAt(api.objects.get(target), 'spec', 'selector', 'matchLabels', 'app');
  const metric = at(hpa, 'spec', 'metrics', 0);
  const question = questionOf(metric, namespace, `app=${selector}`);
  const { statusCode, body } = await aggregator.get(question.path, user);
  const values = listAt(body, 'items').map((item) => milliOf(textAt(item, 'value')));
  const [found, deployment] = [api.objects.get(path), api.objects.get(target)];
  if (found === undefined || deployment === undefined) return;
  const problem = statusCode === 200 ? question.nothing : textAt(body, 'message');
  const isActive = statusCode === 200 && values.length > 0;
  const condition = {
    type: 'ScalingActive',
    status: isActive ? 'True' : 'False',
    reason: isActive ? 'ValidMetricFound' : question.failure,
    message: isActive ? 'the HPA was able to calculate a replica count' : `unable to get metric: ${problem}`,
  };
  const known = conditionOf(found, 'ScalingActive');
  if (known.status !== condition.status || known.message !== condition.message) {
    api.put(path, { ...found, status: { conditions: [condition] } });
  }
  if (!isActive) return;
  const current = numberAt(deployment, 'spec', 'replicas') ?? 0;
  const replicas = bounded(desired(values, targetOf(metric), current), found);
  if (replicas !== current) api.put(target, { ...deployment, spec: { ...asObject(deployment['spec']), replicas } });
}

function questionOf(metric: unknown, namespace: string, podSelector: string): Question {
  const [kind, spec] =
    ['pods', 'object', 'external'].map((key) => [key, at(metric, key)] as const).find(([, one]) => one !== undefined) ??
    [];
  const name = textAt(spec, 'metric', 'name');
  const labels = Object.entries(asObject(at(spec, 'metric', 'selector', 'matchLabels')));
  const selector = labels.map(([key, value]) => `${key}=${String(value)}`).join(',');
  const custom = `/apis/${CUSTOM_METRICS_GROUP}/v1beta2/namespaces/${namespace}`;
  const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();
  switch (kind) {
    case 'pods':
      return {
        path: `${custom}/pods/%2A/${name}?${query({ labelSelector: podSelector, metricLabelSelector: selector })}`,
        failure: 'FailedGetPodsMetric',
        nothing: 'no metrics returned from custom metrics API',
      };
    case 'object':
      return {
        path: `${custom}/services/${textAt(spec, 'describedObject', 'name')}/${name}?${query({ metricLabelSelector: selector })}`,
        ...{ failure: 'FailedGetObjectMetric', nothing: 'returned 0 results' },
      };
    default:
      return {
        path: `/apis/${EXTERNAL_METRICS_GROUP}/v1beta1/namespaces/${namespace}/${name}?${query({ labelSelector: selector })}`,
        failure: 'FailedGetExternalMetric',
        nothing: 'no metrics returned from external metrics API',
      };
  }
}

function targetOf(metric: unknown): number {
  const kinds = ['pods', 'object', 'external'].map((key) => textAt(metric, key, 'target', 'averageValue'));
  return milliOf(kinds.find((text) => text !== '') ?? '');
}

/** Pods without a sample count as nothing when it goes up, and as on target when it goes down: nothing moves by their absence alone. */
function desired(values: readonly number[], target: number, current: number): number {
  const sum = values.reduce((a, b) => a + b, 0);
  return Math.abs(sum / (target * current) - 1) <= TOLERANCE ? current : Math.ceil(sum / target);
}

function bounded(replicas: number, hpa: unknown): number {
  return Math.min(
    numberAt(hpa, 'spec', 'maxReplicas') ?? 1,
    Math.max(numberAt(hpa, 'spec', 'minReplicas') ?? 1, replicas),
  );
}

const SUFFIXES: Readonly<Record<string, number>> = { m: 1, '': MILLI, k: 1e6, M: 1e9 };

function milliOf(text: string): number {
  const [, digits = '', suffix = '?'] = /^(\d+)([mkM]?)$/.exec(text) ?? [];
  return Number(digits) * (SUFFIXES[suffix] ?? NaN);
}
