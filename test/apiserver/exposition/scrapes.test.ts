import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeflatedTexts } from '../../../apiserver/exposition/deflated.js';
import type { NodeLines } from '../../../apiserver/exposition/pieces.js';
import { SCRAPE_LIMITS, Scrapes, type Ending, type ScrapeLimits } from '../../../apiserver/exposition/scrapes.js';
import { createManualClock } from '../../support/clock.js';
import { eventually } from '../../support/programs.js';

const SEEN: readonly NodeLines[] = [{ node: 'node-a', receivedAtMs: 0, blocks: new DeflatedTexts(['a 1\n', 'b 2\n']) }];
const BYTES = SEEN[0]?.blocks.bytes ?? 0;

function scrapesWith(limits: Partial<ScrapeLimits> = {}) {
  const clock = createManualClock();
  const looks: [number, string | undefined][] = [];
  let released = 0;
  const ended: [string, Ending][] = [];
  const scrapes = new Scrapes(
    (nowMs, namespace) => {
      looks.push([nowMs - createManualClock().monotonicMs(), namespace]);
      return { lines: Promise.resolve(SEEN), release: () => released++ };
    },
    clock,
    { ...SCRAPE_LIMITS, ...limits },
  );
  const begin = (name: string, namespace?: string, client = 'prometheus') =>
    scrapes.begin(client, namespace, (ending) => ended.push([name, ending]));
  return { clock, scrapes, looks, ended, begin, released: () => released };
}

test('scrapes of a second are of one moment, each namespace for itself', async () => {
  const { clock, scrapes, looks, begin } = scrapesWith();
  const first = begin('first');
  clock.advance(999);
  const second = begin('second');
  begin('of a namespace', 'team-1');
  assert.equal(await second?.lines, await first?.lines);
  assert.equal(second?.atMs, first?.atMs);
  assert.equal(scrapes.heldBytes, 2 * BYTES);
  clock.advance(1);
  begin('third');
  assert.deepEqual(looks, [
    [0, undefined],
    [999, 'team-1'],
    [1_000, undefined],
  ]);
});

test('a moment is gone with the last scrape that needs it', async () => {
  const { scrapes, looks, begin, released } = scrapesWith();
  const [first, second] = [begin('first'), begin('second')];
  await first?.lines;
  first?.release();
  first?.release();
  assert.deepEqual([scrapes.heldBytes, released()], [BYTES, 0]);
  second?.end();
  assert.deepEqual([scrapes.heldBytes, released()], [0, 1]);
  assert.equal(scrapes.count, 1, 'the first is still being sent');
  begin('third');
  assert.equal(looks.length, 2, 'what is of the same millisecond may be newer');
});

test('too many: the first gives way once it had its time, till then who comes is refused', () => {
  const { clock, scrapes, ended, begin } = scrapesWith({ atOnce: 2 });
  begin('first');
  clock.advance(1);
  begin('second');
  clock.advance(SCRAPE_LIMITS.undisturbedMs - 2);
  assert.equal(begin('too early'), undefined);
  assert.deepEqual(ended, []);
  clock.advance(1);
  assert.notEqual(begin('third'), undefined);
  assert.deepEqual(ended, [['first', 'gave_way']]);
  assert.equal(begin('too early again'), undefined);
  assert.equal(scrapes.count, 2);
});

test('lines held are bounded in bytes, and those give way that hold the oldest', async () => {
  const { clock, scrapes, ended, begin } = scrapesWith({ heldBytes: 3 * BYTES });
  for (const name of ['first', 'second', 'third', 'fourth', 'fifth']) {
    await begin(name)?.lines;
    clock.advance(1_500);
    assert.ok(scrapes.heldBytes <= 3 * BYTES, name);
  }
  assert.deepEqual(ended, [
    ['first', 'gave_way'],
    ['second', 'gave_way'],
  ]);
});

test('one that takes too long is ended, and one that is over is not', async () => {
  const { scrapes, ended, begin } = scrapesWith({ longestMs: 50 });
  begin('over')?.end();
  begin('slow');
  await eventually(
    () => Promise.resolve(ended),
    ({ length }) => length > 0,
  );
  assert.deepEqual(ended, [['slow', 'too_slow']]);
  assert.equal(scrapes.count, 0);
});

test('a look that failed is nobody else’s', async () => {
  let looks = 0;
  let released = 0;
  const scrapes = new Scrapes(
    () => ({
      lines: ++looks === 1 ? Promise.reject(new Error('no')) : Promise.resolve(SEEN),
      release: () => released++,
    }),
    createManualClock(),
  );
  await assert.rejects(scrapes.begin('', undefined, () => undefined)?.lines ?? Promise.resolve(), /no/);
  assert.equal(released, 1);
  assert.equal(await scrapes.begin('', undefined, () => undefined)?.lines, SEEN);
});

test('whoever has most of the places keeps nobody else out: the first of his gives way at once', () => {
  const { scrapes, ended, begin } = scrapesWith({ atOnce: 4 });
  begin('of prometheus');
  for (const name of ['a', 'b', 'c']) begin(name, undefined, 'greedy');
  assert.equal(begin('d', undefined, 'greedy'), undefined);
  assert.notEqual(begin('of prometheus, too'), undefined);
  assert.deepEqual(ended, [['a', 'gave_way']]);
  assert.equal(begin('now as many'), undefined);
  assert.equal(scrapes.count, 4);
});
