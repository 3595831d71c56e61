import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSchedule } from '../../nodeagent/schedule.js';
import { createManualClock } from '../support/clock.js';

/**
 * Runs a schedule of 100 ms, from a multiple of that, on a clock that only sleep and rounds move. A round takes as long as `takes` says, a timer fires `late`.
 * @returns the times at which rounds began, and how many were missed
 */
async function roundsOf({
  count,
  takes,
  late = 0,
  lateAt,
  share = 0,
}: {
  count: number;
  takes: (round: number) => number;
  late?: number;
  /** Round before which alone the timer is late. */
  lateAt?: number;
  share?: number;
}) {
  const clock = createManualClock();
  const startMs = clock.monotonicMs();
  const stop = new AbortController();
  const began: number[] = [];
  let missed = 0;
  const round = () => {
    began.push(clock.monotonicMs() - startMs);
    clock.advance(takes(began.length));
    if (began.length === count) stop.abort();
    return Promise.resolve();
  };
  const sleep = (milliseconds: number) => {
    clock.advance(Math.max(0.1, milliseconds + (lateAt === undefined || lateAt === began.length + 1 ? late : 0)));
    return Promise.resolve();
  };
  await runSchedule(round, {
    intervalMs: 100,
    share,
    clock,
    sleep,
    signal: stop.signal,
    onMissed: (n) => (missed += n),
  });
  return { began, missed };
}

test('rounds begin at multiples of the interval, however long each takes within it', async () => {
  const { began, missed } = await roundsOf({ count: 6, takes: (round) => round * 13 });
  assert.deepEqual(began, [0, 100, 200, 300, 400, 500]);
  assert.equal(missed, 0);
});

test('late timers do not add up', async () => {
  const { began } = await roundsOf({ count: 50, takes: () => 5, late: 7 });
  assert.equal(began.at(-1), 4_907);
});

test('a round that came late is not followed at once by the one that is on time', async () => {
  const { began, missed } = await roundsOf({ count: 5, takes: () => 1, late: 90, lateAt: 3 });
  assert.deepEqual(began, [0, 100, 290, 400, 500]);
  assert.equal(missed, 1);
});

test('a round that takes too long costs the rounds it covers, and none overlap', async () => {
  const { began, missed } = await roundsOf({ count: 4, takes: (round) => (round === 2 ? 250 : 5) });
  assert.deepEqual(began, [0, 100, 400, 500]);
  assert.equal(missed, 2);
});

test('a timer that fires early starts no round, and none twice', async () => {
  const { began, missed } = await roundsOf({ count: 20, takes: () => 0.1, late: -0.4 });
  assert.deepEqual(
    began.map((ms) => Math.floor(ms / 100)),
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.equal(missed, 0);
});

test('after the first round, which is at once, each agent has its own place in the interval', async () => {
  const beganAt = async (share: number) => (await roundsOf({ count: 4, takes: () => 5, share })).began.map(Math.round);
  assert.deepEqual(await beganAt(0.25), [0, 125, 225, 325]);
  assert.deepEqual(await beganAt(0.49), [0, 149, 249, 349]);
  assert.deepEqual(await beganAt(0.51), [0, 51, 151, 251]);
  assert.deepEqual(await beganAt(0.99), [0, 99, 199, 299]);
});

test('a first round that takes long costs the rounds it covers, and does not move the place', async () => {
  const { began, missed } = await roundsOf({ count: 3, takes: (round) => (round === 1 ? 260 : 5), share: 0.75 });
  assert.deepEqual(began, [0, 275, 375]);
  assert.equal(missed, 2);
});
