import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConcurrencyLimit } from '../../../apiserver/auth/limit-concurrency.js';
import type { User } from '../../../apiserver/auth/user.js';

const user = (name: string, groups: string[] = []): User => ({ name, groups, extra: {} });
const TOO_MANY = { reason: 'TooManyRequests', statusCode: 429, message: 'Too many requests, please try again later.' };

test('a user has a limit, and so have all together', () => {
  const refused: string[] = [];
  const limit = new ConcurrencyLimit({ perUser: 2, overall: 3, reports: 1 }, (by) => refused.push(by));
  const leave = limit.enter(user('a'), false);
  limit.enter(user('a'), false);
  assert.throws(() => limit.enter(user('a'), false), TOO_MANY);
  limit.enter(user('b'), false);
  assert.throws(() => limit.enter(user('c'), false), TOO_MANY);
  leave();
  leave(); // once is enough
  limit.enter(user('c'), false);
  assert.throws(() => limit.enter(user('d'), false), TOO_MANY);
  assert.deepEqual(refused, ['user', 'overall', 'overall']);
  assert.equal(limit.inFlight, 3);
});

test('reports and the rest do not take from each other', () => {
  const limit = new ConcurrencyLimit({ perUser: 1, overall: 1, reports: 2 });
  limit.enter(user('a'), false);
  const leave = limit.enter(user('a'), true);
  limit.enter(user('a'), true);
  assert.throws(() => limit.enter(user('a'), true), TOO_MANY);
  leave();
  limit.enter(user('a'), true);
});

test('the aggregator is never turned away', () => {
  const limit = new ConcurrencyLimit({ perUser: 1, overall: 1, reports: 1 });
  limit.enter(user('a'), false);
  limit.enter(user('system:kube-aggregator', ['system:masters']), false);
  assert.equal(limit.inFlight, 2);
});
