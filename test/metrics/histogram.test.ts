import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latencyBuckets, renderHistogram } from '../../metrics/histogram.js';
import { LATENCY_BOUNDS } from '../../openapi/report-terms.js';
import { probeRow } from '../support/probe-view.js';

test('bounds are canonical numbers, the same in both formats', () => {
  const texts = latencyBuckets().map(({ le }) => le);
  assert.deepEqual(
    texts.map((text) => Number(text.replace('+Inf', 'Infinity'))),
    [...LATENCY_BOUNDS, Infinity],
  );
  assert.deepEqual([texts[0], texts.at(-2), texts.at(-1)], ['5e-05', '10.0', '+Inf']);
  for (const text of texts.slice(1, -1)) assert.match(text, /^\d+\.\d+$/);
});

test('a bound longer than every probe has the count of all', () => {
  const row = probeRow('dns', [
    [0.001, 2],
    [0.003, 3],
    [9.9, 1],
  ]);
  assert.deepEqual(
    renderHistogram('x', 'a="b"', { row, buckets: latencyBuckets([0.001, 8.192, 16.384]) }).split('\n'),
    [
      'x_bucket{a="b",le="0.001"} 2',
      'x_bucket{a="b",le="8.192"} 5',
      'x_bucket{a="b",le="16.384"} 6',
      'x_bucket{a="b",le="+Inf"} 6',
      'x_sum{a="b"} 9.911',
      'x_count{a="b"} 6',
      '',
    ],
  );
});

test('a bound that nothing was counted by is refused', () => {
  assert.throws(() => latencyBuckets([0.003]), new RangeError('no bucket ends at 0.003 s'));
});
