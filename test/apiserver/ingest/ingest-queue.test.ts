import assert from 'node:assert/strict';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { ApiError } from '../../../apiserver/api/errors.js';
import { IngestQueue, type QueueLimits } from '../../../apiserver/ingest/ingest-queue.js';
import { systemClock } from '../../../runtime/clock.js';
import { createManualClock } from '../../support/clock.js';

const UNLIMITED: QueueLimits = { reports: Infinity, bytes: Infinity, waitMs: Infinity };

function create(limits: Partial<QueueLimits> = {}) {
  const clock = createManualClock();
  const done: string[] = [];
  let length = 0;
  const queue = new IngestQueue({
    clock,
    limits: { ...UNLIMITED, ...limits },
    onChange: ({ reports }) => (length = reports),
  });
  /** @param costMs of working it off */
  const send = (key: string, { bytes = 1, costMs = 0, intervalMs = 15_000 } = {}): Promise<string> =>
    queue.run({ key, bytes }, () => {
      clock.advance(costMs);
      done.push(key);
      return Promise.resolve({ intervalMs, answer: key });
    });
  return { queue, clock, done, send, length: () => length };
}

/** Seconds after which it may come again; undefined where it was taken. */
async function refusedFor(sent: Promise<string>): Promise<number | undefined> {
  try {
    await sent;
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ApiError && error.statusCode === 429, String(error));
    return error.details?.retryAfterSeconds;
  }
}

test('reports are worked off in the order in which they came, with a turn of the event loop between two', async () => {
  const { send, done } = create();
  const sent = ['a', 'b', 'c'].map((key) => send(key));
  assert.deepEqual(done, []);
  const seen: number[] = [];
  while (done.length < 3) {
    seen.push(done.length);
    await nextTurn();
  }
  assert.deepEqual(await Promise.all(sent), ['a', 'b', 'c']);
  assert.deepEqual(done, ['a', 'b', 'c']);
  assert.deepEqual([...new Set(seen)], [0, 1, 2]);
});

test('what arrives while reports wait is answered before the next of them', async () => {
  const queue = new IngestQueue({ clock: systemClock, limits: UNLIMITED });
  const order: string[] = [];
  const busyWork = (key: string) => () => {
    const endMs = systemClock.monotonicMs() + 10;
    while (systemClock.monotonicMs() < endMs);
    order.push(key);
    return Promise.resolve({ intervalMs: 1_000, answer: key });
  };
  const sent = Array.from({ length: 20 }, (_, i) => queue.run({ key: `${i}`, bytes: 1 }, busyWork(`${i}`)));
  await delay(15);
  order.push('query');
  await Promise.all(sent);
  assert.ok(order.indexOf('query') < 6, order.join(' '));
});

test('where many wait a turn has some of them, for a few milliseconds', async () => {
  const { send, done, clock } = create();
  const startedMs = clock.monotonicMs();
  const sent = Array.from({ length: 30 }, (_, i) => send(`${i}`, { costMs: 1.5 }));
  const seen = [0];
  while (done.length < sent.length) {
    await nextTurn();
    if (done.length > (seen.at(-1) ?? 0)) seen.push(done.length);
  }
  // three are 4.5 ms; from 19 that wait on it is one by one
  assert.deepEqual(seen.slice(0, 6), [0, 3, 6, 9, 11, 12]);
  assert.deepEqual(seen.at(-1), 30);
  assert.equal(clock.monotonicMs() - startedMs, 45);
  await Promise.all(sent);
});

test('a failure is its own', async () => {
  const { queue, send } = create();
  const bad = queue.run({ key: 'bad', bytes: 1 }, () => Promise.reject(new TypeError('bad')));
  const good = send('good');
  await assert.rejects(bad, TypeError);
  assert.equal(await good, 'good');
});

test('beyond a bound the sender that had its turn last is refused, waiting or not', async () => {
  const { send, done, length } = create({ reports: 2 });
  for (const key of ['a', 'b', 'c']) await send(key);
  done.length = 0;
  const waiting = ['b', 'a'].map((key) => send(key));
  const justCome = send('c'); // the last to have had a turn
  assert.equal(await refusedFor(justCome), 1);
  const newcomer = send('new'); // pushes b out, which had its turn after a
  assert.equal(await refusedFor(waiting[0] ?? newcomer), 2);
  await Promise.all([waiting[1], newcomer]);
  assert.deepEqual(done, ['a', 'new']);
  assert.equal(length(), 0);
});

test('bodies and expected waits have bounds, a report that is alone is taken', async () => {
  const bytes = create({ bytes: 10 });
  const first = bytes.send('a', { bytes: 20 });
  assert.equal(await refusedFor(bytes.send('b', { bytes: 20 })), 1);
  assert.equal(await first, 'a');
  assert.equal(await bytes.send('b', { bytes: 20 }), 'b');

  const wait = create({ waitMs: 300 });
  for (let i = 0; i < 50; i++) await wait.send(`${i}`, { costMs: 90 });
  const sent = ['a', 'b', 'c', 'd', 'e'].map((key) => refusedFor(wait.send(key, { costMs: 90 })));
  assert.deepEqual(
    (await Promise.all(sent)).map((seconds) => seconds === undefined),
    [true, true, true, false, false],
  );
  for (let i = 0; i < 50; i++) await wait.send(`${i}`, { costMs: 1 });
  await wait.send('frozen', { costMs: 60_000 }); // once says nothing of the others
  assert.deepEqual(
    await Promise.all(Array.from({ length: 20 }, (_, i) => refusedFor(wait.send(`n${i}`)))),
    Array.from({ length: 20 }, () => undefined),
  );
});

test('of one sender the newest report alone waits', async () => {
  const { send, done, length } = create({ bytes: 100 });
  const [old, other] = [send('a', { bytes: 60 }), send('b')];
  const newer = send('a', { bytes: 70 });
  assert.equal(await refusedFor(old), 1);
  assert.deepEqual(await Promise.all([newer, other]), ['a', 'b']);
  assert.deepEqual(done, ['a', 'b']);
  assert.equal(length(), 0);
});

test('those that are refused come back one second after the other, within their interval', async () => {
  const { send } = create({ reports: 1 });
  await send('a', { intervalMs: 3_000 });
  const first = send('new');
  const seconds: (number | undefined)[] = [];
  for (let i = 0; i < 5; i++) seconds.push(await refusedFor(send('a')));
  assert.deepEqual(seconds, [1, 2, 3, 1, 2]);
  await first;
});

test('under three times the load that can be worked off every sender gets through equally often', async () => {
  const { send, done, clock } = create({ reports: 20, waitMs: 5_000 });
  const senders = Array.from({ length: 450 }, (_, i) => `n${i}`);
  const nextMs = new Map(senders.map((key, i) => [key, (i * 15_000) / senders.length]));
  const waiting = new Set<string>();
  const takenMs = new Map<string, number[]>(senders.map((key) => [key, []]));
  const startMs = clock.monotonicMs();
  // One report takes 100 ms, 450 senders each 15 s send three in that time; all keep to what they are told.
  while (clock.monotonicMs() - startMs < 600_000) {
    const nowMs = clock.monotonicMs() - startMs;
    for (const key of senders) {
      if (waiting.has(key) || (nextMs.get(key) ?? 0) > nowMs) continue;
      waiting.add(key);
      void refusedFor(send(key, { costMs: 100 })).then((seconds) => {
        waiting.delete(key);
        const endMs = clock.monotonicMs() - startMs;
        if (seconds === undefined) takenMs.get(key)?.push(endMs);
        nextMs.set(key, endMs + (seconds ?? 15) * 1_000);
      });
    }
    if (waiting.size === 0) clock.advance(10);
    await nextTurn();
  }
  const counts = [...takenMs.values()].map(({ length }) => length);
  const gaps = [...takenMs.values()].map((times) => Math.max(...times.slice(1).map((ms, i) => ms - (times[i] ?? 0))));
  assert.ok(done.length > 5_900, `${done.length} were worked off`);
  // 600 s at 100 ms are 6,000 turns, 13 for each; a round of all takes 45 s.
  assert.ok(Math.min(...counts) >= 10, `${Math.min(...counts)} to ${Math.max(...counts)}`);
  assert.ok(Math.max(...counts) <= 17, `${Math.min(...counts)} to ${Math.max(...counts)}`);
  assert.ok(Math.max(...gaps) <= 75_000, `${Math.max(...gaps)} ms without a turn`);
});
