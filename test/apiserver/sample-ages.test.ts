import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram, Registry } from 'prom-client';
import { SampleAges } from '../../apiserver/sample-ages.js';
import { renderSelfMetrics } from '../../metrics/self-metrics.js';

const AGES = [0, 499, 500, 500.1, 1_000, 2_999, 16_000, 16_001, 1e9];
const FAMILY = { name: 'x_age_seconds', help: 'Age.', buckets: [0.5, 1, 16] };

test('ages are told as a histogram of prom-client tells them', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const ages = new SampleAges({ ...FAMILY, registers: [ours] });
  const histogram = new Histogram({ ...FAMILY, labelNames: ['group'], registers: [theirs] });
  ages.ofGroup('silent');
  for (const [group, factor] of [
    ['a', 1],
    ['b', 3],
  ] as const) {
    const observe = ages.ofGroup(group);
    for (const ageMs of AGES) {
      observe(ageMs * factor);
      histogram.observe({ group }, (ageMs * factor) / 1_000);
    }
  }
  for (const format of ['text', 'openmetrics'] as const) {
    assert.equal(await renderSelfMetrics(ours, format), await renderSelfMetrics(theirs, format));
  }
});

test('what is told of a group in two places is added up', async () => {
  const registry = new Registry();
  const ages = new SampleAges({ ...FAMILY, registers: [registry] });
  for (const observe of [ages.ofGroup('a'), ages.ofGroup('a')]) observe(700);
  const text = await renderSelfMetrics(registry, 'text');
  assert.deepEqual(
    text.split('\n').filter((line) => line.startsWith('x_')),
    [
      ...['0.5', '1', '16', '+Inf'].map((le, i) => `x_age_seconds_bucket{le="${le}",group="a"} ${i === 0 ? 0 : 2}`),
      'x_age_seconds_sum{group="a"} 1.4',
      'x_age_seconds_count{group="a"} 2',
    ],
  );
});
