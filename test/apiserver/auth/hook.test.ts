import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { after, before, beforeEach, test } from 'node:test';
import type { TokenAuthenticator } from '../../../apiserver/auth/token-review.js';
import { NODE_REPORTS_PATH } from '../../../openapi/report-terms.js';
import { authenticationData, createAuthority, createLeaf } from '../../support/certificates.js';
import { startGuardedApp, type GuardedApp } from '../../support/guarded-app.js';
import { eventually } from '../../support/programs.js';

const METRIC = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/demo/pods/%2A/lossy';
const TOKEN = 'secret-token-of-alice';
const bearer = (token: string): { headers: Record<string, string> } => ({
  headers: { Authorization: `Bearer ${token}` },
});

const proxyCa = await createAuthority('front-proxy-ca');
const clientCa = await createAuthority('cluster-ca');
const proxy = await createLeaf(proxyCa, 'front-proxy-client');
const bob = await createLeaf(clientCa, 'bob', { organizations: ['dev'] });

/** Agents' tokens, in the way of another module. */
const agentTokens: TokenAuthenticator = {
  authenticate: (token) =>
    Promise.resolve(
      token === 'agent'
        ? { ok: true, user: { name: 'agent', groups: [], extra: {} } }
        : { ok: false, reason: 'refused' },
    ),
};

let app: GuardedApp;
before(async () => {
  app = await startGuardedApp({ agentTokens, reviewLimits: { timeoutMs: 30_000, retryDelaysMs: [10] } });
  app.publish(authenticationData(proxyCa.cert, clientCa.cert));
  await eventually(
    () => app.auth.source.isLoaded,
    (isLoaded) => isLoaded,
  );
});
after(() => app.close());
beforeEach(() => {
  app.clock.advance(60_000); // nothing is remembered from test to test
  app.logged.length = 0;
  app.api.requests.length = 0;
  app.api.onAccessReview = () => ({ allowed: false });
  app.api.onTokenReview = ({ token }) =>
    token === TOKEN
      ? { authenticated: true, user: { username: 'alice' } }
      : { user: {}, error: 'invalid bearer token' };
});

async function counted(line: string): Promise<number> {
  const found = (await app.registry.metrics()).split('\n').find((one) => one.startsWith(`${line} `));
  return Number(found?.split(' ').at(-1) ?? 0);
}

for (const protocol of ['http1', 'http2'] as const) {
  test(`${protocol}: nobody may read health, and nothing else`, async () => {
    const connection = app[protocol]();
    assert.equal((await connection.ask('/healthz?verbose')).text, 'ok');
    for (const path of ['/metrics', '/healthz/ping', '/healthz/', '/nowhere', '/apis', METRIC]) {
      const { statusCode, headers, body } = await connection.ask(path);
      assert.equal(statusCode, 403, path);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.match(body.message, /forbidden: User "system:anonymous" cannot /);
    }
    assert.equal((await connection.ask('/metrics', { method: 'DELETE' })).statusCode, 403);
  });

  test(`${protocol}: a bearer token is reviewed`, async () => {
    const connection = app[protocol]();
    app.api.onAccessReview = () => ({ allowed: true });
    const { body } = await connection.ask('/whoami', bearer(TOKEN));
    assert.deepEqual(body, { name: 'alice', groups: ['system:authenticated'], extra: {} });
    const lower = await connection.ask('/whoami', { headers: { authorization: `bearer ${TOKEN}` } });
    assert.equal(lower.body.name, 'alice');
  });
}

interface Recorded {
  readonly response: { readonly status: number; readonly body: object };
}

test('recorded: a bad token gets the answer of kube-apiserver', async () => {
  const [recorded] = JSON.parse(
    readFileSync('test/fixtures/contract/unauthenticated-and-forbidden.json', 'utf8'),
  ) as Recorded[];
  for (const path of ['/whoami', '/healthz/ping', '/nowhere']) {
    const { statusCode, body } = await app.http1().ask(path, bearer('garbage'));
    assert.equal(statusCode, recorded?.response.status);
    assert.deepEqual(body, recorded?.response.body);
  }
});

test('recorded: a refused list is worded as by kube-apiserver', async () => {
  const [, recorded] = JSON.parse(
    readFileSync('test/fixtures/contract/unauthenticated-and-forbidden.json', 'utf8'),
  ) as Recorded[];
  const username = 'system:serviceaccount:monitoring:podnet-nodeagent';
  app.api.onTokenReview = () => ({ authenticated: true, user: { username } });
  const { statusCode, body } = await app.http1().ask('/api/v1/pods', bearer(`${TOKEN}-2`));
  assert.equal(statusCode, recorded?.response.status);
  assert.deepEqual(body, recorded?.response.body);
});

test('a probe costs no review, whatever is shown', async () => {
  const stranger = await createLeaf(await createAuthority('other'), 'stranger');
  const before = app.api.requests.length;
  for (const path of ['/healthz', '/healthz?verbose'])
    assert.equal((await app.http1(stranger).ask(path, bearer('garbage'))).statusCode, 200);
  assert.equal(app.api.requests.length, before);
});

test('another scheme, or none, is no token', async () => {
  for (const authorization of ['Basic YTpi', 'Bearer', 'Bearer ', TOKEN]) {
    const { statusCode } = await app.http1().ask('/whoami', { headers: { authorization } });
    assert.equal(statusCode, 403, authorization);
  }
});

test('a good token outweighs a bad certificate, not the reverse', async () => {
  app.api.onAccessReview = () => ({ allowed: true });
  const stranger = await createLeaf(await createAuthority('other'), 'stranger');
  assert.equal((await app.http1(stranger).ask('/whoami', bearer(TOKEN))).body.name, 'alice');
  assert.equal((await app.http1(stranger).ask('/whoami', bearer('garbage'))).statusCode, 401);
  assert.equal((await app.http1(bob).ask('/whoami', bearer('garbage'))).body.name, 'bob');
});

test('a failing review is a 500 Status and says so in the log', async () => {
  app.api.misbehave(({ path }) => (path.endsWith('reviews') ? { status: 500 } : undefined));
  const { statusCode, body } = await app.http1(bob).ask('/metrics');
  app.api.misbehave(undefined);
  assert.deepEqual([statusCode, body.kind, body.reason], [500, 'Status', 'InternalError']);
  assert.ok(app.logged.some((line) => line.includes('"level":"warn"') && line.includes('it could not be judged')));
});

test('a token review that fails is a 401', async () => {
  app.api.misbehave(({ path }) => (path.endsWith('tokenreviews') ? { destroy: true } : undefined));
  assert.equal((await app.http1().ask('/whoami', bearer(TOKEN))).statusCode, 401);
  app.api.misbehave(undefined);
});

test('a path that two could read differently is a 400', async () => {
  const { statusCode, body } = await app.http1(bob).ask(METRIC.replace('demo', 'demo%2Fpods'));
  assert.deepEqual([statusCode, body.message], [400, 'invalid request path']);
});

test('a denial is logged with who, what and why, without secrets', async () => {
  await app.http1(bob).ask(METRIC, bearer(TOKEN));
  const line = app.logged.find((one) => one.includes('request denied')) ?? '{}';
  const { time: _time, ...fields } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual(fields, {
    level: 'info',
    program: 'test',
    code: 403,
    user: 'bob',
    groups: 2,
    verb: 'get',
    resource: 'pods/lossy',
    namespace: 'demo',
    name: '*',
    remoteAddress: '127.0.0.1',
    reason:
      'pods.custom.metrics.k8s.io "*" is forbidden: User "bob" cannot get resource "pods/lossy" in API group "custom.metrics.k8s.io" in the namespace "demo"',
    msg: 'request denied',
  });
  assert.ok(!app.logged.join('').includes(TOKEN));
});

test('ten denials a second are logged, the rest counted', async () => {
  const connection = app.http1();
  const unlogged = await counted('podnet_apiserver_denied_requests_unlogged_total');
  for (let i = 0; i < 15; i++) await connection.ask('/metrics');
  assert.equal(app.logged.filter((line) => line.includes('request denied')).length, 10);
  assert.equal(await counted('podnet_apiserver_denied_requests_unlogged_total'), unlogged + 5);
  app.clock.advance(1_000);
  await connection.ask('/metrics');
  assert.equal(app.logged.filter((line) => line.includes('request denied')).length, 11);
});

test('attempts and decisions are counted', async () => {
  const lines = [
    'podnet_apiserver_authentication_attempts_total{method="front-proxy",result="authenticated"}',
    'podnet_apiserver_authentication_attempts_total{method="token",result="refused"}',
    'podnet_apiserver_authorization_decisions_total{result="denied",cached="false"}',
    'podnet_apiserver_authorization_decisions_total{result="denied",cached="true"}',
  ];
  const first = await Promise.all(lines.map(counted));
  const connection = app.http1(proxy);
  for (let i = 0; i < 2; i++) await connection.ask('/whoami', { headers: { 'X-Remote-User': 'alice' } });
  await app.http1().ask('/whoami', bearer('garbage'));
  const second = await Promise.all(lines.map(counted));
  assert.deepEqual(
    second.map((value, i) => value - (first[i] ?? 0)),
    [2, 1, 1, 1],
  );
  assert.ok((await counted('podnet_apiserver_auth_cache_entries{cache="access"}')) >= 1);
});

test('decisions on paths that no route serves are not remembered', async () => {
  const remembered = 'podnet_apiserver_auth_cache_entries{cache="access"}';
  const connection = app.http1();
  await connection.ask('/metrics');
  const before = await counted(remembered);
  for (let i = 0; i < 5; i++) assert.equal((await connection.ask(`/nowhere-${i}`)).statusCode, 403);
  assert.equal(await counted(remembered), before);
});

test('reports are let in by the tokens of agents alone', async () => {
  app.api.onAccessReview = ({ user }) => ({ allowed: user === 'agent' });
  const post = { method: 'POST' };
  const connection = app.http1();
  assert.equal((await connection.ask(NODE_REPORTS_PATH, { ...post, ...bearer('agent') })).body.name, 'agent');
  assert.equal((await connection.ask(NODE_REPORTS_PATH, { ...post, ...bearer(TOKEN) })).statusCode, 401);
  assert.equal((await connection.ask('/whoami', bearer('agent'))).statusCode, 401);
});

const inFlight = (): Promise<number> => counted('podnet_apiserver_requests_in_flight');

for (const protocol of ['http1', 'http2'] as const) {
  test(`${protocol}: twenty questions of one direct caller at once, others unharmed`, async () => {
    app.api.onAccessReview = () => ({ allowed: true });
    const other = app[protocol](bob);
    assert.equal((await other.ask('/whoami')).statusCode, 200); // remembered: nobody is asked again
    app.api.misbehave(({ path }) => (path.endsWith('reviews') ? { hang: true } : undefined));
    const asked = Array.from({ length: 20 }, (_, i) => app[protocol]().ask(`/path-${i}`));
    await eventually(inFlight, (count) => count === 20);
    const { statusCode, headers, body } = await app[protocol]().ask('/path-20');
    assert.deepEqual([statusCode, body.message], [429, 'Too many requests, please try again later.']);
    assert.equal(headers['retry-after'], undefined);
    assert.equal((await other.ask('/whoami')).statusCode, 200);
    assert.equal((await app[protocol]().ask('/healthz')).statusCode, 200);
    await app.api.down();
    for (const answer of await Promise.all(asked)) assert.equal(answer.statusCode, 500);
    app.api.misbehave(undefined);
    await app.api.up();
    await eventually(inFlight, (count) => count === 0);
  });

  test(`${protocol}: a question counts until it is answered, whoever leaves`, async () => {
    app.api.misbehave(({ path }) => (path.endsWith('reviews') ? { hang: true } : undefined));
    const connections = Array.from({ length: 5 }, () => app[protocol]());
    for (const connection of connections) connection.ask('/metrics').catch(() => 'gone');
    await eventually(inFlight, (count) => count === 5);
    for (const connection of connections) connection.close();
    app.api.misbehave(undefined);
    await app.api.down(); // ends the reviews that hang
    await app.api.up();
    await eventually(inFlight, (count) => count === 0);
  });
}

/** Status codes of the answers to so many requests of a client that reads none of them; the function lets it go. */
async function askUnread(
  count: number,
  path: string,
  headers: object,
): Promise<{ codes: number[]; leave: () => void }> {
  const session = connect(app.url, { rejectUnauthorized: false, settings: { initialWindowSize: 0 } });
  const codes: number[] = [];
  for (let i = 0; i < count; i++) {
    const stream = session.request({ ':path': path, ...headers });
    stream.on('response', (fields) => codes.push(Number(fields[':status'])));
    stream.on('error', () => undefined);
  }
  await eventually(
    () => codes.length,
    (answered) => answered === count,
  );
  return { codes, leave: () => session.destroy() };
}

test('answers that nobody reads hold no place', async () => {
  app.api.onAccessReview = ({ user }) => ({ allowed: user === 'alice' });
  app.api.onTokenReview = ({ token }) => ({ authenticated: true, user: { username: token } });
  for (const [token, code] of [
    ['alice', 200],
    ['tenant', 403],
  ] as const) {
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await app.http1().ask('/whoami', { headers })).statusCode, code); // remembered
    const { codes, leave } = await askUnread(150, '/whoami', headers);
    assert.deepEqual([...new Set(codes)], [code]);
    assert.equal(await inFlight(), 0);
    leave();
  }
});
