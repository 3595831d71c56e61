import { at, listAt, numberAt, textAt } from '../cluster/json.js';
import { asObject } from './kube-api/serve.js';

/**
 * What the HPA controller of Kubernetes makes of a metric with one target (pkg/controller/podautoscaler, replica_calculator.go), and what
 * `kubectl get hpa` prints of it (pkg/printers/internalversion, formatHPAMetrics). Every pod is ready, and those without a value are not looked at.
 */
export interface Decision {
  readonly replicas: number;
  /** As in the column TARGETS. */
  readonly targets: string;
}

const TOLERANCE = 0.1;
const MILLI = 1_000;
const SUFFIXES: Readonly<Record<string, number>> = { m: 1, '': 1e3, k: 1e6, M: 1e9, G: 1e12 };
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
const SOURCES = ['pods', 'object', 'external'] as const;

/** Of the parts of a metric: which of the three types it is, and its source. */
function sourceOf(metric: unknown): { readonly type: (typeof SOURCES)[number]; readonly source: unknown } {
  const type = SOURCES.find((one) => at(metric, one) !== undefined);
  if (type === undefined) throw new TypeError('a metric of another type');
  return { type, source: at(metric, type) };
}

/**
 * The request for a metric, as recorded (contract 3.1).
 * @param podSelector of the scale target
 */
export function requestOf(metric: unknown, namespace: string, podSelector: string): string {
  const { type, source } = sourceOf(metric);
  const name = textAt(source, 'metric', 'name');
  const labels = Object.entries(asObject(at(source, 'metric', 'selector', 'matchLabels') ?? {}));
  const selector = labels
    .map(([key, value]) => `${key}=${String(value)}`)
    .sort()
    .join(',');
  const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();
  if (type === 'external') return `${EXTERNAL}/namespaces/${namespace}/${name}?${query({ labelSelector: selector })}`;
  if (type === 'pods') {
    const selectors = { labelSelector: podSelector, metricLabelSelector: selector };
    return `${CUSTOM}/namespaces/${namespace}/pods/%2A/${name}?${query(selectors)}`;
  }
  const kind = textAt(source, 'describedObject', 'kind').toLowerCase();
  const [group] = textAt(source, 'describedObject', 'apiVersion').split('/').slice(0, -1);
  const resource = `${kind}s${group === undefined ? '' : `.${group}`}`;
  const object = `${resource}/${textAt(source, 'describedObject', 'name')}`;
  return `${CUSTOM}/namespaces/${namespace}/${object}/${name}?${query({ metricLabelSelector: selector })}`;
}

/** @param answer the body of the answer to the request */
export function decide(metric: unknown, answer: unknown, current: number): Decision {
  const { type, source } = sourceOf(metric);
  const values = listAt(answer, 'items').map((item) => milliOf(textAt(item, 'value')));
  if (values.length === 0 || (type === 'object' && values.length > 1)) throw new TypeError('no value, or several');
  const sum = values.reduce((a, b) => a + b, 0);
  const [average, value] = ['averageValue', 'value'].map((key) => textAt(source, 'target', key));
  const target = milliOf(average === undefined || average === '' ? (value ?? '') : average);
  const isAverage = average !== undefined && average !== '';
  // Of pods the mean of those that have a value, rounded down; of all else the sum over the replicas, rounded up.
  const shown = !isAverage ? sum : type === 'pods' ? Math.floor(sum / values.length) : Math.ceil(sum / current);
  const ratio = type === 'pods' ? shown / target : sum / (isAverage ? target * current : target);
  const scaled = type === 'pods' || !isAverage ? Math.ceil(ratio * current) : Math.ceil(sum / target);
  return {
    replicas: Math.abs(ratio - 1) <= TOLERANCE ? current : scaled,
    targets: `${quantityOf(shown)}/${quantityOf(target)}${isAverage && type !== 'pods' ? ' (avg)' : ''}`,
  };
}

/** Within what an HPA allows. */
export function bounded(replicas: number, hpa: unknown): number {
  const least = numberAt(hpa, 'spec', 'minReplicas') ?? 1;
  return Math.min(numberAt(hpa, 'spec', 'maxReplicas') ?? 1, Math.max(least, replicas));
}

function milliOf(text: string): number {
  const [, digits = '', suffix = '?'] = /^(\d+)([mkMG]?)$/.exec(text) ?? [];
  const milli = Number(digits) * (SUFFIXES[suffix] ?? NaN);
  if (!Number.isSafeInteger(milli)) throw new TypeError(`not a quantity: ${JSON.stringify(text)}`);
  return milli;
}

/** As apimachinery's Quantity writes what was made of milli-units: with the largest suffix that leaves a whole number. */
function quantityOf(milli: number): string {
  let mantissa = milli;
  const suffixes = Object.keys(SUFFIXES);
  let i = 0;
  while (mantissa !== 0 && mantissa % MILLI === 0 && i < suffixes.length - 1) {
    mantissa /= MILLI;
    i++;
  }
  return mantissa === 0 ? '0' : `${mantissa}${suffixes[i] ?? ''}`;
}
