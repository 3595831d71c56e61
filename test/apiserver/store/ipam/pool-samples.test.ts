// The last hour of what is free, from what this server heard and what the agent remembers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinPools } from '../../../../apiserver/store/ipam/pool-samples.js';
import type { IpamPool } from '../../../../openapi/ipam-report.js';
import { REPORT_LIMITS } from '../../../../openapi/report-terms.js';

type Samples = IpamPool['samples'];
const MINUTE = 60_000;
const pool = (samples: Samples, labels: IpamPool['labels'] = {}): IpamPool => ({ labels, samples });
const join = (held: Samples, told: Samples) => joinPools([pool(held)], [pool(told)])[0]?.samples;
/** One at the beginning of each minute from one to another, as many free as the minute says. */
const minutes = (from: number, to: number): Samples =>
  Array.from({ length: to - from + 1 }, (_, i) => [(from + i) * MINUTE, from + i]);

test('an agent that was started again gets its hour back from what was held', () => {
  assert.deepEqual(join(minutes(0, 40), minutes(41, 41)), minutes(0, 41));
});

test('a server that was started again gets the hour from the agent', () => {
  assert.deepEqual(join([], minutes(0, 40)), minutes(0, 40));
});

test('what both know stands there once, as it is told', () => {
  const told: Samples = minutes(10, 30).map(([atMs]) => [atMs, 7]);
  assert.deepEqual(join(minutes(0, 20), told), [...minutes(0, 9), ...told]);
});

test('of a minute the first sample stays, and the newest until there is one after it', () => {
  let held: Samples = [];
  for (const [second, expected] of [
    [0, [0]],
    [15, [0, 15]],
    [45, [0, 45]],
    [61, [0, 61]],
    [75, [0, 61, 75]],
    [120, [0, 61, 120]],
  ] as const) {
    held = join(held, [[second * 1_000, 5]]) ?? [];
    assert.deepEqual(
      held.map(([atMs]) => atMs / 1_000),
      expected,
    );
  }
});

test('what is older than an hour is forgotten', () => {
  assert.deepEqual(join(minutes(0, 60), minutes(70, 70)), [...minutes(10, 60), ...minutes(70, 70)]);
});

test('pools are told apart by their labels, and those not told are no more', () => {
  const held = [pool(minutes(0, 1), { range: 'a' }), pool(minutes(0, 2), { range: 'b' })];
  const told = [pool(minutes(3, 3), { range: 'b' }), pool(minutes(3, 3), { range: 'c' })];
  assert.deepEqual(joinPools(held, told), [pool(minutes(0, 3), { range: 'b' }), pool(minutes(3, 3), { range: 'c' })]);
});

test('however it is heard, an hour is held in order and within bounds', () => {
  const samples = fc
    .uniqueArray(fc.integer({ min: 0, max: 7_200_000 }), { maxLength: 61 })
    .map((times): Samples => times.sort((a, b) => a - b).map((atMs) => [atMs, atMs]));
  fc.assert(
    fc.property(fc.array(samples, { minLength: 1, maxLength: 6 }), (reports) => {
      let held: Samples = [];
      for (const told of reports) held = join(held, told) ?? [];
      const newest = Math.max(...reports.flat().map(([atMs]) => atMs));
      assert.ok(held.length <= REPORT_LIMITS.ipamPoolSamples);
      assert.ok(held.every(([atMs, free], i) => atMs === free && atMs > (held[i - 1]?.[0] ?? -1)));
      if (reports.flat().length === 0) return;
      assert.equal(held.at(-1)?.[0], newest);
      assert.ok(held.every(([atMs]) => newest - atMs <= 60 * MINUTE));
      const again = join(held, held);
      assert.deepEqual(again, held);
    }),
  );
});
