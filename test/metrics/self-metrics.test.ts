import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { renderSelfMetrics } from '../../metrics/self-metrics.js';

test('families of prom-client are rendered by our renderer, in both formats', async () => {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'x_pushes_total', help: 'Pushes.', labelNames: ['server'], registers }).inc({ server: 'a"b' }, 2);
  new Gauge({ name: 'x_empty', help: 'Nothing yet.', labelNames: ['reason'], registers });
  new Histogram({ name: 'x_seconds', help: 'Time.', buckets: [0.1, 1], registers }).observe(0.5);
  const samples = 'x_pushes_total{server="a\\"b"} 2\n';
  const histogram =
    'x_seconds_bucket{le="0.1"} 0\nx_seconds_bucket{le="1"} 1\nx_seconds_bucket{le="+Inf"} 1\nx_seconds_sum 0.5\nx_seconds_count 1\n';
  assert.equal(
    await renderSelfMetrics(registry, 'text'),
    `# HELP x_pushes_total Pushes.\n# TYPE x_pushes_total counter\n${samples}# HELP x_seconds Time.\n# TYPE x_seconds histogram\n${histogram}`,
  );
  assert.equal(
    await renderSelfMetrics(registry, 'openmetrics'),
    `# HELP x_pushes Pushes.\n# TYPE x_pushes counter\n${samples}# HELP x_seconds Time.\n# TYPE x_seconds histogram\n${histogram}`,
  );
});
