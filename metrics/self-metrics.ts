import type { Registry } from 'prom-client';
import { renderHeader, renderLabels, renderSample, type ExpositionFormat } from './render.js';
import type { MetricFamily } from './catalogue.js';

/** Families of the program itself, kept by prom-client, in the same two formats as every other family. */
export async function renderSelfMetrics(registry: Registry, format: ExpositionFormat): Promise<string> {
  let text = '';
  for (const metric of await registry.getMetricsAsJSON()) {
    const { name, help, values } = metric;
    if (values.length === 0) continue;
    const type = String(metric.type); // an enum to the compiler, a word at run time
    if (type !== 'counter' && type !== 'gauge' && type !== 'histogram') continue;
    const family: MetricFamily = { name, help, type, labels: [], stability: 'alpha' };
    text += renderHeader(family, format);
    for (const sample of values) {
      const sampleName = 'metricName' in sample && typeof sample.metricName === 'string' ? sample.metricName : name;
      const pairs = Object.entries(sample.labels).map(([label, value]) => [label, String(value)] as const);
      text += renderSample(sampleName, renderLabels(pairs), sample.value);
    }
  }
  return text;
}
