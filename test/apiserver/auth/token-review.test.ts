import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { TokenReviewer, type TokenOutcome, type TokenReviewerOptions } from '../../../apiserver/auth/token-review.js';
import type { Misbehaviour } from '../../support/kube-api.js';
import { startReviewApi, type ReviewApi } from '../../support/review-api.js';

const TOKEN = 'secret-token-of-alice';
const HERE = '192.0.2.1';
const ALICE = { authenticated: true, user: { username: 'alice', uid: 'u1', groups: ['dev'], extra: { a: ['b'] } } };

async function setUp(
  t: TestContext,
  options: Partial<TokenReviewerOptions> = {},
): Promise<ReviewApi & { reviewer: TokenReviewer }> {
  const api = await startReviewApi();
  t.after(() => api.close());
  const reviewer = new TokenReviewer({
    ...{ api: api.client, clock: api.clock, log: api.log },
    limits: { timeoutMs: 300, retryDelaysMs: [10] },
    ...options,
  });
  return { ...api, reviewer };
}

interface Recorded {
  readonly case: string;
  readonly request: { readonly body: { readonly spec: { readonly token: string; readonly audiences: string[] } } };
  readonly response: {
    readonly body: {
      readonly status: {
        authenticated?: boolean;
        user: { username: string; uid: string; groups: string[]; extra: object };
      };
    };
  };
}

const RECORDED = JSON.parse(readFileSync('test/fixtures/contract/tokenreview.json', 'utf8')) as Recorded[];
for (const { case: name, request, response } of RECORDED) {
  test(`recorded: ${name}`, async (t) => {
    const { token, audiences } = request.body.spec;
    const { reviewer, server, reviews } = await setUp(t, { audiences });
    const { status } = response.body;
    server.onTokenReview = () => status;
    const { username, ...rest } = status.user;
    const expected =
      status.authenticated === true
        ? { ok: true, user: { name: username, ...rest } }
        : { ok: false, reason: 'refused' };
    assert.deepEqual(await reviewer.authenticate(token, HERE), expected);
    assert.deepEqual(reviews(), [request.body]);
  });
}

test('without audiences none are asked for', async (t) => {
  const { reviewer, server, reviews } = await setUp(t);
  server.onTokenReview = () => ALICE;
  const { username: name, ...rest } = ALICE.user;
  assert.deepEqual(await reviewer.authenticate(TOKEN, HERE), { ok: true, user: { name, ...rest } });
  assert.deepEqual(reviews(), [
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: TOKEN } },
  ]);
});

test('a token for other audiences, or for none, is refused', async (t) => {
  const { reviewer, server } = await setUp(t, { audiences: ['podnet'] });
  for (const audiences of [undefined, [], ['other'], 'podnet']) {
    server.onTokenReview = () => ({ ...ALICE, audiences });
    assert.deepEqual(await reviewer.authenticate(`${TOKEN} ${String(audiences)}`, HERE), {
      ok: false,
      reason: 'refused',
    });
  }
});

test('a revoked token works for ten seconds, no longer', async (t) => {
  const { reviewer, server, clock, reviews } = await setUp(t);
  const isGood = async (): Promise<boolean> => (await reviewer.authenticate(TOKEN, HERE)).ok;
  server.onTokenReview = () => ALICE;
  assert.equal(await isGood(), true);
  server.onTokenReview = () => ({ user: {} });
  clock.advance(10_000);
  assert.equal(await isGood(), true);
  clock.advance(1);
  assert.equal(await isGood(), false);
  clock.advance(10_000);
  assert.equal(await isGood(), false);
  assert.equal(reviews().length, 2);
});

test('a JWT is not remembered beyond its expiry', async (t) => {
  const { reviewer, server, clock } = await setUp(t);
  const exp = Math.floor(clock.wallMs() / 1_000) + 3;
  const jwt = `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`;
  server.onTokenReview = () => ALICE;
  assert.equal((await reviewer.authenticate(jwt, HERE)).ok, true);
  server.onTokenReview = () => ({ user: {} });
  clock.advance(3_000);
  assert.equal((await reviewer.authenticate(jwt, HERE)).ok, true);
  clock.advance(1);
  assert.equal((await reviewer.authenticate(jwt, HERE)).ok, false);
});

test('a hundred requests with one token ask once', async (t) => {
  const { reviewer, server, reviews } = await setUp(t);
  server.onTokenReview = () => ALICE;
  await Promise.all(Array.from({ length: 100 }, () => reviewer.authenticate(TOKEN, HERE)));
  assert.equal(reviews().length, 1);
});

const addressOf = (i: number): string => `192.0.2.${i}`;
const TOO_MANY = { reason: 'TooManyRequests' };

test('more than fifty unknown tokens at once are turned away', async (t) => {
  const { reviewer, server } = await setUp(t);
  server.misbehave(() => ({ hang: true }));
  const asked = Array.from({ length: 51 }, (_, i) => reviewer.authenticate(`token-${i}`, addressOf(i)));
  await assert.rejects(asked.at(-1) ?? Promise.resolve(), TOO_MANY);
  const outcomes = await Promise.all(asked.slice(0, -1));
  assert.deepEqual(outcomes[0], { ok: false, reason: 'error' });
});

test('a token that was good does not wait in line with invented ones', async (t) => {
  const { reviewer, server, clock } = await setUp(t);
  server.onTokenReview = ({ token }) => (token === TOKEN ? ALICE : { user: {} });
  assert.equal((await reviewer.authenticate(TOKEN, HERE)).ok, true);
  for (let i = 0; i < 49; i++) await reviewer.authenticate(`invented-${i}`, HERE);
  await assert.rejects(reviewer.authenticate('invented', HERE), TOO_MANY);
  clock.advance(10_001); // its review is no longer remembered
  server.misbehave((request) => (JSON.stringify(request.body).includes('invented') ? { hang: true } : undefined));
  const asked = Array.from({ length: 50 }, (_, i) => reviewer.authenticate(`invented-again-${i}`, addressOf(i)));
  await assert.rejects(reviewer.authenticate('unknown', addressOf(60)), TOO_MANY);
  assert.equal((await reviewer.authenticate(TOKEN, HERE)).ok, true);
  await Promise.all(asked);
});

test('an address has fifty unknown tokens, and ten a second', async (t) => {
  const { reviewer, clock, reviews } = await setUp(t);
  const show = (token: string, from: string): Promise<TokenOutcome> => reviewer.authenticate(token, from);
  for (let i = 0; i < 50; i++) await show(`token-${i}`, `2001:db8::${i.toString(16)}`);
  await assert.rejects(show('next', '2001:db8:0:0:1::1'), TOO_MANY);
  assert.equal((await show('elsewhere', '2001:db8:0:1::1')).ok, false);
  clock.advance(100);
  assert.equal((await show('next', '2001:db8::1')).ok, false);
  await assert.rejects(show('last', '2001:db8::1'), TOO_MANY);
  assert.equal(reviews().length, 52);
});

test('a token of 64 KiB is refused unasked', async (t) => {
  const { reviewer, reviews } = await setUp(t);
  assert.equal((await reviewer.authenticate('x'.repeat(64 * 1024 + 1), HERE)).ok, false);
  assert.deepEqual(reviews(), []);
});

const FAILURES: readonly (readonly [string, Misbehaviour])[] = [
  ['does not answer', { hang: true }],
  ['breaks the connection', { destroy: true }],
  ['is not JSON', { nonsense: true }],
  ['fails', { status: 503 }],
  ['may not be asked', { status: 403, body: { kind: 'Status', message: 'no' } }],
  ['says "authenticated" and not who', { status: 201, body: { status: { authenticated: true, user: {} } } }],
  [
    'names a user that is no text',
    { status: 201, body: { status: { authenticated: true, user: { username: ['alice'] } } } },
  ],
  [
    'names groups that are no list',
    { status: 201, body: { status: { authenticated: true, user: { username: 'a', groups: 'system:masters' } } } },
  ],
  ['says "authenticated" otherwise', { status: 201, body: { status: { ...ALICE, authenticated: 'true' } } }],
];

for (const [what, misbehaviour] of FAILURES) {
  test(`a review that ${what} proves nothing`, async (t) => {
    const { reviewer, server, logged } = await setUp(t);
    server.misbehave(() => misbehaviour);
    const outcome: TokenOutcome = await reviewer.authenticate(TOKEN, HERE);
    assert.deepEqual(outcome, { ok: false, reason: 'error' });
    assert.ok(logged.some((line) => line.includes('a bearer token could not be reviewed')));
    assert.ok(!logged.join('').includes(TOKEN));
    server.misbehave(undefined);
    server.onTokenReview = () => ALICE;
    assert.equal((await reviewer.authenticate(TOKEN, HERE)).ok, true);
  });
}

test('it is told of each token whether its answer was known', async (t) => {
  const lookups: boolean[] = [];
  const { reviewer, server } = await setUp(t, { onLookup: (isKnown) => lookups.push(isKnown) });
  server.onTokenReview = () => ALICE;
  for (const token of [TOKEN, TOKEN, 'another', TOKEN]) await reviewer.authenticate(token, HERE);
  assert.deepEqual(lookups, [false, true, false, true]);
});
