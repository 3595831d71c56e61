import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, renderDuration } from '../../runtime/duration.js';

test('durations are read with their unit', () => {
  assert.deepEqual(
    ['250ms', '1.5s', '15s', '5m', '1h', '0s'].map(parseDuration),
    [250, 1_500, 15_000, 300_000, 3_600_000, 0],
  );
});

test('a duration without a unit, or anything else, is none', () => {
  for (const text of ['15', '', 's', '-5s', '1d', '5m30s', '1e3s', ' 5s'])
    assert.equal(parseDuration(text), undefined, text);
});

test('durations are written as people write them', () => {
  assert.deepEqual([250, 1_000, 60_000, 90_000, 300_000, 3_600_000].map(renderDuration), [
    '250ms',
    '1s',
    '60s',
    '90s',
    '5m',
    '1h',
  ]);
});
