import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { TokenReviewer, type TokenOutcome, type TokenReviewerOptions } from '../../../apiserver/auth/token-review.js';
import type { Misbehaviour } from '../../support/kube-api.js';
import { startReviewApi, type ReviewApi } from '../../support/review-api.js';

const TOKEN = 'secret-token-of-alice';
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
    assert.deepEqual(await reviewer.authenticate(token), expected);
    assert.deepEqual(reviews(), [request.body]);
  });
}

test('without audiences none are asked for', async (t) => {
  const { reviewer, server, reviews } = await setUp(t);
  server.onTokenReview = () => ALICE;
  const { username: name, ...rest } = ALICE.user;
  assert.deepEqual(await reviewer.authenticate(TOKEN), { ok: true, user: { name, ...rest } });
  assert.deepEqual(reviews(), [
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: TOKEN } },
  ]);
});

test('a token for other audiences, or for none, is refused', async (t) => {
  const { reviewer, server } = await setUp(t, { audiences: ['podnet'] });
  for (const audiences of [undefined, [], ['other'], 'podnet']) {
    server.onTokenReview = () => ({ ...ALICE, audiences });
    assert.deepEqual(await reviewer.authenticate(`${TOKEN} ${String(audiences)}`), { ok: false, reason: 'refused' });
  }
});

test('a revoked token works for ten seconds, no longer', async (t) => {
  const { reviewer, server, clock, reviews } = await setUp(t);
  const isGood = async (): Promise<boolean> => (await reviewer.authenticate(TOKEN)).ok;
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
  assert.equal((await reviewer.authenticate(jwt)).ok, true);
  server.onTokenReview = () => ({ user: {} });
  clock.advance(3_000);
  assert.equal((await reviewer.authenticate(jwt)).ok, true);
  clock.advance(1);
  assert.equal((await reviewer.authenticate(jwt)).ok, false);
});

test('a hundred requests with one token ask once', async (t) => {
  const { reviewer, server, reviews } = await setUp(t);
  server.onTokenReview = () => ALICE;
  await Promise.all(Array.from({ length: 100 }, () => reviewer.authenticate(TOKEN)));
  assert.equal(reviews().length, 1);
});

test('more than a hundred unknown tokens at once are turned away', async (t) => {
  const { reviewer, server } = await setUp(t);
  server.misbehave(() => ({ hang: true }));
  const asked = Array.from({ length: 101 }, (_, i) => reviewer.authenticate(`token-${i}`));
  await assert.rejects(asked.at(-1) ?? Promise.resolve(), { reason: 'TooManyRequests' });
  const outcomes = await Promise.all(asked.slice(0, -1));
  assert.deepEqual(outcomes[0], { ok: false, reason: 'error' });
});

test('a token of 64 KiB is refused unasked', async (t) => {
  const { reviewer, reviews } = await setUp(t);
  assert.equal((await reviewer.authenticate('x'.repeat(64 * 1024 + 1))).ok, false);
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
    const outcome: TokenOutcome = await reviewer.authenticate(TOKEN);
    assert.deepEqual(outcome, { ok: false, reason: 'error' });
    assert.ok(logged.some((line) => line.includes('a bearer token could not be reviewed')));
    assert.ok(!logged.join('').includes(TOKEN));
    server.misbehave(undefined);
    server.onTokenReview = () => ALICE;
    assert.equal((await reviewer.authenticate(TOKEN)).ok, true);
  });
}
