import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Repeating } from '../../runtime/repeating.js';
import { eventually } from '../support/programs.js';

const HOUR_MS = 3_600_000;

test('a round follows the pause that the last one asked for', async () => {
  const pauses = [5, 5, HOUR_MS];
  let rounds = 0;
  const repeating = new Repeating(() => Promise.resolve(pauses[rounds++] ?? 0)).start();
  await eventually(
    () => rounds,
    (count) => count === 3,
  );
  await repeating.close();
  assert.equal(rounds, 3);
});

test('a wake in a round begins the next after it, never beside it', async () => {
  let rounds = 0;
  let most = 0;
  let running = 0;
  const repeating = new Repeating(async () => {
    rounds++;
    most = Math.max(most, ++running);
    if (rounds === 1) repeating.wake();
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return HOUR_MS;
  }).start();
  await eventually(
    () => rounds,
    (count) => count === 2,
  );
  repeating.wake();
  await eventually(
    () => rounds,
    (count) => count === 3,
  );
  await repeating.close();
  assert.equal(most, 1);
});

test('closing tells the round, waits for it and begins none', async () => {
  let rounds = 0;
  let ended = false;
  const repeating = new Repeating(async (signal) => {
    rounds++;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    ended = true;
    return 0;
  }).start();
  await eventually(
    () => rounds,
    (count) => count === 1,
  );
  await repeating.close();
  assert.deepEqual([rounds, ended], [1, true]);
});
