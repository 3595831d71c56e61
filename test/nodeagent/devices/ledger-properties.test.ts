import { test } from 'node:test';
import fc from 'fast-check';
import { VF_COUNTER_SOURCES } from '../../../openapi/report-terms.js';
import { VF_ADDRESSES, VF_COUNTER_KEYS, VfWorld, type VfEvent } from '../../support/vf-world.js';

const U64_MAX = 2n ** 64n - 1n;
const RUNS = 3_000;

const vf = fc.nat({ max: VF_ADDRESSES.length - 1 });
const key = fc.nat({ max: VF_COUNTER_KEYS.length - 1 });
const amount = fc.oneof(
  { weight: 8, arbitrary: fc.bigInt(1n, 1_000n) },
  { weight: 1, arbitrary: fc.bigInt(2n ** 53n, 2n ** 63n) },
);
const value = fc.oneof(fc.constantFrom(0n, 2n ** 53n + 1n, 2n ** 63n, U64_MAX - 2_000n), fc.bigInt(0n, U64_MAX));
const is = <const T extends string>(...kinds: readonly T[]) => fc.constantFrom(...kinds);

const calm = [
  { weight: 8, arbitrary: fc.record({ is: is('traffic'), vf, key, amount: fc.bigInt(1n, 1_000n) }) },
  { weight: 4, arbitrary: fc.record({ is: is('read', 'report') }) },
  { weight: 2, arbitrary: fc.record({ is: is('read-one'), vf }) },
];
const stormy = [
  { weight: 8, arbitrary: fc.record({ is: is('traffic'), vf, key, amount }) },
  { weight: 5, arbitrary: fc.record({ is: is('read', 'report') }) },
  { weight: 2, arbitrary: fc.record({ is: is('restart', 'restart-with-bases', 'restart-with-bases') }) },
  { weight: 3, arbitrary: fc.record({ is: is('attach', 'detach', 'read-one'), vf }) },
  { weight: 2, arbitrary: fc.record({ is: is('lose-reading', 'remove'), vf }) },
  { weight: 1, arbitrary: fc.record({ is: is('lose-counter'), vf, key }) },
  { weight: 1, arbitrary: fc.record({ is: is('reset'), vf, to: value }) },
  {
    weight: 1,
    arbitrary: fc.record({
      is: is('change-source'),
      vf,
      source: fc.constantFrom(...VF_COUNTER_SOURCES),
    }),
  },
];

function play(starts: readonly bigint[], events: readonly VfEvent[]): void {
  const world = new VfWorld(starts);
  for (const event of events) world.play(event);
  world.end();
}

const starts = fc.tuple(value, value);

test('no pod is credited with what it did not count, whatever happens', () => {
  const events = fc.array(fc.oneof(...stormy), { maxLength: 60, size: 'max' });
  fc.assert(fc.property(starts, events, play), { numRuns: RUNS });
});

test('what is counted between two readings of one owner is credited exactly', () => {
  const give = { weight: 1, arbitrary: fc.record({ is: is('attach', 'lose-reading'), vf }) };
  const restart = { weight: 1, arbitrary: fc.record({ is: is('restart-with-bases') }) };
  const events = fc.array(fc.oneof(...calm, give, restart), { maxLength: 60, size: 'max' });
  fc.assert(fc.property(starts, events, play), { numRuns: RUNS });
});
