import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '../../../nodeagent/probes/probe.js';
import { Tally } from '../../../nodeagent/probes/tally.js';
import { LATENCY_BOUNDS, PROBE_COLUMNS, PROBE_REASONS, REPORT_LIMITS } from '../../../openapi/report-terms.js';

const seconds = fc.oneof(
  fc.constantFrom<number>(...LATENCY_BOUNDS),
  fc.double({ min: 0, max: 12, noNaN: true }),
  fc.double({ min: 0, max: 0.01, noNaN: true }),
);
const outcome: fc.Arbitrary<Outcome<'dns'>> = fc.oneof(
  seconds.map((one): Outcome<'dns'> => ({ ok: true, seconds: one })),
  fc.constantFrom(...PROBE_REASONS.dns).map((reason): Outcome<'dns'> => ({ ok: false, reason })),
);

function tallyOf(outcomes: readonly Outcome<'dns'>[]): Tally<'dns'> {
  const tally = new Tally('dns');
  outcomes.forEach((one, i) => tally.add(one, i));
  return tally;
}

const secondsOf = (outcomes: readonly Outcome<'dns'>[]) => outcomes.flatMap((one) => (one.ok ? [one.seconds] : []));

test('a row counts what took no longer than each bound, all, their seconds, and failures by reason', () => {
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 40 }), (outcomes) => {
      const took = secondsOf(outcomes);
      assert.deepEqual(tallyOf(outcomes).row(), [
        ...LATENCY_BOUNDS.map((bound) => took.filter((one) => one <= bound).length),
        took.length,
        took.reduce((sum, one) => sum + one, 0),
        ...PROBE_REASONS.dns.map((reason) => outcomes.filter((one) => !one.ok && one.reason === reason).length),
      ]);
    }),
  );
});

test('the verdict goes by the newest eight outcomes', () => {
  fc.assert(
    fc.property(fc.array(outcome, { minLength: 1, maxLength: 40 }), (outcomes) => {
      const newest = outcomes.slice(-8);
      const { medianSeconds, ...recent } = tallyOf(outcomes).recent(0) ?? {};
      assert.deepEqual(recent, {
        attempts: newest.length,
        failures: newest.filter(({ ok }) => !ok).length,
        lastFailed: outcomes.at(-1)?.ok === false,
      });
      const took = secondsOf(newest);
      assert.equal(medianSeconds === undefined, took.length === 0);
      const median = medianSeconds ?? NaN;
      assert.ok(took.filter((one) => one <= median).length >= took.length / 2);
      assert.ok(took.filter((one) => one >= median).length >= took.length / 2);
    }),
  );
  assert.equal(REPORT_LIMITS.recentProbes, 8);
});

test('the median of an even number is the mean of the two in the middle', () => {
  const tally = tallyOf([4, 1, 3, 2].map((one) => ({ ok: true, seconds: one })));
  assert.equal(tally.recent(0)?.medianSeconds, 2.5);
});

test('before the first probe there is nothing recent, and the counts are zero', () => {
  const tally = new Tally('dial');
  assert.equal(tally.recent(0), undefined);
  assert.equal(tally.isFailing, false);
  assert.deepEqual(
    tally.row(),
    Array.from({ length: PROBE_COLUMNS.failures + PROBE_REASONS.dial.length }, () => 0),
  );
});

test('a row that was handed out does not grow', () => {
  const tally = tallyOf([{ ok: true, seconds: 1 }]);
  const row = tally.row();
  tally.add({ ok: true, seconds: 1 }, 1);
  assert.equal(row[PROBE_COLUMNS.count], 1);
});

test('the clock is that of the newest answer, unless that is old', () => {
  const tally = new Tally('ntp');
  tally.add({ ok: true, seconds: 1, clock: { offsetSeconds: -0.5, stratum: 2 } }, 1_000);
  tally.add({ ok: true, seconds: 1, clock: { offsetSeconds: 0.25, stratum: 3 } }, 2_000);
  tally.add({ ok: false, reason: 'timeout' }, 3_000);
  assert.deepEqual(tally.clock(2_000), { offsetSeconds: 0.25, stratum: 3 });
  assert.equal(tally.clock(2_001), undefined);
});
