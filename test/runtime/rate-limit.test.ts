import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimit } from '../../runtime/rate-limit.js';
import { createManualClock } from '../support/clock.js';

function limitOf(perSecond: number, burst: number) {
  const clock = createManualClock();
  const limit = new RateLimit({ perSecond, burst }, clock);
  /** Whether each of so many may, one after the other. */
  const take = (address: string, count: number) => Array.from({ length: count }, () => limit.take(address));
  return { take, after: (ms: number) => clock.advance(ms) };
}

test('an address may burst, and then as often as the rate says', () => {
  const { take, after } = limitOf(2, 3);
  assert.deepEqual(take('192.0.2.1', 4), [true, true, true, false]);
  after(250);
  assert.deepEqual(take('192.0.2.1', 1), [false]);
  after(250);
  assert.deepEqual(take('192.0.2.1', 2), [true, false], 'being refused costs nothing');
  after(3_600_000);
  assert.deepEqual(take('192.0.2.1', 4), [true, true, true, false], 'no more than a burst is saved up');
});

test('addresses do not take from each other, but those of one host are one', () => {
  const { take } = limitOf(1, 1);
  assert.deepEqual(take('192.0.2.1', 1), [true]);
  assert.deepEqual(take('192.0.2.2', 1), [true]);
  assert.deepEqual(take('::ffff:192.0.2.1', 1), [false]);
  assert.deepEqual(take('2001:db8::1', 1), [true]);
  assert.deepEqual(take('2001:db8:0:0:5::9', 1), [false]);
  assert.deepEqual(take('2001:db8:0:1::1', 1), [true]);
});

test('of more addresses than are remembered the one that came longest ago is forgotten', () => {
  const { take } = limitOf(1, 1);
  take('first', 1);
  take('second', 1);
  assert.deepEqual(take('first', 1), [false]);
  for (let i = 0; i < 4_095; i++) take(`another-${i}`, 1);
  assert.deepEqual(take('first', 1), [false]);
  assert.deepEqual(take('second', 1), [true]);
});

test('what has a bucket of its own takes from no other', () => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 }, createManualClock());
  assert.deepEqual([limit.take('2001:db8::1'), limit.take('2001:db8::1')], [true, false]);
  assert.deepEqual([limit.take('2001:db8::2', '/healthz'), limit.take('2001:db8::1', '/healthz')], [true, false]);
});
