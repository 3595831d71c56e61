import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Places, type Candidate } from '../../../apiserver/exposition/places.js';

const candidate = (createdMs: number, uid: string, series = 1): Candidate => ({ createdMs, uid, series });

test('of those created at once the lower uid goes first', () => {
  const places = new Places(1);
  const [a, b] = [candidate(1, 'a'), candidate(1, 'b')];
  places.add(b);
  assert.equal(places.isBeyond(b), false);
  places.add(a);
  assert.deepEqual([places.isBeyond(a), places.isBeyond(b)], [false, true]);
});

test('nobody is shown after one that does not fit', () => {
  const places = new Places(10);
  const [first, large, small] = [candidate(1, 'a', 5), candidate(2, 'b', 6), candidate(3, 'c', 1)];
  for (const one of [small, large, first]) places.add(one);
  assert.deepEqual(
    [first, large, small].map((one) => places.isBeyond(one)),
    [false, true, true],
  );
  places.resize(large, 4);
  assert.deepEqual(
    [first, large, small].map((one) => places.isBeyond(one)),
    [false, false, false],
  );
});

test('who is shown depends on who is there alone', () => {
  const some = fc.record({
    createdMs: fc.nat(5),
    uid: fc.string({ maxLength: 2 }),
    series: fc.integer({ min: 1, max: 9 }),
  });
  const all = fc.uniqueArray(some, { selector: ({ uid }) => uid, maxLength: 30 });
  fc.assert(
    fc.property(all, fc.nat(60), fc.infiniteStream(fc.boolean()), (candidates, max, choices) => {
      const places = new Places<Candidate>(max);
      const there: Candidate[] = [];
      for (const one of candidates) {
        places.add(one);
        if (choices.next().value === true) there.push(one);
        else places.remove(one);
        if (choices.next().value === true) for (const other of there) places.isBeyond(other);
      }
      const ordered = there.toSorted((a, b) => a.createdMs - b.createdMs || (a.uid < b.uid ? -1 : 1));
      let series = 0;
      let isFull = false;
      for (const one of ordered) {
        series += one.series;
        isFull ||= series > max;
        assert.equal(places.isBeyond(one), isFull);
      }
      assert.equal(places.size, there.length);
    }),
  );
});
