import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exhaustionSeconds, slopeOf, type FreeSamples } from '../../../metrics/ipam/trend.js';

const MINUTE_MS = 60_000;

/** A sample a minute, of the minutes given. */
function samples(minutes: number, freeAt: (minute: number) => number, startMs = 0): FreeSamples {
  return Array.from({ length: minutes + 1 }, (_, i) => [startMs + i * MINUTE_MS, freeAt(i)] as const);
}

function assertNear(actual: number | undefined, wanted: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - wanted) <= Math.abs(wanted) * 1e-9, `${actual ?? 'none'}`);
}

test('a line has its slope, whenever the machine started', () => {
  for (const startMs of [0, 1e9, 9e12, Number.MAX_SAFE_INTEGER - 60 * MINUTE_MS]) {
    assertNear(slopeOf(samples(60, (minute) => 240 - 3 * minute, startMs)), -3 / 60);
    assert.equal(slopeOf(samples(60, () => 17, startMs)), 0);
  }
});

// predict_linear() and deriv() of Prometheus: by hand, of 0, 30 and 60 minutes: Σ(t - t̄)(v - v̄) / Σ(t - t̄)² = -1800·20 / (2·1800²)
test('it is the line of least squares', () => {
  const three: FreeSamples = [
    [0, 50],
    [30 * MINUTE_MS, 50],
    [60 * MINUTE_MS, 30],
  ];
  assertNear(slopeOf(three), (-1_800 * 20) / (2 * 1_800 ** 2)); // the later half is steeper
});

test('what is over is no trend, and what has just turned is none yet', () => {
  // a node has come, and has given 40 addresses within two minutes
  const come = (minute: number) => Math.max(18, 58 - 20 * minute);
  for (const minutes of [30, 45, 60, 75]) assert.equal(slopeOf(samples(minutes, come)), 0, `${minutes} min`);
  assert.equal(slopeOf(samples(60, (minute) => (minute < 40 ? 200 - minute : 160 + (minute - 40)))), 0);
  const slowed = samples(60, (minute) => (minute < 30 ? 200 - 4 * minute : 80 - (minute - 30)));
  assertNear(slopeOf(slowed), -1 / 60);
});

test('less than half an hour is no trend, and what is older than an hour is none of it', () => {
  assert.equal(slopeOf([]), undefined);
  assert.equal(slopeOf([[5, 1]]), undefined);
  assert.equal(slopeOf(samples(29, (minute) => 100 - minute)), undefined);
  assertNear(slopeOf(samples(30, (minute) => 100 - minute)), -1 / 60);
  // it fell for half an hour, and has stood still for an hour since
  assert.equal(slopeOf(samples(90, (minute) => Math.max(100, 130 - minute))), 0);
  // a gap: what is left of the hour covers too little
  const late = [[0, 500] as const, ...samples(20, (minute) => 100 - minute, 50 * MINUTE_MS)];
  assert.equal(slopeOf(late), undefined);
});

test('ups and downs that cancel out are no trend', () => {
  for (let amount = 1; amount < 60; amount++) {
    const values = (minute: number) => 1_000_003 + amount * ((30 - minute) ** 2 / 7);
    const slope = slopeOf(samples(60, values, 86_400_000 * 400 + amount));
    assert.equal(exhaustionSeconds(5, slope), undefined, `${amount}: ${slope ?? 'none'}`);
  }
});

test('what shrinks runs out, what has run out has, and nothing else does', () => {
  assert.equal(exhaustionSeconds(120, -2), 60);
  assert.equal(exhaustionSeconds(120, 0), undefined);
  assert.equal(exhaustionSeconds(120, 1), undefined);
  assert.equal(exhaustionSeconds(120, undefined), undefined);
  assert.equal(exhaustionSeconds(0, undefined), 0);
  assert.equal(exhaustionSeconds(0, 1), 0);
});
