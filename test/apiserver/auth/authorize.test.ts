import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { Attributes } from '../../../apiserver/auth/attributes.js';
import { Authorizer, REPORTS_AUTHORIZATION, type AuthorizerOptions } from '../../../apiserver/auth/authorize.js';
import type { User } from '../../../apiserver/auth/user.js';
import type { Misbehaviour } from '../../support/kube-api.js';
import { startReviewApi, type ReviewApi } from '../../support/review-api.js';

const ALICE: User = { name: 'alice', groups: ['dev', 'system:authenticated'], extra: {} };
const METRICS: Attributes = { nonResourceAttributes: { path: '/metrics', verb: 'get' } };
const PODS: Attributes = {
  resourceAttributes: {
    ...{ namespace: 'demo', verb: 'get', group: 'custom.metrics.k8s.io', version: 'v1beta2' },
    ...{ resource: 'pods', subresource: 'lossy', name: '*' },
  },
};
const UNAVAILABLE = { reason: 'InternalError', statusCode: 500 };

async function setUp(
  t: TestContext,
  options: Partial<AuthorizerOptions> = {},
): Promise<ReviewApi & { authorizer: Authorizer; decisions: string[] }> {
  const api = await startReviewApi();
  t.after(() => api.close());
  const decisions: string[] = [];
  const authorizer = new Authorizer({
    ...{ api: api.client, clock: api.clock, log: api.log },
    limits: { timeoutMs: 300, retryDelaysMs: [10] },
    onDecision: (result, isCached) => decisions.push(`${result}${isCached ? ' cached' : ''}`),
    ...options,
  });
  return { ...api, authorizer, decisions };
}

interface Recorded {
  readonly case: string;
  readonly request: { readonly body: { readonly spec: { user: string; groups: string[] } & Attributes } };
  readonly response: { readonly body: { readonly status: { readonly allowed: boolean } } };
}

const RECORDED = JSON.parse(readFileSync('test/fixtures/contract/subjectaccessreview.json', 'utf8')) as Recorded[];
for (const { case: name, request, response } of RECORDED) {
  test(`recorded: ${name}`, async (t) => {
    const { authorizer, server, reviews } = await setUp(t);
    const { user, groups, ...attributes } = request.body.spec;
    server.onAccessReview = () => response.body.status;
    // The recorded member of system:masters was asked about by hand; a server never asks about one.
    const asked = groups.filter((group) => group !== 'system:masters');
    const answer = authorizer.authorize({ name: user, groups: asked, extra: {} }, attributes);
    if (response.body.status.allowed) await answer;
    else await assert.rejects(answer, { reason: 'Forbidden' });
    assert.deepEqual(reviews(), [{ ...request.body, spec: { ...request.body.spec, groups: asked } }]);
  });
}

test('everything that is known of a user is asked about', async (t) => {
  const { authorizer, server, reviews } = await setUp(t);
  server.onAccessReview = () => ({ allowed: true });
  await authorizer.authorize({ name: 'bob', uid: 'u1', groups: [], extra: { b: ['2', '3'], a: ['1'] } }, METRICS);
  assert.deepEqual(reviews(), [
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { ...METRICS, user: 'bob', uid: 'u1', extra: { a: ['1'], b: ['2', '3'] } },
    },
  ]);
});

test('members of system:masters are asked about nobody', async (t) => {
  const { authorizer, reviews } = await setUp(t);
  await authorizer.authorize({ name: 'root', groups: ['system:masters'], extra: {} }, METRICS);
  assert.deepEqual(reviews(), []);
});

const REFUSALS: readonly (readonly [string, Attributes, object, string, object])[] = [
  [
    'in a namespace',
    PODS,
    {},
    'pods.custom.metrics.k8s.io "*" is forbidden: User "alice" cannot get resource "pods/lossy" in API group "custom.metrics.k8s.io" in the namespace "demo"',
    { name: '*', group: 'custom.metrics.k8s.io', kind: 'pods' },
  ],
  [
    'of the cluster',
    { resourceAttributes: { verb: 'list', version: 'v1', resource: 'pods' } },
    {},
    'pods is forbidden: User "alice" cannot list resource "pods" in API group "" at the cluster scope',
    { kind: 'pods' },
  ],
  ['of no resource', METRICS, {}, 'forbidden: User "alice" cannot get path "/metrics"', {}],
  [
    'with a reason',
    METRICS,
    { denied: true, reason: 'no' },
    'forbidden: User "alice" cannot get path "/metrics": no',
    {},
  ],
];

for (const [what, attributes, extra, message, details] of REFUSALS) {
  test(`a refusal ${what} is worded as by kube-apiserver`, async (t) => {
    const { authorizer, server } = await setUp(t);
    server.onAccessReview = () => ({ allowed: false, ...extra });
    await assert.rejects(authorizer.authorize(ALICE, attributes), { reason: 'Forbidden', message, details });
  });
}

test('an answer counts for ten seconds, yes or no', async (t) => {
  const { authorizer, server, clock, reviews, decisions } = await setUp(t);
  server.onAccessReview = () => ({ allowed: true });
  await authorizer.authorize(ALICE, PODS);
  server.onAccessReview = () => ({ allowed: false });
  clock.advance(9_999);
  await authorizer.authorize(ALICE, PODS);
  clock.advance(1);
  await assert.rejects(authorizer.authorize(ALICE, PODS), { reason: 'Forbidden' });
  server.onAccessReview = () => ({ allowed: true });
  clock.advance(9_999);
  await assert.rejects(authorizer.authorize(ALICE, PODS), { reason: 'Forbidden' });
  clock.advance(1);
  await authorizer.authorize(ALICE, PODS);
  assert.equal(reviews().length, 3);
  assert.deepEqual(decisions, ['allowed', 'allowed cached', 'denied', 'denied cached', 'allowed']);
});

test('another user, group, extra or request is another question', async (t) => {
  const { authorizer, server, reviews } = await setUp(t);
  server.onAccessReview = () => ({ allowed: true });
  const users = [
    ALICE,
    { ...ALICE, name: 'bob' },
    { ...ALICE, groups: [] },
    { ...ALICE, extra: { a: ['b'] } },
    { ...ALICE, uid: 'x' },
  ];
  for (const user of users) await authorizer.authorize(user, PODS);
  await authorizer.authorize(ALICE, METRICS);
  assert.equal(reviews().length, 6);
});

test('a hundred requests at once ask once', async (t) => {
  const { authorizer, server, reviews } = await setUp(t);
  server.onAccessReview = () => ({ allowed: true });
  await Promise.all(Array.from({ length: 100 }, () => authorizer.authorize(ALICE, PODS)));
  assert.equal(reviews().length, 1);
});

const pathOf = (path: string): Attributes => ({ nonResourceAttributes: { path, verb: 'get' } });

/** So many questions of a user; how often the same one is asked of kube-apiserver before and after. */
async function askAfterFlood(
  { authorizer, reviews, server }: Awaited<ReturnType<typeof setUp>>,
  flooder: User,
): Promise<number> {
  server.onAccessReview = ({ user }) => ({ allowed: user === ALICE.name });
  await authorizer.authorize(ALICE, METRICS);
  for (let i = 0; i < 5_000; i += 100) {
    const flood = Array.from({ length: 100 }, (_, j) => authorizer.authorize(flooder, pathOf(`/${i + j}`)));
    await Promise.allSettled(flood);
  }
  const before = reviews().length;
  await authorizer.authorize(ALICE, METRICS);
  return reviews().length - before;
}

test('nobody pushes out what others are allowed, by asking for much', async (t) => {
  const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'], extra: {} };
  const set = await setUp(t);
  assert.equal(await askAfterFlood(set, anonymous), 0);
  assert.ok(set.authorizer.cacheSize <= 257, String(set.authorizer.cacheSize));
  assert.equal(await askAfterFlood(set, { ...ALICE, name: 'tenant' }), 0);
  assert.ok(set.authorizer.cacheSize <= 257 + 4_096, String(set.authorizer.cacheSize));
});

test('long questions and long reasons do not fill the memory', async (t) => {
  const { authorizer, server, reviews } = await setUp(t);
  server.onAccessReview = () => ({ allowed: true, reason: 'x'.repeat(100_000) });
  for (let i = 0; i < 60; i++) await authorizer.authorize(ALICE, pathOf(`/${i}${'x'.repeat(20_000)}`));
  assert.ok(authorizer.cacheSize < 45, String(authorizer.cacheSize)); // 8 MiB
  await authorizer.authorize(ALICE, pathOf(`/59${'x'.repeat(20_000)}`));
  assert.equal(reviews().length, 60);
});

test('a path that is not served is asked about each time', async (t) => {
  const { authorizer, server, reviews } = await setUp(t);
  server.onAccessReview = () => ({ allowed: true });
  for (let i = 0; i < 2; i++) await authorizer.authorize(ALICE, pathOf('/nowhere'), { isServed: false });
  assert.deepEqual([authorizer.cacheSize, reviews().length], [0, 2]);
});

const FAILURES: readonly (readonly [string, Misbehaviour])[] = [
  ['does not answer', { hang: true }],
  ['breaks the connection', { destroy: true }],
  ['is not JSON', { nonsense: true }],
  ['fails', { status: 500 }],
  ['may not be asked', { status: 403, body: { kind: 'Status', message: 'no' } }],
  ['answers without a status', { status: 201, body: { kind: 'SubjectAccessReview' } }],
  ['answers neither yes nor no', { status: 201, body: { status: { allowed: 'true' } } }],
  ['answers yes and no', { status: 201, body: { status: { allowed: true, denied: true } } }],
  ['answers a list', { status: 201, body: { status: [true] } }],
];

for (const [what, misbehaviour] of FAILURES) {
  test(`a review that ${what} lets nobody in`, async (t) => {
    const { authorizer, server, decisions, logged } = await setUp(t);
    server.misbehave(() => misbehaviour);
    await assert.rejects(authorizer.authorize(ALICE, PODS), UNAVAILABLE);
    assert.deepEqual(decisions, ['error']);
    assert.ok(logged.some((line) => line.includes('access could not be reviewed')));
    server.misbehave(undefined);
    server.onAccessReview = () => ({ allowed: true });
    await authorizer.authorize(ALICE, PODS);
  });
}

test('a passing failure is asked again', async (t) => {
  const { authorizer, server, reviews } = await setUp(t);
  let tries = 0;
  server.onAccessReview = () => ({ allowed: true });
  server.misbehave(() => (tries++ === 0 ? { status: 503 } : undefined));
  await authorizer.authorize(ALICE, PODS);
  assert.equal(reviews().length, 2);
});

test('an allowed agent may push through an outage of an hour', async (t) => {
  const { authorizer, server, clock, reviews } = await setUp(t, REPORTS_AUTHORIZATION);
  server.onAccessReview = () => ({ allowed: true });
  await authorizer.authorize(ALICE, PODS);
  clock.advance(299_999);
  await authorizer.authorize(ALICE, PODS);
  assert.equal(reviews().length, 1);
  await server.down();
  for (const elapsedMs of [1, 1_000_000, 2_299_999]) {
    clock.advance(elapsedMs);
    await authorizer.authorize(ALICE, PODS);
  }
  clock.advance(1);
  await assert.rejects(authorizer.authorize(ALICE, PODS), UNAVAILABLE);
});

test('a denied agent stays out, before and during an outage', async (t) => {
  const { authorizer, server, clock } = await setUp(t, REPORTS_AUTHORIZATION);
  server.onAccessReview = () => ({ allowed: true });
  await authorizer.authorize(ALICE, PODS);
  clock.advance(300_000);
  server.onAccessReview = () => ({ allowed: false });
  await assert.rejects(authorizer.authorize(ALICE, PODS), { reason: 'Forbidden' });
  await server.down();
  await assert.rejects(authorizer.authorize(ALICE, PODS), { reason: 'Forbidden' });
  clock.advance(10_000);
  await assert.rejects(authorizer.authorize(ALICE, PODS), UNAVAILABLE);
});

test('other requests do not outlive their answer', async (t) => {
  const { authorizer, server, clock } = await setUp(t);
  server.onAccessReview = () => ({ allowed: true });
  await authorizer.authorize(ALICE, PODS);
  await server.down();
  clock.advance(10_000);
  await assert.rejects(authorizer.authorize(ALICE, PODS), UNAVAILABLE);
});
