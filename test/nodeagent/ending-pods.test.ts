import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndingPods } from '../../nodeagent/ending-pods.js';
import type { Round } from '../../nodeagent/read-round.js';
import { readingOf } from '../support/reports.js';

const META = {
  ...{ name: 'eth0', network: '', nadNamespace: '', primary: true, identity: '1/3' },
  source: 'netdev',
} as const;

function roundAt(takenAt: number, ...uids: readonly string[]): Round {
  const interfaces = new Map(uids.map((uid) => [uid, [{ meta: META, counters: readingOf(takenAt) }]]));
  return { takenAt, readings: { interfaces }, skipped: new Map(), failures: new Map(), collectors: [] };
}

function endingOf(...uids: readonly string[]): EndingPods {
  const ending = new EndingPods();
  for (const uid of uids) ending.add(uid, false, 0);
  return ending;
}

/** Which pods ended, and whose readings of when were the last. */
function took(ending: EndingPods, round: Round, asked: readonly string[]) {
  const { ended, rounds } = ending.take(round, new Set(asked));
  return [[...ended], rounds.map(({ takenAt, readings }) => [takenAt, ...readings.interfaces.keys()])];
}

test('the last reading of a pod is kept until it cannot be read', () => {
  const ending = endingOf('a', 'b');
  assert.deepEqual(took(ending, roundAt(1, 'a', 'b'), ['a', 'b']), [[], []]);
  assert.deepEqual(took(ending, roundAt(2, 'a', 'b'), ['a', 'b']), [[], []]);
  assert.deepEqual(took(ending, roundAt(3, 'b'), ['a', 'b']), [['a'], [[2, 'a']]]);
  assert.deepEqual(took(ending, roundAt(4), ['b']), [['b'], [[3, 'b']]]);
  assert.equal(ending.size, 0);
});

test('the next reading of a pod that is gone is its last', () => {
  const ending = endingOf('a');
  ending.add('b', true, 0);
  assert.deepEqual(took(ending, roundAt(1, 'a', 'b'), ['a', 'b']), [['b'], [[1, 'b']]]);
  assert.ok(ending.has('a'));
});

test('of a pod that was not asked for a round says nothing', () => {
  const ending = endingOf('a');
  ending.add('late', true, 0); // while the round was under way
  assert.deepEqual(took(ending, roundAt(1, 'a'), ['a']), [[], []]);
  assert.deepEqual(took(ending, roundAt(2, 'a', 'late'), ['a', 'late']), [['late'], [[2, 'late']]]);
});

test('of a pod that was not asked for the last reading stays', () => {
  const ending = endingOf('a', 'b');
  assert.deepEqual(took(ending, roundAt(1, 'a', 'b'), ['a', 'b']), [[], []]);
  assert.deepEqual(took(ending, roundAt(2, 'a'), ['a']), [[], []]);
  assert.deepEqual(took(ending, roundAt(3), ['a', 'b']), [
    ['a', 'b'],
    [
      [1, 'b'],
      [2, 'a'],
    ],
  ]);
});

test('a pod that never could be read ends without a sample', () => {
  assert.deepEqual(took(endingOf('a'), roundAt(1), ['a']), [['a'], []]);
});

test('a pod that takes too long is forgotten, and one that was noted again is not', () => {
  const ending = endingOf('a');
  ending.expire(60_000);
  assert.ok(ending.has('a'));
  ending.expire(60_001);
  assert.ok(!ending.has('a'));
  ending.add('a', true, 60_001);
  assert.deepEqual(took(ending, roundAt(1, 'a'), ['a']), [['a'], [[1, 'a']]]);
});
