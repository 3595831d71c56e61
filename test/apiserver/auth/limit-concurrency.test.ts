import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXTRA } from '../../../apiserver/auth/agent-identity.js';
import { ConcurrencyLimit, type Asker, type LimitedBy } from '../../../apiserver/auth/limit-concurrency.js';

const LIMITS = {
  asking: { perUser: 2, perDirectUser: 1, direct: 2, overall: 4 },
  answering: { perUser: 2, direct: 2, overall: 4 },
  reports: { perNode: 2, perUser: 3, direct: 5, overall: 5 },
};
const TOO_MANY = { reason: 'TooManyRequests', statusCode: 429, message: 'Too many requests, please try again later.' };

const proxied = (name: string, groups: string[] = []): Asker => ({
  ...{ user: { name, groups, extra: {} }, isDirect: false, isReport: false },
});
const direct = (name: string): Asker => ({ ...proxied(name), isDirect: true });
const agent = (extra: Record<string, string[]>, name = 'agent'): Asker => ({
  ...{ user: { name, groups: [], extra }, isDirect: true, isReport: true },
});
const ofNode = (node: string, name?: string): Asker => agent({ [EXTRA.nodeName]: [node], [EXTRA.podUid]: ['u'] }, name);

function create(): { limit: ConcurrencyLimit; refused: LimitedBy[] } {
  const refused: LimitedBy[] = [];
  return { limit: new ConcurrencyLimit(LIMITS, (by) => refused.push(by)), refused };
}

test('a user has a limit, and so have all together', () => {
  const { limit, refused } = create();
  const leave = limit.answer(proxied('a'));
  limit.answer(proxied('a'));
  assert.throws(() => limit.answer(proxied('a')), TOO_MANY);
  limit.answer(proxied('b'));
  limit.answer(proxied('b'));
  assert.throws(() => limit.answer(proxied('c')), TOO_MANY);
  leave();
  leave(); // once is enough
  limit.answer(proxied('c'));
  assert.throws(() => limit.answer(proxied('d')), TOO_MANY);
  assert.deepEqual(refused, ['user', 'overall', 'overall']);
  assert.equal(limit.inFlight, 4);
});

test('direct callers have half, the aggregator the rest', () => {
  for (const pool of ['ask', 'answer'] as const) {
    const { limit, refused } = create();
    for (const name of ['a', 'b']) limit[pool](direct(name));
    assert.throws(() => limit[pool](direct('c')), TOO_MANY);
    limit[pool](proxied('hpa'));
    limit[pool](proxied('hpa'));
    assert.deepEqual(refused, ['direct']);
  }
});

test('who only asks takes no place from who is let in', () => {
  const { limit } = create();
  for (const name of ['a', 'b']) limit.ask(direct(name));
  assert.throws(() => limit.ask(direct('a')), TOO_MANY);
  limit.answer(direct('a'));
  assert.equal(limit.inFlight, 3);
});

test('a node has a limit of its own among reports', () => {
  const { limit, refused } = create();
  const leave = limit.answer(ofNode('a'));
  limit.answer(ofNode('a'));
  assert.throws(() => limit.answer(ofNode('a')), TOO_MANY);
  limit.answer(ofNode('b'));
  leave();
  limit.answer(ofNode('a'));
  for (const podUid of ['v', 'w']) limit.answer(agent({ [EXTRA.podUid]: [podUid] }));
  assert.throws(() => limit.answer(ofNode('c')), TOO_MANY);
  limit.answer(proxied('a'));
  assert.deepEqual(refused, ['node', 'reports']);
});

test('agents are told when to come back, nobody else is', () => {
  const { limit } = create();
  for (let i = 0; i < 2; i++) limit.answer(ofNode('a'));
  for (const retryAfterSeconds of [1, 2]) {
    assert.throws(() => limit.answer(ofNode('a')), { ...TOO_MANY, details: { retryAfterSeconds } });
  }
  for (let i = 0; i < 2; i++) limit.answer(proxied('hpa'));
  assert.throws(() => limit.answer(proxied('hpa')), { ...TOO_MANY, details: undefined });
});

test('an agent without a node counts by its pod, or by its user', () => {
  const { limit, refused } = create();
  for (let i = 0; i < 2; i++) limit.answer(agent({ [EXTRA.podUid]: ['u'] }));
  assert.throws(() => limit.answer(agent({ [EXTRA.podUid]: ['u'] })), TOO_MANY);
  for (let i = 0; i < 3; i++) limit.answer(agent({}));
  assert.throws(() => limit.answer(agent({})), TOO_MANY);
  assert.deepEqual(refused, ['node', 'node']);
});

test('a tenant on the node of an agent does not stand in its way', () => {
  const { limit } = create();
  for (let i = 0; i < 2; i++) limit.ask(ofNode('a', 'tenant'));
  assert.throws(() => limit.ask(ofNode('a', 'tenant')), TOO_MANY);
  limit.ask(ofNode('a'));
  limit.answer(ofNode('a'));
});

test('the aggregator is never turned away', () => {
  const { limit } = create();
  for (let i = 0; i < 6; i++) limit.answer(proxied('system:kube-aggregator', ['system:masters']));
  assert.equal(limit.inFlight, 6);
});
