import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Steps } from '../../../apiserver/ingest/steps.js';
import { createManualClock } from '../../support/clock.js';

/** Which of the parts were done before anything else had a turn, by what each takes. */
async function doneInFirstTurn(isLarge: boolean, costsMs: readonly number[]): Promise<number> {
  const clock = createManualClock();
  const steps = new Steps(clock, isLarge);
  let done = 0;
  const inFirstTurn = new Promise<number>((resolve) => setImmediate(() => resolve(done)));
  for (const costMs of costsMs) {
    await steps.do(() => {
      clock.advance(costMs);
      done++;
    });
  }
  assert.equal(done, costsMs.length);
  assert.equal(
    steps.spentMs,
    costsMs.reduce((sum, costMs) => sum + costMs, 0),
  );
  return inFirstTurn;
}

test('parts of a usual report are done in one turn, those of a large one in one each', async () => {
  assert.equal(await doneInFirstTurn(false, [1, 1, 1, 1]), 4);
  assert.equal(await doneInFirstTurn(true, [1, 1, 1, 1]), 1);
});

test('a small report that makes much work lets others in between', async () => {
  assert.equal(await doneInFirstTurn(false, [1, ...Array.from({ length: 100 }, () => 3)]), 3);
});
