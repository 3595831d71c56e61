import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../runtime/backoff.js';

test('delays double up to a bound, each with its jitter', () => {
  const delays = (random: number) => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1_000, random: () => random });
    return Array.from({ length: 5 }, () => backoff.next());
  };
  assert.deepEqual(delays(0), [50, 100, 200, 400, 500]);
  assert.deepEqual(delays(0.5), [75, 150, 300, 600, 750]);
});
