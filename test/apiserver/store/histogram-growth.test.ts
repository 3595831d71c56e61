import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { histogramGrowth, quantileOf } from '../../../apiserver/store/histogram-growth.js';
import type { Readings } from '../../../apiserver/store/rate.js';
import { LATENCY_BOUNDS, PROBE_COLUMNS, PROBE_REASONS } from '../../../openapi/report-terms.js';
import { probeReading, type Probed } from '../../support/probe-reports.js';

interface Row extends Probed<'dial'> {
  readonly at: number;
  readonly epoch?: number;
  /** Stands for what the others say. */
  readonly reading?: readonly number[];
}

const MINUTE_MS = 60_000;
const WIDTH = PROBE_COLUMNS.failures + PROBE_REASONS.dial.length + 1;

/** As a ProbeSeries has them: not read where there is no epoch. */
function readingsOf(rows: readonly (Row | { readonly at: number; readonly isUnread: true })[]): Readings {
  const values = new Float64Array(rows.length * WIDTH).fill(NaN);
  for (const [i, row] of rows.entries()) {
    if ('isUnread' in row) continue;
    values.set([...(row.reading ?? probeReading('dial', row)), row.epoch ?? 0], i * WIDTH);
  }
  return { takenAtMs: Float64Array.from(rows, ({ at }) => at), values, width: WIDTH, length: rows.length };
}

const growthOf = (rows: Parameters<typeof readingsOf>[0], windowMs = MINUTE_MS) =>
  histogramGrowth(readingsOf(rows), windowMs);
/** The growth that these probes are. */
function grown(spanMs: number, probed: Probed<'dial'>) {
  const reading = probeReading('dial', probed);
  const counts = reading.slice(0, PROBE_COLUMNS.count + 1);
  return { counts, sum: reading[PROBE_COLUMNS.sum], failures: reading.slice(PROBE_COLUMNS.failures), spanMs };
}
const times = (count: number, seconds: number): number[] => new Array<number>(count).fill(seconds);

test('one reading is no growth, and none is none', () => {
  assert.equal(growthOf([]), undefined);
  assert.equal(growthOf([{ at: 0, latencies: times(9, 0.001) }]), undefined);
  assert.equal(
    growthOf([
      { at: 0, isUnread: true },
      { at: 1, latencies: [1] },
      { at: 2, isUnread: true },
    ]),
    undefined,
  );
});

test('growth by bucket and by reason, also where nothing was probed', () => {
  const before: Row = { at: 1_000, latencies: [0.25, 8], failures: { timeout: 1 } };
  const after: Row = { at: 16_000, latencies: [0.25, 8, 0.5, 0.5, 12], failures: { timeout: 3, reset: 1 } };
  const added = { latencies: [0.5, 0.5, 12], failures: { timeout: 2, reset: 1 } };
  assert.deepEqual(growthOf([before, after]), grown(15_000, added));
  assert.deepEqual(growthOf([before, { ...before, at: 2_000 }]), grown(1_000, {}));
});

test('only what lies in the window counts, and the last two readings however far apart', () => {
  const rows = [0, 15, 30, 45, 60, 75].map((s) => ({ at: s * 1_000, latencies: times(s, 0.5) }));
  assert.deepEqual(growthOf(rows, 30_000), grown(30_000, { latencies: times(30, 0.5) }));
  assert.deepEqual(growthOf(rows, 1_000), grown(15_000, { latencies: times(15, 0.5) }));
});

test('a reading that is missing in between costs nothing', () => {
  const rows = [
    { at: 0, latencies: [1] },
    { at: 1_000, isUnread: true },
    { at: 2_000, latencies: [1, 2] },
    { at: 3_000, isUnread: true },
  ] as const;
  assert.deepEqual(growthOf(rows), grown(2_000, { latencies: [2] }));
});

test('a step in which one column fell is left out for all of them, with its time', () => {
  const falling: Row[] = [
    { at: 0, latencies: times(5, 0.5), failures: { reset: 3 } },
    { at: 1_000, latencies: times(6, 0.5), failures: { reset: 4 } },
    { at: 2_000, latencies: times(9, 0.5), failures: { reset: 1 } },
    { at: 4_000, latencies: times(10, 0.5), failures: { reset: 2 } },
  ];
  assert.deepEqual(growthOf(falling), grown(3_000, { latencies: times(2, 0.5), failures: { reset: 2 } }));
  assert.equal(growthOf(falling.slice(1, 3)), undefined, 'and not zero');
});

test('probes that moved from one bucket to another are no growth', () => {
  assert.equal(
    growthOf([
      { at: 0, latencies: [4, 4] },
      { at: 1_000, latencies: [1, 1, 1, 4] },
    ]),
    undefined,
  );
});

test('a later start whose counts are lower contributes what it counted', () => {
  const again: Row = { at: 1_000, latencies: [0.5, 0.5], failures: { refused: 7 }, epoch: 500 };
  const old: Row = { at: 0, latencies: times(50, 0.001), failures: { refused: 1 } };
  assert.deepEqual(growthOf([old, again]), grown(1_000, again));
  assert.equal(growthOf([{ ...old, epoch: 600 }, again]), undefined, 'an earlier start comes back');
});

test('a later start of which nothing is lower proves nothing', () => {
  const rows: Row[] = [
    { at: 0, latencies: [0.5] },
    { at: 1_000, latencies: [0.5, 0.5], epoch: 500 },
    { at: 2_000, latencies: [0.5, 0.5, 2], epoch: 500 },
  ];
  assert.deepEqual(growthOf(rows), grown(1_000, { latencies: [2] }));
});

const latency = fc.oneof(fc.constantFrom(...LATENCY_BOUNDS), fc.double({ min: 0, max: 12, noNaN: true }));
const tick = fc.record({
  dt: fc.integer({ min: 1, max: 20_000 }),
  latencies: fc.array(latency, { maxLength: 4 }),
  timeouts: fc.integer({ min: 0, max: 3 }),
  isRead: fc.boolean(),
  isStart: fc.nat(7).map((n) => n === 0),
});

/** What the agent of each row has probed since it started. */
function livesOf(ticks: readonly (typeof tick extends fc.Arbitrary<infer Tick> ? Tick : never)[]) {
  let at = 0;
  let life = { epoch: 0, latencies: [] as number[], timeouts: 0 };
  return ticks.map(({ dt, latencies, timeouts, isRead, isStart }) => {
    at += dt;
    if (isStart) life = { epoch: at, latencies: [], timeouts: 0 };
    life = { ...life, latencies: [...life.latencies, ...latencies], timeouts: life.timeouts + timeouts };
    return { at, isRead, ...life };
  });
}

test('growth is that of the probes between the readings, whatever the spacing and the starts', () => {
  fc.assert(
    fc.property(fc.array(tick, { maxLength: 30 }), fc.integer({ min: 1, max: 200_000 }), (ticks, windowMs) => {
      const lives = livesOf(ticks);
      const rows = lives.map(({ at, isRead, epoch, latencies, timeouts }) =>
        isRead ? { at, epoch, latencies, failures: { timeout: timeouts } } : ({ at, isUnread: true } as const),
      );
      const read = lives.filter(({ isRead }) => isRead);
      const since = (read.at(-1)?.at ?? 0) - windowMs;
      const used = read.filter(({ at }, i) => at >= since || i >= read.length - 2);
      let spanMs = 0;
      const probed = { latencies: [] as number[], failures: { timeout: 0 } };
      for (const [i, { at, epoch, latencies, timeouts }] of used.slice(1).entries()) {
        const before = used[i];
        assert.ok(before);
        const isSame = before.epoch === epoch;
        const [was, is] = [before, { latencies, timeouts }].map((one) =>
          probeReading('dial', { latencies: one.latencies, failures: { timeout: one.timeouts } }),
        );
        if (!isSame && is?.every((value, column) => value >= (was?.[column] ?? NaN)) === true) continue;
        probed.latencies.push(...latencies.slice(isSame ? before.latencies.length : 0));
        probed.failures.timeout += timeouts - (isSame ? before.timeouts : 0);
        spanMs += at - before.at;
      }
      const growth = growthOf(rows, windowMs);
      assert.equal(growth?.spanMs ?? 0, spanMs);
      if (growth === undefined) return;
      const expected = grown(spanMs, probed);
      assert.ok(Math.abs(growth.sum - (expected.sum ?? NaN)) < 1e-9);
      assert.deepEqual({ ...growth, sum: expected.sum }, expected);
    }),
  );
});

test('growth is never negative, and each bucket holds the one before it, whatever the readings', () => {
  const number = fc.oneof({ weight: 20, arbitrary: fc.nat(2) }, fc.constant(NaN));
  const steps = fc.array(number, { minLength: WIDTH - 1, maxLength: WIDTH - 1 });
  // Mostly as probes count: buckets that hold those before them.
  const reading = steps.map((all) => {
    let inBucket = 0;
    return all.map((value, column) => (column > PROBE_COLUMNS.count ? value : (inBucket += value)));
  });
  const row = fc.record({ reading, epoch: fc.integer({ min: -1, max: 2 }) });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 6 }), (rows) => {
      const growth = growthOf(rows.map((one, i) => ({ ...one, at: i * 1_000 })));
      if (growth === undefined) return;
      const { counts, sum, failures, spanMs } = growth;
      assert.ok([...counts, sum, ...failures].every((value) => value >= 0));
      assert.ok(counts.every((value, i) => value >= (counts[i - 1] ?? 0)));
      assert.ok(spanMs > 0 && spanMs <= (rows.length - 1) * 1_000);
      assert.deepEqual([counts.length, failures.length], [LATENCY_BOUNDS.length + 1, PROBE_REASONS.dial.length]);
    }),
  );
});

const cumulativeOf = (latencies: readonly number[]) =>
  probeReading('dial', { latencies }).slice(0, PROBE_COLUMNS.count + 1);

test('a quantile is linear within its bucket', () => {
  const cumulative = cumulativeOf([...times(50, 0.003), ...times(50, 0.015)]);
  assert.equal(quantileOf(cumulative, 0.25), 0.003, 'half way from 2 to 4 ms');
  assert.equal(quantileOf(cumulative, 0.5), 0.004);
  assert.equal(quantileOf(cumulative, 0.75), 0.012, 'half way from 8 to 16 ms');
  assert.equal(quantileOf(cumulative, 1), 0.016);
});

test('the first bucket begins at zero, and above the last bound is that bound', () => {
  assert.equal(quantileOf(cumulativeOf([0.00001]), 0.5), 0.000_025);
  assert.equal(quantileOf(cumulativeOf([11, 12]), 0.5), 10);
  assert.equal(quantileOf(cumulativeOf([0.001, 11, 11]), 0.99), 10);
});

test('no probes have no quantile', () => {
  assert.equal(quantileOf(cumulativeOf([]), 0.5), undefined);
  assert.equal(quantileOf([], 0.5), undefined);
});

test('a quantile lies in the bucket of the probe of that rank, and none is lower than that of a smaller share', () => {
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 60 }), shares, (latencies, qs) => {
      const sorted = latencies.toSorted((a, b) => a - b);
      let last = 0;
      for (const q of qs.toSorted((a, b) => a - b)) {
        const seconds = quantileOf(cumulativeOf(latencies), q);
        const ranked = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
        const bucket = LATENCY_BOUNDS.findIndex((bound) => ranked <= bound);
        const [lower, upper] = bucket < 0 ? [10, 10] : [LATENCY_BOUNDS[bucket - 1] ?? 0, LATENCY_BOUNDS[bucket] ?? NaN];
        assert.ok(seconds !== undefined && seconds >= lower && seconds <= upper, `${seconds} of ${lower} to ${upper}`);
        assert.ok(seconds >= last);
        last = seconds;
      }
    }),
  );
});
