import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { counterRate, newestReading, type Readings } from '../../../apiserver/store/rate.js';

interface Row {
  readonly at: number;
  readonly value: number;
  readonly epoch?: number;
}

const MINUTE_MS = 60_000;
/** One counter, and the epoch. */
const WIDTH = 2;

/** Readings of column 0. */
function readingsOf(rows: readonly Row[]): Readings {
  const values = new Float64Array(rows.length * WIDTH).fill(NaN);
  rows.forEach(({ value, epoch = 0 }, i) => {
    values[i * WIDTH] = value;
    values[i * WIDTH + 1] = epoch;
  });
  return { takenAtMs: Float64Array.from(rows, ({ at }) => at), values, width: WIDTH, length: rows.length };
}

const rateOf = (rows: readonly Row[], windowMs = MINUTE_MS) => counterRate(readingsOf(rows), 0, windowMs);
const TOO_FEW = { ok: false, reason: 'too_few_samples' };

test('one reading is no rate, and none is none', () => {
  assert.deepEqual(rateOf([]), TOO_FEW);
  assert.deepEqual(rateOf([{ at: 0, value: 1e9 }]), TOO_FEW);
});

test('growth over time, on the clock of the node', () => {
  assert.deepEqual(
    rateOf([
      { at: 1_000, value: 100 },
      { at: 16_000, value: 1_600 },
    ]),
    { ok: true, perSecond: 100, spanMs: 15_000 },
  );
});

test('only what lies in the window counts', () => {
  const rows = [0, 15, 30, 45, 60, 75].map((s) => ({ at: s * 1_000, value: s < 60 ? 0 : (s - 45) * 100 }));
  assert.deepEqual(rateOf(rows, 30_000), { ok: true, perSecond: 100, spanMs: 30_000 });
});

test('the last two readings count however far apart', () => {
  assert.deepEqual(
    rateOf(
      [
        { at: 0, value: 0 },
        { at: 120_000, value: 1_200 },
      ],
      30_000,
    ),
    { ok: true, perSecond: 10, spanMs: 120_000 },
  );
});

test('a decrease contributes nothing and its time is cut out', () => {
  const rows = [
    { at: 0, value: 1_000 },
    { at: 1_000, value: 2_000 },
    { at: 2_000, value: 5 },
    { at: 3_000, value: 1_005 },
  ];
  assert.deepEqual(rateOf(rows), { ok: true, perSecond: 1_000, spanMs: 2_000 });
});

test('a decrease between the only two readings leaves no rate, not zero', () => {
  assert.deepEqual(
    rateOf([
      { at: 0, value: 1_000 },
      { at: 1_000, value: 0 },
    ]),
    TOO_FEW,
  );
});

test('a new counter that is lower contributes its value', () => {
  const rows = [
    { at: 0, value: 1_000 },
    { at: 1_000, value: 300, epoch: 1 },
  ];
  assert.deepEqual(rateOf(rows), { ok: true, perSecond: 300, spanMs: 1_000 });
});

test('a new counter that is higher brings a past that is nobody knows whose', () => {
  const rows = [
    { at: 0, value: 1_000 },
    { at: 1_000, value: 3_000, epoch: 1 },
    { at: 2_000, value: 3_100, epoch: 1 },
  ];
  assert.deepEqual(rateOf(rows), { ok: true, perSecond: 100, spanMs: 1_000 });
});

test('a counter of unknown beginning never contributes its value', () => {
  for (const [before, after] of [
    [0, -1],
    [-1, 0],
    [-1, 1],
    [-2, -1],
  ] as const) {
    const rows = [
      { at: 0, value: 1_000, epoch: before },
      { at: 1_000, value: 900, epoch: after },
      { at: 2_000, value: 910, epoch: after },
    ];
    assert.deepEqual(rateOf(rows), { ok: true, perSecond: 10, spanMs: 1_000 }, `${before} to ${after}`);
  }
});

test('a reading that is missing in between costs nothing', () => {
  const rows = [
    { at: 0, value: 0 },
    { at: 1_000, value: NaN },
    { at: 2_000, value: 2_000 },
    { at: 3_000, value: NaN },
  ];
  assert.deepEqual(rateOf(rows), { ok: true, perSecond: 1_000, spanMs: 2_000 });
  assert.equal(newestReading(readingsOf(rows), 0), 2);
});

const step = fc.record({ dt: fc.integer({ min: 1, max: 20_000 }), growth: fc.integer({ min: 0, max: 1e9 }) });

test('readings that are nearly at one time say nothing of what is between them', () => {
  const early = { at: -900, value: 0 };
  const near = [
    { at: 0, value: 900 },
    { at: 5, value: 1_000 },
  ];
  assert.equal(rateOf(near, 60_000).ok, false);
  assert.deepEqual(rateOf([early, ...near], 60_000), { ok: true, perSecond: 1_000_000 / 905, spanMs: 905 });
  assert.deepEqual(rateOf([early, ...near], 100), rateOf([early, ...near], 60_000), 'also where the window is shorter');
});

test('a counter that only grows has the rate of its growth, whatever the spacing', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 50 }), (steps) => {
      const rows = [{ at: 0, value: 7 }];
      for (const { dt, growth } of steps) {
        const last = rows.at(-1) ?? { at: 0, value: 0 };
        rows.push({ at: last.at + dt, value: last.value + growth });
      }
      const rate = rateOf(rows, 1e9);
      const [grown, seconds] = [
        steps.reduce((sum, { growth }) => sum + growth, 0),
        steps.reduce((sum, { dt }) => sum + dt, 0) / 1_000,
      ];
      assert.equal(rate.ok, seconds >= 0.1);
      if (!rate.ok) return;
      assert.ok(Math.abs(rate.perSecond - grown / seconds) <= (1e-9 * grown) / seconds);
    }),
  );
});

test('a rate is never negative, never more than the fastest step, whatever the counter does', () => {
  const row = fc.record({
    dt: fc.integer({ min: 1, max: 20_000 }),
    value: fc.oneof(fc.constant(NaN), fc.integer({ min: 0, max: 1e12 })),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), fc.integer({ min: 1, max: 300_000 }), (steps, windowMs) => {
      let at = 0;
      const rows = steps.map(({ dt, value }) => ({ at: (at += dt), value }));
      const known = rows.filter(({ value }) => !Number.isNaN(value));
      const rate = rateOf(rows, windowMs);
      if (!rate.ok) return;
      const fastest = Math.max(
        0,
        ...known
          .slice(1)
          .map(({ at: time, value }, i) => ((value - (known[i]?.value ?? 0)) * 1_000) / (time - (known[i]?.at ?? 0))),
      );
      assert.ok(rate.perSecond >= 0 && rate.perSecond <= fastest * (1 + 1e-9));
    }),
  );
});
