import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { anchorWallClock, hasStepped, wallAt } from '../../../nodeagent/probes/wall-anchor.js';
import { systemClock, type Clock } from '../../../runtime/clock.js';

const NEVER = new AbortController().signal;

/** Goes on by some time with every look, and by more with every turn. Its true wall clock is what the shown one is rounded down from. */
function tickingClock({ lookMs, turnMs, phaseMs }: { lookMs: number; turnMs: () => number; phaseMs: number }) {
  let elapsedMs = 0;
  let stepMs = 0;
  const trueWallMs = (monotonicMs: number): number => 1_790_000_000_000 + phaseMs + stepMs + monotonicMs;
  const clock: Clock = {
    monotonicMs: () => (elapsedMs += lookMs),
    wallMs: () => Math.floor(trueWallMs((elapsedMs += lookMs))),
  };
  return {
    clock,
    trueWallMs,
    step: (ms: number) => (stepMs += ms),
    turn: async () => {
      elapsedMs += turnMs();
      await setImmediate();
    },
  };
}

test('the wall clock is known to what is said, however slow the turns are', async () => {
  for (const slowestMs of [0.01, 0.2, 1, 5, 20]) {
    for (let n = 0; n < 40; n++) {
      const { clock, trueWallMs, turn } = tickingClock({
        ...{ lookMs: 0.001, phaseMs: Math.random() * 3 },
        turnMs: () => Math.random() * slowestMs,
      });
      const anchor = await anchorWallClock(clock, turn, NEVER);
      const errorMs = Math.abs(wallAt(anchor, 1_000) - trueWallMs(1_000));
      assert.ok(errorMs <= anchor.errorMs + 0.001, `${errorMs} ms, and not ${anchor.errorMs}`);
      assert.ok(anchor.errorMs <= 0.51);
      if (slowestMs === 0.01) assert.ok(anchor.errorMs <= 0.05);
      assert.equal(hasStepped(anchor, clock), false);
    }
  }
});

test('waiting for a tick takes some milliseconds at most', async () => {
  const { clock, turn } = tickingClock({ lookMs: 0.001, phaseMs: 0, turnMs: () => 0.5 });
  const begunMs = clock.monotonicMs();
  await anchorWallClock(clock, turn, NEVER);
  assert.ok(clock.monotonicMs() - begunMs < 4);
});

test('nobody waits for a tick that is not wanted any more', async () => {
  const { clock } = tickingClock({ lookMs: 0.000_001, phaseMs: 0, turnMs: () => 0 });
  await anchorWallClock(clock, () => assert.fail('a turn'), AbortSignal.abort());
});

test('a clock that is set while it is looked at is known as it is then', async () => {
  for (const stepMs of [-3_600_000, -50, 50, 3_600_000]) {
    const { clock, trueWallMs, turn, step } = tickingClock({ lookMs: 0.001, phaseMs: 0.5, turnMs: () => 0.06 });
    let turns = 0;
    const anchor = await anchorWallClock(
      clock,
      async () => {
        if (++turns === 3) step(stepMs);
        await turn();
      },
      NEVER,
    );
    assert.ok(Math.abs(wallAt(anchor, 10) - trueWallMs(10)) <= anchor.errorMs + 0.001, `${stepMs}`);
  }
});

test('a clock that is set afterwards has stepped', async () => {
  for (const stepMs of [-3_600_000, -5, 5, 3_600_000]) {
    const { clock, turn, step } = tickingClock({ lookMs: 0.001, phaseMs: 0.3, turnMs: () => 0.02 });
    const anchor = await anchorWallClock(clock, turn, NEVER);
    assert.equal(hasStepped(anchor, clock), false);
    step(stepMs);
    assert.equal(hasStepped(anchor, clock), true, `${stepMs}`);
  }
});

test('the clocks of this machine are known together', async () => {
  const anchor = await anchorWallClock(systemClock, setImmediate, NEVER);
  assert.ok(Math.abs(wallAt(anchor, systemClock.monotonicMs()) - Date.now()) < 1_000);
  assert.equal(hasStepped(anchor, systemClock), false);
});
