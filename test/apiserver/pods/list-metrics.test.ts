import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { addListMetrics } from '../../../apiserver/pods/list-metrics.js';

test('a list that was never heard of is as old as the process', async () => {
  const registry = new Registry();
  const followed = { isSynced: false, problem: undefined, skipped: 0 };
  let nowMs = 100_000;
  const sources = {
    pods: { ...followed, lastContactMs: undefined },
    services: { ...followed, lastContactMs: 250_000 },
  };
  addListMetrics(registry, sources, { monotonicMs: () => nowMs });
  nowMs = 300_000;
  const text = await registry.getSingleMetricAsString('podnet_apiserver_kubernetes_contact_age_seconds');
  assert.match(text, /\{resource="pods"\} 200$/m);
  assert.match(text, /\{resource="services"\} 50$/m);
});
