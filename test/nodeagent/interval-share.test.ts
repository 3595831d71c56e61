import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intervalShare } from '../../nodeagent/interval-share.js';

const FLEET = 5_000;
const SECONDS = 15;

/** How many agents of a fleet are in each second of an interval of 15 s. */
function histogram(nameOf: (i: number) => string): number[] {
  const counts = new Array<number>(SECONDS).fill(0);
  for (let i = 0; i < FLEET; i++) {
    const second = Math.floor(intervalShare(nameOf(i), 'node') * SECONDS);
    counts[second] = (counts[second] ?? NaN) + 1;
  }
  return counts;
}

for (const [kind, nameOf] of [
  ['numbered', (i: number) => `node-${i}`],
  ['named by address', (i: number) => `ip-10-0-${i >> 8}-${i & 255}.eu-west-1.compute.internal`],
] as const) {
  test(`nodes that are ${kind} are spread evenly over the interval`, () => {
    const counts = histogram(nameOf);
    const mean = FLEET / SECONDS;
    // a binomial's standard deviation is 17.6: beyond five of them it is no chance
    for (const count of counts) assert.ok(Math.abs(count - mean) < 88, counts.join(' '));
  });
}

test('an agent always has the same place, and the agents of a node have two', () => {
  assert.equal(intervalShare('node-a', 'node'), intervalShare('node-a', 'node'));
  assert.notEqual(intervalShare('node-a', 'node'), intervalShare('node-a', 'probe'));
});
