import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { authenticationData, createAuthority, createLeaf, type Issued } from '../../support/certificates.js';
import type { Question } from '../../support/connections.js';
import { startGuardedApp, type GuardedApp } from '../../support/guarded-app.js';
import { eventually } from '../../support/programs.js';

const HPA = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';
const ALICE: Question = { headers: { 'X-Remote-User': 'alice', 'X-Remote-Group': 'dev' } };
const DAY_MS = 86_400_000;

const proxyCa = await createAuthority('front-proxy-ca');
const clientCa = await createAuthority('cluster-ca');
const proxy = await createLeaf(proxyCa, 'front-proxy-client', { organizations: ['front-proxy'] });

let app: GuardedApp;
before(async () => {
  app = await startGuardedApp();
  await trust(authenticationData(proxyCa.cert, clientCa.cert));
});
after(() => app.close());

/** Publishes, and waits until it counts. */
async function trust(data: Record<string, string>): Promise<void> {
  const before_ = app.auth.source.current?.generation ?? 0;
  app.publish(data);
  await eventually(
    () => app.auth.source.current?.generation ?? 0,
    (generation) => generation > before_,
  );
}

for (const protocol of ['http1', 'http2'] as const) {
  test(`${protocol}: the front proxy says who asks`, async () => {
    const { statusCode, body } = await app[protocol](proxy).ask('/whoami', {
      headers: {
        'X-Remote-User': HPA,
        'X-Remote-Uid': 'bd4eadc3',
        'X-Remote-Group': ['system:serviceaccounts', 'a,b', 'c'],
        'X-Remote-Extra-Authentication.kubernetes.io%2fcredential-Id': ['JTI=1', 'JTI=2'],
        'X-Remote-Extra-Scopes': 'x',
      },
    });
    assert.equal(statusCode, 200);
    assert.deepEqual(body, {
      name: HPA,
      uid: 'bd4eadc3',
      groups: ['system:serviceaccounts', 'a,b', 'c', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=1', 'JTI=2'], scopes: ['x'] },
    });
  });

  test(`${protocol}: a name that is not ASCII is decoded`, async () => {
    const raw = Buffer.from('jürgen-名').toString('latin1');
    const { body } = await app[protocol](proxy).ask('/whoami', { headers: { 'X-Remote-User': raw } });
    assert.equal(body.name, 'jürgen-名');
  });

  test(`${protocol}: a hundred and fifty groups arrive`, async () => {
    const groups = Array.from({ length: 150 }, (_, i) => `group-${i}`);
    const { body } = await app[protocol](proxy).ask('/whoami', {
      headers: { 'X-Remote-User': 'alice', 'X-Remote-Group': groups },
    });
    assert.deepEqual(body.groups, [...groups, 'system:authenticated']);
  });
}

test('nobody stays nobody behind the front proxy', async () => {
  const { body } = await app.http1(proxy).ask('/whoami', {
    headers: { 'X-Remote-User': 'system:anonymous', 'X-Remote-Group': 'system:unauthenticated' },
  });
  assert.deepEqual(body, { name: 'system:anonymous', groups: ['system:unauthenticated'], extra: {} });
});

test('a front proxy that names no user is refused', async () => {
  const connection = app.http1(proxy);
  assert.equal((await connection.ask('/whoami')).statusCode, 401);
  assert.equal((await connection.ask('/whoami', { headers: { 'X-Remote-User': '' } })).statusCode, 401);
  const group = { headers: { 'X-Remote-Group': 'system:masters' } };
  assert.equal((await connection.ask('/whoami', group)).statusCode, 401);
});

/** Certificates that must not speak for others. */
const IMPOSTORS: readonly (readonly [string, () => Promise<Issued>])[] = [
  ['of the front proxy authority with another name', () => createLeaf(proxyCa, 'somebody')],
  [
    'of an unknown authority of the same name',
    async () => createLeaf(await createAuthority('front-proxy-ca'), 'front-proxy-client'),
  ],
  ['that expired', () => createLeaf(proxyCa, 'front-proxy-client', { notAfter: new Date(app.clock.wallMs() - 1_000) })],
  [
    'that is not yet valid',
    () => createLeaf(proxyCa, 'front-proxy-client', { notBefore: new Date(app.clock.wallMs() + DAY_MS / 2) }),
  ],
  ['for servers', () => createLeaf(proxyCa, 'front-proxy-client', { usage: 'server' })],
  ['that signed itself', () => createAuthority('front-proxy-client')],
  ['issued by a certificate that is no authority', () => createLeaf(proxy, 'front-proxy-client')],
];

for (const [what, create] of IMPOSTORS) {
  test(`a certificate ${what} is refused`, async () => {
    const { statusCode, body } = await app.http1(await create()).ask('/whoami', ALICE);
    assert.equal(statusCode, 401);
    assert.equal(body.message, 'Unauthorized');
  });
}

test('a cluster user called front-proxy-client is only that', async () => {
  const certificate = await createLeaf(clientCa, 'front-proxy-client', { organizations: ['dev', 'ops'] });
  for (const connection of [app.http1(certificate), app.http2(certificate)]) {
    const { body } = await connection.ask('/whoami', {
      headers: { 'X-Remote-User': 'admin', 'X-Remote-Group': 'system:masters' },
    });
    assert.deepEqual(body, { name: 'front-proxy-client', groups: ['dev', 'ops', 'system:authenticated'], extra: {} });
  }
});

test('any name will do for the front proxy, but not any authority', async () => {
  await trust(authenticationData(proxyCa.cert, clientCa.cert, []));
  const user = await createLeaf(clientCa, 'bob');
  assert.equal((await app.http1(user).ask('/whoami', ALICE)).body.name, 'bob');
  const other = await createLeaf(proxyCa, 'aggregator');
  assert.equal((await app.http1(other).ask('/whoami', ALICE)).body.name, 'alice');
  await trust(authenticationData(proxyCa.cert, clientCa.cert));
});

test('headers without a certificate are ignored, and counted', async () => {
  const connection = app.http1();
  const { body } = await connection.ask('/whoami', ALICE);
  assert.equal(body.name, 'system:anonymous');
  const text = await app.registry.metrics();
  const [, count = '0'] = /^podnet_apiserver_ignored_remote_headers_total (\d+)$/m.exec(text) ?? [];
  assert.ok(Number(count) >= 1);
});

test('intermediates that the proxy sends complete the path', async () => {
  const middle = await createAuthority('middle', { issuer: proxyCa });
  const lower = await createAuthority('lower', { issuer: middle });
  const leaf = await createLeaf(lower, 'front-proxy-client');
  for (const connection of [app.http1(leaf), app.http2(leaf)]) {
    assert.equal((await connection.ask('/whoami', ALICE)).body.name, 'alice');
  }
  const bare = { chain: leaf.cert, key: leaf.key };
  assert.equal((await app.http1(bare).ask('/whoami', ALICE)).statusCode, 401);
});

test('a rotated authority counts on connections that are open', async () => {
  const next = await createAuthority('front-proxy-ca');
  const successor = await createLeaf(next, 'front-proxy-client');
  const [old, fresh, h2] = [app.http1(proxy), app.http1(successor), app.http2(successor)];
  assert.equal((await old.ask('/whoami', ALICE)).statusCode, 200);
  assert.equal((await fresh.ask('/whoami', ALICE)).statusCode, 401);
  assert.equal((await h2.ask('/whoami', ALICE)).statusCode, 401);
  await trust(authenticationData(`${proxyCa.cert}${next.cert}`, clientCa.cert));
  for (const connection of [old, fresh, h2]) assert.equal((await connection.ask('/whoami', ALICE)).statusCode, 200);
  await trust(authenticationData(next.cert, clientCa.cert));
  assert.equal((await old.ask('/whoami', ALICE)).statusCode, 401);
  assert.equal((await h2.ask('/whoami', ALICE)).statusCode, 200);
  await trust(authenticationData(proxyCa.cert, clientCa.cert));
});

test('a certificate that expires does so on an open connection', async () => {
  const leaf = await createLeaf(proxyCa, 'front-proxy-client', { notAfter: new Date(app.clock.wallMs() + 60_000) });
  const connection = app.http2(leaf);
  assert.equal((await connection.ask('/whoami', ALICE)).statusCode, 200);
  app.clock.advance(61_000);
  assert.equal((await connection.ask('/whoami', ALICE)).statusCode, 401);
});

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${maxVersion}: a resumed session is verified like any other`, async () => {
    const leaf = await createLeaf(proxyCa, 'front-proxy-client', { notAfter: new Date(app.clock.wallMs() + 60_000) });
    const first = await askOnSocket(leaf, maxVersion);
    const second = await askOnSocket(leaf, maxVersion, first.session);
    assert.deepEqual([first.statusLine, second.statusLine], ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
    assert.equal(second.isReused, true);
    app.clock.advance(61_000);
    const third = await askOnSocket(leaf, maxVersion, second.session);
    assert.equal(third.isReused, true);
    assert.equal(third.statusLine, 'HTTP/1.1 401 Unauthorized');
  });
}

/** One request on a connection of its own, which may resume a session. */
async function askOnSocket(
  { chain, key }: Issued,
  maxVersion: 'TLSv1.2' | 'TLSv1.3',
  session?: Buffer,
): Promise<{ statusLine: string; isReused: boolean; session: Buffer }> {
  const socket: TLSSocket = connect({
    ...{
      port: app.port,
      host: '127.0.0.1',
      cert: chain,
      key,
      maxVersion,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    },
    ...(session !== undefined && { session }),
  });
  let newest = session ?? Buffer.alloc(0);
  let text = '';
  socket.on('session', (one: Buffer) => (newest = one));
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'secureConnect');
  const isReused = socket.isSessionReused();
  socket.write('GET /whoami HTTP/1.1\r\nhost: x\r\nx-remote-user: alice\r\nconnection: close\r\n\r\n');
  await once(socket, 'close');
  return { statusLine: text.split('\r\n', 1)[0] ?? '', isReused, session: newest };
}

test('a deleted ConfigMap leaves no front proxy; health answers', async () => {
  const connection = app.http1(proxy);
  app.publish(undefined);
  await eventually(
    () => app.auth.source.isLoaded,
    (isLoaded) => !isLoaded,
  );
  assert.equal(app.auth.source.check.isMet(), false);
  assert.equal((await connection.ask('/whoami', ALICE)).statusCode, 401);
  assert.equal((await app.http1().ask('/healthz')).statusCode, 200);
  await trust(authenticationData(proxyCa.cert, clientCa.cert));
  assert.equal((await connection.ask('/whoami', ALICE)).statusCode, 200);
});

test('an unreachable API leaves the last authorities in force', async () => {
  const connection = app.http2(proxy);
  await app.api.down();
  const masters = { headers: { 'X-Remote-User': 'admin', 'X-Remote-Group': 'system:masters' } };
  assert.equal((await connection.ask('/whoami', masters)).body.name, 'admin');
  await app.api.up();
});

test('a malformed ConfigMap trusts no proxy and says why', async () => {
  await trust({ ...authenticationData(proxyCa.cert, clientCa.cert), 'requestheader-allowed-names': '["front' });
  assert.equal((await app.http1(proxy).ask('/whoami', ALICE)).statusCode, 401);
  const user = await createLeaf(clientCa, 'bob');
  assert.equal((await app.http1(user).ask('/whoami')).body.name, 'bob');
  assert.ok(app.logged.some((line) => line.includes('requestheader-allowed-names: is not JSON')));
});
