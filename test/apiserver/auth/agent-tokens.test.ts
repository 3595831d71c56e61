// Tokens of agents, signed with real keys, against an API server over TLS that publishes them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { base64url, exportSPKI, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { checkNode, EXTRA } from '../../../apiserver/auth/agent-identity.js';
import type { AgentTokensDeps } from '../../../apiserver/auth/agent-tokens.js';
import { parsePublishedKeys } from '../../../apiserver/auth/service-account-keys.js';
import { AGENT, Cluster, createSigner, ISSUER, POD, recordedStatus } from '../../support/agent-tokens.js';

const signer = await createSigner('first');
const other = await createSigner('second');

async function createCluster(context: TestContext, overrides: Partial<AgentTokensDeps> = {}): Promise<Cluster> {
  const cluster = await Cluster.create(signer, overrides);
  context.after(() => cluster.close());
  return cluster;
}

/** Refused, and neither the message nor the log give a part of the token away. */
async function assertRefused(cluster: Cluster, token: string, message: RegExp): Promise<void> {
  await assert.rejects(cluster.tokens.verify(token), (error: Error & { reason?: string }) => {
    assert.equal(error.reason, 'Unauthorized', error.message);
    assert.match(error.message, message);
    const told = error.message + cluster.logged.join('');
    assert.ok(!token.split('.').some((part) => part.length > 8 && told.includes(part)), 'a part of the token is told');
    return true;
  });
}

const seconds = (cluster: Cluster, offset: number): number => Math.floor(cluster.clock.wallMs() / 1_000) + offset;

test('what the keys say of a token is what a TokenReview says', async (context) => {
  const cluster = await createCluster(context);
  const { username, ...user } = recordedStatus().user;
  assert.deepEqual(await cluster.tokens.verify(await cluster.token()), {
    user: { name: username, ...user },
    node: 'node-a',
    pod: POD,
    source: 'keys',
  });
  assert.equal(cluster.reviews, 0);
});

test('the recorded keys and issuer of a cluster are taken', () => {
  const read = (name: string): unknown => JSON.parse(readFileSync(`test/fixtures/contract/${name}.json`, 'utf8'));
  const { issuer, ids } = parsePublishedKeys(read('jwks'), read('openid-configuration'));
  assert.deepEqual([issuer, [...ids]], [ISSUER, ['-9yo--AqC7XaW1auuI4L9TTpKVo_WSoW8VDI3NCUEws']]);
});

test('a token of an elliptic curve key, or with PSS, is as good', async (context) => {
  const cluster = await createCluster(context);
  const signers = await Promise.all(['ES256', 'ES384', 'ES512', 'PS256'].map((name) => createSigner(name, name)));
  cluster.publish(signers.map(({ jwk }) => jwk));
  for (const one of signers) {
    assert.equal((await cluster.tokens.verify(await cluster.token({}, one))).source, 'keys');
  }
});

test('a token that is wrong in one thing is refused without a review', async (context) => {
  const cluster = await createCluster(context);
  const wrong: [string, Parameters<Cluster['token']>[0], RegExp][] = [
    ['another audience', { claims: { aud: ['https://kubernetes.default.svc'] } }, /audience "podnet"/],
    ['no audience', { claims: { aud: undefined } }, /audience/],
    ['expired', { claims: { exp: seconds(cluster, -61) } }, /expired/],
    ['without an end', { claims: { exp: undefined } }, /contradicts/],
    ['not yet valid', { claims: { nbf: seconds(cluster, 61) } }, /not valid yet/],
    ['made in the future', { claims: { iat: seconds(cluster, 62) } }, /not valid yet/],
    ['a subject that its claims deny', { claims: { sub: 'system:serviceaccount:monitoring:admin' } }, /contradicts/],
    ['a namespace that its claims deny', { bound: { namespace: 'kube-system' } }, /contradicts/],
    ['a person', { claims: { sub: 'alice' } }, /not one of a service account/],
    ['no claims of Kubernetes', { claims: { 'kubernetes.io': undefined } }, /not one of a service account/],
    ['odd claims', { bound: { pod: 'agent-a' } }, /not one of a service account/],
    [
      'a colon in a name',
      { bound: { serviceaccount: { name: 'a:b', uid: 'u' } }, claims: { sub: 'x' } },
      /contradicts/,
    ],
  ];
  for (const [name, options, message] of wrong) {
    await context.test(name, async () => assertRefused(cluster, await cluster.token(options), message));
  }
  assert.equal(cluster.reviews, 0);
});

test('clocks may differ by a minute', async (context) => {
  const cluster = await createCluster(context);
  const past = { exp: seconds(cluster, -58), nbf: seconds(cluster, -600), iat: seconds(cluster, -600) };
  const future = { nbf: seconds(cluster, 58), iat: seconds(cluster, 58) };
  for (const claims of [past, future]) await cluster.tokens.verify(await cluster.token({ claims }));
});

test('a token without a signature, or with a forged one, is refused', async (context) => {
  const cluster = await createCluster(context);
  const kid = signer.jwk.kid ?? '';
  const unsigned = new UnsecuredJWT(cluster.claims()).encode();
  const [, body = ''] = unsigned.split('.');
  const header = base64url.encode(JSON.stringify({ alg: 'none', kid }));
  await assertRefused(cluster, `${header}.${body}.`, /algorithm/);

  const pem = await exportSPKI((await importJWK(signer.jwk)) as Parameters<typeof exportSPKI>[0]);
  for (const secret of [pem, signer.jwk.n ?? '', JSON.stringify(signer.jwk)]) {
    const confused = await new SignJWT(cluster.claims())
      .setProtectedHeader({ alg: 'HS256', kid })
      .sign(new TextEncoder().encode(secret));
    await assertRefused(cluster, confused, /algorithm/);
  }
  await assertRefused(cluster, await cluster.token({ kid }, other), /signature/);

  const [head = '', , signature = ''] = (await cluster.token()).split('.');
  const payload = base64url.encode(JSON.stringify(cluster.claims({}, { node: { name: 'node-b', uid: 'u' } })));
  await assertRefused(cluster, `${head}.${payload}.${signature}`, /signature/);
  assert.equal(cluster.reviews, 0);
});

test('a symmetric key among the published ones signs nothing', async (context) => {
  const cluster = await createCluster(context);
  cluster.publish([{ kty: 'oct', k: base64url.encode('x'.repeat(32)), kid: 'shared', alg: 'HS256' }, signer.jwk]);
  const token = await new SignJWT(cluster.claims())
    .setProtectedHeader({ alg: 'HS256', kid: 'shared' })
    .sign(new TextEncoder().encode('x'.repeat(32)));
  await assertRefused(cluster, token, /signed with a key that this cluster does not publish/);
  assert.equal(cluster.reviews, 0);
});

test('a verified token costs nothing for a minute, and then a signature check', async (context) => {
  const cluster = await createCluster(context);
  const token = await cluster.token();
  for (let i = 0; i < 10; i++) await cluster.tokens.verify(token);
  cluster.clock.advance(61_000);
  await cluster.tokens.verify(token);
  assert.deepEqual([cluster.keyFetches, cluster.reviews], [1, 0]);
});

test('a token ends at its end, also when it was just verified', async (context) => {
  const cluster = await createCluster(context);
  const token = await cluster.token({ claims: { exp: seconds(cluster, -40) } });
  await cluster.tokens.verify(token);
  cluster.clock.advance(21_000);
  await assertRefused(cluster, token, /expired/);
});

test('the token of a deleted pod stops at once', async (context) => {
  const cluster = await createCluster(context);
  const token = await cluster.token();
  await cluster.tokens.verify(token);
  cluster.listed.clear();
  await assertRefused(cluster, token, /its pod is gone/);
});

test('an earlier review does not outlive the pod', async (context) => {
  const cluster = await createCluster(context);
  const token = await cluster.token();
  cluster.pods.isCurrent = false;
  cluster.accept();
  await cluster.tokens.verify(token);
  cluster.pods.isCurrent = true;
  cluster.listed.clear();
  cluster.deny();
  await assertRefused(cluster, token, /its pod is gone/);
});

test('the token of a pod that was made anew under its name is refused', async (context) => {
  const cluster = await createCluster(context);
  cluster.list('11111111-0000-4000-8000-000000000000');
  await assertRefused(cluster, await cluster.token(), /its pod is gone/);
});

test('a pod that is not yet in the list is asked for', async (context) => {
  const cluster = await createCluster(context);
  cluster.listed.clear();
  cluster.accept();
  const { node, source } = await cluster.tokens.verify(await cluster.token());
  assert.deepEqual([node, source, cluster.reviews], ['node-a', 'keys', 1]);
});

test('a review that knows the token as somebody else is not believed', async (context) => {
  const cluster = await createCluster(context);
  const token = await cluster.token({ bound: { node: undefined } });
  const changes: ((status: ReturnType<typeof recordedStatus>) => void)[] = [
    ({ user }) => (user.username = 'system:serviceaccount:monitoring:other'),
    ({ user }) => (user.extra[EXTRA.podUid] = ['other']),
  ];
  for (const change of changes) {
    cluster.accept(change);
    await assertRefused(cluster, token, /contradicts/);
    cluster.clock.advance(11_000);
  }
});

test('a token without a node is reviewed, and refused where nobody knows the node', async (context) => {
  const cluster = await createCluster(context);
  const token = await cluster.token({ bound: { node: undefined } });
  const unbound = ({ user }: ReturnType<typeof recordedStatus>): void => {
    user.extra = { [EXTRA.podName]: [POD.name], [EXTRA.podUid]: [POD.uid] };
  };
  cluster.accept(unbound);
  await assertRefused(cluster, token, /not bound to a node.*--allow-unbound-agents/);
  cluster.clock.advance(11_000);
  cluster.accept();
  assert.equal((await cluster.tokens.verify(token)).node, 'node-a');

  const old = await createCluster(context, { allowUnbound: true });
  old.accept(unbound);
  const { node, pod, source } = await old.tokens.verify(token);
  assert.deepEqual([node, pod, source], [undefined, POD, 'review']);
});

test('what is known of the node is not lost by a review', async (context) => {
  const cluster = await createCluster(context, { allowUnbound: true });
  cluster.accept(({ user }) => (user.extra = {}));
  const token = await cluster.token({ bound: { pod: undefined } });
  assert.equal((await cluster.tokens.verify(token)).node, 'node-a');
});

test('an agent reports for its own node only', async (context) => {
  const cluster = await createCluster(context);
  const identity = await cluster.tokens.verify(await cluster.token());
  const strict = { allowUnbound: false };
  checkNode(identity.user, 'node-a', strict);
  assert.throws(() => checkNode(identity.user, 'node-b', strict), {
    reason: 'Forbidden',
    message: new RegExp(`node "node-b".*${AGENT}.*node "node-a"`),
  });
});

test('who is bound to no node reports for none, unless that is allowed', async (context) => {
  const cluster = await createCluster(context);
  const { user } = await cluster.tokens.verify(await cluster.token());
  const unbound = { ...user, extra: {} };
  assert.throws(() => checkNode(unbound, 'node-a', { allowUnbound: false }), {
    reason: 'Forbidden',
    message: /bound to no node/,
  });
  checkNode(unbound, 'node-a', { allowUnbound: true });
  assert.throws(() => checkNode(user, 'node-b', { allowUnbound: true }), { reason: 'Forbidden' });
});

test('judgements and keys are counted', async (context) => {
  const cluster = await createCluster(context);
  assert.doesNotMatch(await cluster.metrics(), /keys_age_seconds \d/);
  const token = await cluster.token();
  for (let i = 0; i < 3; i++) await cluster.tokens.verify(token);
  await assertRefused(cluster, await cluster.token({ claims: { aud: ['x'] } }), /audience/);
  cluster.clock.advance(5_000);
  const text = await cluster.metrics();
  assert.match(text, /agent_tokens_total\{source="keys",result="ok"\} 3/);
  assert.match(text, /agent_tokens_total\{source="keys",result="audience"\} 1/);
  assert.match(text, /cache_lookups_total\{cache="agent_tokens",result="hit"\} 2/);
  assert.match(text, /cache_lookups_total\{cache="agent_tokens",result="miss"\} 2/);
  assert.match(text, /service_account_keys 1/);
  assert.match(text, /service_account_keys_age_seconds 5/);
});
