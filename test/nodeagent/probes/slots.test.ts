import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Slots } from '../../../nodeagent/probes/slots.js';

const NOW_MS = 1_000_000;
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const interval = fc.integer({ min: 100, max: 3_600_000 });

/** A target's slots, and where its rounds would be without jitter. */
function slotsOf(intervalMs: number, numbers: readonly number[]) {
  let drawn = 0;
  const random = () => numbers[drawn++ % numbers.length] ?? 0;
  const slots = new Slots({ intervalMs, nowMs: NOW_MS, random });
  const originMs = NOW_MS + (numbers[0] ?? 0) * intervalMs;
  /** The round that a time belongs to, and how far from its middle it is, in intervals. */
  const placeOf = (atMs: number) => {
    const place = (atMs - originMs) / intervalMs;
    return { round: Math.round(place), off: Math.abs(place - Math.round(place)) };
  };
  return { slots, placeOf };
}

const numbers = fc.array(unit, { minLength: 1, maxLength: 20 });

test('the first probe comes within an interval, and within 5 seconds', () => {
  fc.assert(
    fc.property(interval, numbers, (intervalMs, drawn) => {
      const { firstMs } = slotsOf(intervalMs, drawn).slots;
      assert.ok(firstMs >= NOW_MS && firstMs <= NOW_MS + Math.min(intervalMs, 5_000));
    }),
  );
});

test('rounds stay within a tenth of their time, however many there were', () => {
  fc.assert(
    fc.property(interval, numbers, (intervalMs, drawn) => {
      const { slots, placeOf } = slotsOf(intervalMs, drawn);
      let atMs = slots.firstMs;
      let last: number | undefined;
      for (let i = 0; i < 200; i++) {
        const nextMs = slots.next(atMs);
        const { round, off } = placeOf(nextMs);
        assert.ok(off <= 0.1001, `${off} of an interval off`);
        if (last !== undefined) assert.equal(round, last + 1);
        else assert.ok(nextMs - atMs >= intervalMs * 0.39 && nextMs - atMs <= intervalMs * 1.61);
        last = round;
        atMs = nextMs;
      }
    }),
  );
});

test('a probe that takes long costs the rounds it covers, and the next one is never before it ends', () => {
  const takes = fc.array(fc.double({ min: 0, max: 4, noNaN: true }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(interval, numbers, takes, (intervalMs, drawn, taken) => {
      const { slots, placeOf } = slotsOf(intervalMs, drawn);
      let atMs = slots.firstMs;
      let last = -Infinity;
      for (const intervals of taken) {
        const endMs = atMs + intervals * intervalMs;
        const nextMs = slots.next(endMs);
        const { round, off } = placeOf(nextMs);
        assert.ok(nextMs >= endMs);
        assert.ok(off <= 0.1001);
        assert.ok(round > last, 'no round twice');
        assert.ok(nextMs - endMs <= intervalMs * 1.61, 'none left out that was yet to come');
        [last, atMs] = [round, nextMs];
      }
    }),
  );
});

test('a target that is to be left alone for good has no next round', () => {
  const { slots } = slotsOf(1_000, [0.5]);
  assert.equal(slots.next(Infinity), Infinity);
});
