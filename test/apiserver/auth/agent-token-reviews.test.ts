// Tokens of agents where the published keys do not suffice, and while the API server is ill.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mock, test, type TestContext } from 'node:test';
import type { AgentTokensDeps } from '../../../apiserver/auth/agent-tokens.js';
import type { Misbehaviour } from '../../support/kube-api.js';
import { statusOf } from '../../../apiserver/api/errors.js';
import { Cluster, createSigner } from '../../support/agent-tokens.js';
import { eventually } from '../../support/programs.js';

const signer = await createSigner('first');
const other = await createSigner('second');
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Its signature is good, but it does not say where its pod is: only a review tells. */
const unbound = (cluster: Cluster, jti = 'one'): Promise<string> =>
  cluster.token({ claims: { jti }, bound: { node: undefined } });

async function createCluster(context: TestContext, overrides: Partial<AgentTokensDeps> = {}): Promise<Cluster> {
  const cluster = await Cluster.create(signer, overrides);
  context.after(() => cluster.close());
  return cluster;
}

const break_ = (cluster: Cluster, path: RegExp, how: Misbehaviour): void =>
  cluster.api.misbehave((request) => (path.test(request.path) ? how : undefined));

const unavailable = { reason: 'InternalError', message: /the token cannot be verified now/ };
const unauthorized = { reason: 'Unauthorized' };

test('after a change of keys the new one is fetched, and no review is needed', async (context) => {
  const cluster = await createCluster(context);
  await cluster.tokens.verify(await cluster.token());
  cluster.publish([signer.jwk, other.jwk]);
  cluster.clock.advance(11_000);
  assert.equal((await cluster.tokens.verify(await cluster.token({}, other))).source, 'keys');
  assert.deepEqual([cluster.keyFetches, cluster.reviews], [2, 0]);
});

test('a key that is published no more verifies nothing after five minutes', async (context) => {
  const cluster = await createCluster(context);
  const token = await cluster.token();
  await cluster.tokens.verify(token);
  cluster.publish([other.jwk]);
  cluster.clock.advance(5 * MINUTE_MS + 1);
  await assert.rejects(cluster.tokens.verify(token), unauthorized);
});

test('a flood of unknown key ids fetches the keys once in ten seconds', async (context) => {
  const cluster = await createCluster(context);
  await cluster.tokens.verify(await cluster.token());
  cluster.clock.advance(11_000);
  const forged = await Promise.all(
    Array.from({ length: 40 }, (_, i) => cluster.token({ kid: `forged-${i}`, claims: { jti: String(i) } }, other)),
  );
  const results = await Promise.allSettled(forged.map((token) => cluster.tokens.verify(token)));
  assert.ok(results.every(({ status }) => status === 'rejected'));
  assert.equal(cluster.keyFetches, 2);
});

test('a refused review is not asked for again for ten seconds', async (context) => {
  const cluster = await createCluster(context);
  const token = await unbound(cluster);
  for (let i = 0; i < 5; i++) await assert.rejects(cluster.tokens.verify(token), unauthorized);
  assert.equal(cluster.reviews, 1);
  cluster.accept();
  cluster.clock.advance(10_001);
  assert.equal((await cluster.tokens.verify(token)).node, 'node-a');
});

test('a token that names no node is reviewed, with our audience, once a minute', async (context) => {
  const cluster = await createCluster(context);
  cluster.accept();
  const token = await unbound(cluster);
  const identities = await Promise.all(Array.from({ length: 20 }, () => cluster.tokens.verify(token)));
  assert.ok(identities.every(({ source, node }) => source === 'review' && node === 'node-a'));
  assert.equal(cluster.reviews, 1);
  const spec = (cluster.api.requests.at(-1)?.body as { spec: object }).spec;
  assert.deepEqual(spec, { token, audiences: ['podnet'] });
  cluster.clock.advance(MINUTE_MS + 1);
  await cluster.tokens.verify(token);
  assert.equal(cluster.reviews, 2);
});

test('a review that does not grant our audience is none', async (context) => {
  const cluster = await createCluster(context);
  for (const audiences of [undefined, [], ['other']]) {
    cluster.accept((status) => {
      delete status.audiences;
      if (audiences !== undefined) status.audiences = audiences;
    });
    await assert.rejects(cluster.tokens.verify(await unbound(cluster, String(audiences?.length))), {
      reason: 'Unauthorized',
      message: /audience/,
    });
  }
});

test('only a service account is an agent', async (context) => {
  const cluster = await createCluster(context);
  for (const username of ['system:admin', 'system:serviceaccount:', 'system:serviceaccount:a:b:c', '']) {
    cluster.accept(({ user }) => (user.username = username));
    await assert.rejects(cluster.tokens.verify(await unbound(cluster, `by ${username}`)), unauthorized);
  }
});

test('what is no token is refused, at any length', async (context) => {
  const cluster = await createCluster(context);
  const garbage = ['', '.', '..', 'a.b.c', 'e30.e30.', '\u0000', 'ä.ö.ü', randomBytes(49_152).toString('base64')];
  for (const token of garbage) await assert.rejects(cluster.tokens.verify(token), unauthorized);
  assert.equal(cluster.reviews, 0);
});

test('keys that cannot be used leave the judgement to a review', async (context) => {
  const { kid = '', alg = '', e = '' } = signer.jwk;
  const broken: object[][] = [
    [{ ...signer.jwk, n: '!' }],
    [{ ...signer.jwk, n: 'AQAB' }],
    [{ kty: 'RSA', kid, alg, e }],
    [{ kty: 'EC', kid, crv: 'P-1', x: 'x', y: 'y' }],
    [signer.jwk, { ...other.jwk, kid }],
    [{ ...signer.jwk, n: 5 }],
    [],
    Array.from({ length: 65 }, () => signer.jwk),
    [{ ...signer.jwk, n: 'A'.repeat(5_000) }],
  ];
  for (const keys of broken) {
    const cluster = await createCluster(context);
    cluster.publish(keys);
    await assert.rejects(cluster.tokens.verify(await cluster.token()), unauthorized);
    assert.equal(cluster.reviews, 1, JSON.stringify(keys).slice(0, 100));
  }
});

test('without keys a token is reviewed, until they are there', async (context) => {
  const cluster = await createCluster(context);
  cluster.accept();
  for (const how of [{ status: 503, body: {} }, { destroy: true }, { nonsense: true }, { status: 200, body: '[]' }]) {
    break_(cluster, /openid/, how);
    const token = await cluster.token({ claims: { jti: JSON.stringify(how) } });
    assert.equal((await cluster.tokens.verify(token)).source, 'review');
    cluster.clock.advance(11_000);
  }
  cluster.api.misbehave(undefined);
  const token = await cluster.token({ claims: { jti: 'later' } });
  assert.equal((await cluster.tokens.verify(token)).source, 'keys');
  assert.equal(cluster.logged.filter((line) => line.includes('cannot be fetched')).length, 1);
});

test('the last keys stay while the API server is away', async (context) => {
  const cluster = await createCluster(context);
  await cluster.tokens.verify(await cluster.token());
  await cluster.api.down();
  cluster.clock.advance(HOUR_MS);
  const token = await cluster.token({ claims: { jti: 'new' } });
  assert.equal((await cluster.tokens.verify(token)).source, 'keys');
});

test('without keys and reviews nobody has access', async (context) => {
  const cluster = await createCluster(context);
  await cluster.api.down();
  await assert.rejects(cluster.tokens.verify(await cluster.token()), unavailable);
});

test('a review that cannot be read, or is answered with an error, is no access', async (context) => {
  for (const how of [{ nonsense: true }, { status: 201, body: { status: null } }, { status: 403, body: {} }]) {
    const cluster = await createCluster(context);
    break_(cluster, /tokenreviews/, how);
    await assert.rejects(cluster.tokens.verify(await unbound(cluster)), unavailable);
  }
});

test('an outage takes access from no known pod within the hour', async (context) => {
  const cluster = await createCluster(context);
  await cluster.tokens.verify(await cluster.token());
  await cluster.api.down();
  cluster.pods.isCurrent = false;
  cluster.clock.advance(50 * MINUTE_MS);
  const token = await cluster.token({ claims: { jti: 'new' } });
  assert.equal((await cluster.tokens.verify(token)).node, 'node-a');
  cluster.clock.advance(11 * MINUTE_MS);
  await assert.rejects(cluster.tokens.verify(token), unavailable);
});

test('in an outage a pod that was never seen has no access', async (context) => {
  const cluster = await createCluster(context);
  await cluster.tokens.verify(await cluster.token());
  await cluster.api.down();
  cluster.pods.isCurrent = false;
  cluster.listed.clear();
  await assert.rejects(cluster.tokens.verify(await cluster.token({ claims: { jti: 'new' } })), unavailable);
});

test('in an outage a reviewed token is good for an hour, and not beyond its end', async (context) => {
  const cluster = await createCluster(context);
  cluster.accept();
  const endsSoon = Math.floor(cluster.clock.wallMs() / 1_000) + 1_800;
  const [long, short] = await Promise.all([
    unbound(cluster),
    cluster.token({ claims: { exp: endsSoon }, bound: { node: undefined } }),
  ]);
  for (const token of [long, short]) await cluster.tokens.verify(token);
  break_(cluster, /./, { destroy: true });
  cluster.clock.advance(32 * MINUTE_MS);
  assert.equal((await cluster.tokens.verify(long)).source, 'review');
  await assert.rejects(cluster.tokens.verify(short), { reason: 'Unauthorized', message: /expired/ });
  cluster.clock.advance(29 * MINUTE_MS);
  await assert.rejects(cluster.tokens.verify(long), unavailable);
});

test('a denial ends what an outage would have kept', async (context) => {
  const cluster = await createCluster(context);
  cluster.accept();
  const token = await unbound(cluster);
  await cluster.tokens.verify(token);
  cluster.clock.advance(MINUTE_MS + 1);
  cluster.deny();
  await assert.rejects(cluster.tokens.verify(token), unauthorized);
  await cluster.api.down();
  cluster.clock.advance(MINUTE_MS + 1);
  await assert.rejects(cluster.tokens.verify(token), unavailable);
});

test('while reviews fail one in ten seconds tries', async (context) => {
  const cluster = await createCluster(context);
  break_(cluster, /tokenreviews/, { status: 500, body: {} });
  for (let i = 0; i < 20; i++) await assert.rejects(cluster.tokens.verify(await unbound(cluster, `${i}`)), unavailable);
  assert.equal(cluster.reviews, 1);
  cluster.clock.advance(10_000);
  await Promise.allSettled(
    Array.from({ length: 20 }, async (_, i) => cluster.tokens.verify(await unbound(cluster, `later-${i}`))),
  );
  assert.equal(cluster.reviews, 2);
});

test('a review that takes too long is given up', async (context) => {
  let onAsked: (() => void) | undefined;
  const asked = new Promise<void>((resolve) => (onAsked = resolve));
  const reviewToken = () => {
    onAsked?.();
    return new Promise<never>(() => undefined);
  };
  const cluster = await createCluster(context, { reviewToken });
  await cluster.tokens.verify(await cluster.token()); // the keys are there
  const token = await unbound(cluster);
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const answer = assert.rejects(cluster.tokens.verify(token), unavailable);
    await asked;
    mock.timers.tick(5_000);
    await answer;
  } finally {
    mock.timers.reset();
  }
});

interface Flood {
  readonly asked: readonly string[];
  readonly results: readonly Promise<unknown>[];
  readonly release: () => void;
}

/** Tokens that are shown at once, and whose reviews take until they are released. */
async function flood(
  context: TestContext,
  tokensOf: (cluster: Cluster) => Promise<{ readonly token: string; readonly from?: string }[]>,
  { hasKeys = true } = {},
): Promise<Flood> {
  const asked: string[] = [];
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const reviewToken = async (token: string) => {
    asked.push(token);
    await gate;
    return undefined;
  };
  const cluster = await createCluster(context, { reviewToken });
  if (!hasKeys) break_(cluster, /openid/, { status: 503, body: {} });
  const results = (await tokensOf(cluster)).map(({ token, from }) => cluster.tokens.verify(token, from));
  for (const one of results) one.catch(() => undefined);
  return { asked, results, release };
}

/** Waits until so many have been. */
async function refused(results: readonly Promise<unknown>[], count: number): Promise<void> {
  let rejected = 0;
  for (const one of results) one.catch(() => rejected++);
  await eventually(
    () => rejected,
    (now) => now === count,
  );
}

const tooMany = { reason: 'TooManyRequests', statusCode: 429 };
const addressOf = (i: number): string => `192.0.2.${i}`;

test('no more than 64 reviews are under way', async (context) => {
  const { asked, results, release } = await flood(context, (cluster) =>
    Promise.all(Array.from({ length: 100 }, async (_, i) => ({ token: await unbound(cluster, `${i}`) }))),
  );
  const settled = Promise.allSettled(results);
  await assert.rejects(Promise.all(results), tooMany);
  await refused(results, 36); // one that comes after the release has its turn
  release();
  const errors = (await settled).flatMap((one) => (one.status === 'rejected' ? [statusOf(one.reason)] : []));
  const refusals = errors.filter(({ code }) => code === 429);
  assert.equal(refusals.length, 36);
  // spread over an interval
  assert.equal(new Set(refusals.map(({ details }) => details?.retryAfterSeconds)).size, 15);
  assert.equal(asked.length, 64);
});

test('half of the reviews are kept from tokens that may be invented', async (context) => {
  const { asked, results, release } = await flood(
    context,
    (cluster) =>
      Promise.all(
        Array.from({ length: 40 }, async (_, i) => ({
          token: await cluster.token({ claims: { jti: `${i}` } }, other),
          from: addressOf(i),
        })),
      ),
    { hasKeys: false },
  );
  const settled = Promise.allSettled(results);
  await assert.rejects(Promise.all(results), tooMany);
  await refused(results, 8);
  assert.equal(asked.length, 32);
  release();
  await settled;
});

test('an address has fifty reviews of tokens that may be invented, and ten a second', async (context) => {
  const cluster = await createCluster(context);
  break_(cluster, /openid/, { status: 503, body: {} });
  const show = async (jti: string, from: string): Promise<number> => {
    const token = await cluster.token({ claims: { jti } }, other);
    return cluster.tokens.verify(token, from).then(
      () => 200,
      (error: unknown) => statusOf(error).code,
    );
  };
  for (let i = 0; i < 50; i++) assert.equal(await show(`${i}`, '::ffff:192.0.2.1'), 401);
  assert.equal(await show('next', '192.0.2.1'), 429);
  assert.equal(await show('elsewhere', '192.0.2.2'), 401);
  cluster.clock.advance(1_000);
  for (let i = 0; i < 10; i++) assert.equal(await show(`later ${i}`, '192.0.2.1'), 401);
  assert.equal(await show('last', '192.0.2.1'), 429);
});

const INVENTED: readonly (readonly [string, (cluster: Cluster) => Promise<string>])[] = [
  ['that is none', () => Promise.resolve('opaque')],
  ['of another issuer', (cluster) => cluster.token({ claims: { iss: 'https://issuer.example' } }, other)],
  ['with an unknown key id', (cluster) => cluster.token({ kid: 'unknown' }, other)],
  ['with an invented signature', (cluster) => cluster.token({ kid: 'first' }, other)],
  ['for another audience', (cluster) => cluster.token({ claims: { aud: ['other'] } })],
  ['for no audience', (cluster) => cluster.token({ claims: { aud: undefined } })],
];
for (const [what, tokenOf] of INVENTED) {
  test(`a token ${what} is refused without a review`, async (context) => {
    const cluster = await createCluster(context);
    cluster.accept();
    await assert.rejects(cluster.tokens.verify(await tokenOf(cluster)), unauthorized);
    assert.equal(cluster.reviews, 0);
  });
}
