// The client against a real HTTPS server that behaves like a kube-apiserver.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import type { KubeError, KubeRequest } from '../../../runtime/kube/api.js';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '../../../runtime/kube/client.js';
import { createLogger } from '../../../runtime/logger.js';
import { createManualClock } from '../../support/clock.js';
import { createKubeApi, type KubeApiOptions, type KubeApiServer } from '../../support/kube-api.js';
import { eventually } from '../../support/programs.js';

const VERSION: KubeRequest = { method: 'GET', path: '/version' };

async function startApi(t: TestContext, options?: KubeApiOptions): Promise<KubeApiServer> {
  const api = await createKubeApi(options);
  t.after(() => api.close());
  return api;
}

async function connect(t: TestContext, options: Partial<KubeClientOptions>): Promise<KubeClient> {
  const log = createLogger('test', { level: 'error', format: 'text', write: () => undefined });
  const client = await createKubeClient({ env: {}, clock: createManualClock(), log, userAgent: 'test/1', ...options });
  t.after(() => client.close());
  return client;
}

/** What a request is answered with that does not succeed. */
async function failureOf(promise: Promise<unknown>): Promise<KubeError> {
  try {
    await promise;
  } catch (error) {
    return error as KubeError;
  }
  throw new assert.AssertionError({ message: 'it succeeded' });
}

/** A mounted service account. */
async function serviceAccount(t: TestContext, api: KubeApiServer) {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-sa-'));
  t.after(() => rm(directory, { recursive: true }));
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  await write('token', `${api.token}\n`);
  await write('ca.crt', api.ca);
  await write('namespace', 'podnet');
  const { hostname, port } = new URL(api.url);
  const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  return { env, serviceAccountDirectory: directory, write };
}

async function collect(events: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const event of events) all.push(event);
  return all;
}

test('a kubeconfig says where the API is and who asks', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  const body = { metadata: { name: 'a' }, data: { k: 'v' } };
  const path = '/api/v1/namespaces/default/configmaps';
  await client.request({ method: 'POST', path, body });
  const contentType = 'application/merge-patch+json';
  await client.request({ method: 'PATCH', path: `${path}/a`, contentType, body: { data: { k: 'w' } } });
  const read = (await client.request({ method: 'GET', path: `${path}/a` })) as { data: unknown };
  assert.deepEqual(read.data, { k: 'w' });
  assert.equal(api.requests[0]?.headers['user-agent'], 'test/1');
});

test('what the API refuses carries its status, reason and message', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  const failure = await failureOf(client.request({ method: 'GET', path: '/api/v1/namespaces/a/pods/b?x=1' }));
  assert.deepEqual([failure.name, failure.statusCode, failure.reason], ['KubeError', 404, 'NotFound']);
  assert.equal(failure.message, 'GET /api/v1/namespaces/a/pods/b: HTTP 404 NotFound: pods "b" not found');
});

test('a service account is read anew when its token and authority change', async (t) => {
  const api = await startApi(t);
  const { write, ...options } = await serviceAccount(t, api);
  const clock = createManualClock();
  const client = await connect(t, { ...options, clock });
  assert.equal(client.namespace, 'podnet');
  await client.request(VERSION);
  api.token = 'the next token';
  await write('token', 'the next token');
  clock.advance(60_000);
  await client.request(VERSION);
  assert.ok(api.requests.every(({ headers }, i) => headers.authorization?.includes(i === 0 ? 'test' : 'next')));
  await api.rotateCertificate();
  await write('ca.crt', api.ca);
  clock.advance(60_000);
  await client.request(VERSION);
});

test('a token that is refused is read again at once', async (t) => {
  const api = await startApi(t);
  const { write, ...options } = await serviceAccount(t, api);
  const client = await connect(t, options);
  api.token = 'another';
  const failure = await failureOf(client.request(VERSION));
  assert.deepEqual([failure.statusCode, failure.reason], [401, 'Unauthorized']);
  await write('token', 'another');
  await client.request(VERSION);
});

test('files that vanish leave the last credentials in use', async (t) => {
  const api = await startApi(t);
  const clock = createManualClock();
  const { serviceAccountDirectory, env } = await serviceAccount(t, api);
  const client = await connect(t, { serviceAccountDirectory, env, clock });
  await rm(join(serviceAccountDirectory, 'token'));
  clock.advance(60_000);
  await client.request(VERSION);
});

test('a client certificate of a kubeconfig is presented', async (t) => {
  const { cert, key } = await createSelfSignedCertificate(['admin'], Date.now());
  const api = await startApi(t, { clientCertificate: cert });
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
  const client = await connect(t, { kubeconfig: await api.kubeconfig(user) });
  await client.request(VERSION);
  assert.equal(api.requests[0]?.headers.authorization, undefined);
});

test('a kubeconfig that wants a command to run is refused', async (t) => {
  const api = await startApi(t);
  const refused = async (user: object, message: RegExp) => {
    await assert.rejects(connect(t, { kubeconfig: await api.kubeconfig(user) }), { name: 'StartError', message });
  };
  await refused({ exec: { command: 'aws' } }, /gets its credentials from a command \(exec\).*use a token/);
  await refused({ 'auth-provider': { name: 'oidc' } }, /auth-provider/);
  await refused({ username: 'a', password: 'b' }, /password/);
  await refused({ token: 'a', as: 'b' }, /impersonates/);
  await refused({}, /no credentials/);
});

test('a kubeconfig that cannot be used is named, and never quoted', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-kubeconfig-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'config');
  await assert.rejects(connect(t, { kubeconfig: file }), { name: 'StartError', message: /config: ENOENT/ });
  await writeFile(file, 'users:\n- name: a\n  user: {token: "s3cret\n');
  const failure = await failureOf(connect(t, { kubeconfig: file }));
  assert.match(failure.message, /config is not one/);
  assert.doesNotMatch(failure.message, /s3cret/);
  await assert.rejects(connect(t, {}), { name: 'StartError', message: /not a pod of Kubernetes/ });
});

test('an unknown authority is refused', async (t) => {
  const api = await startApi(t);
  const kubeconfig = await api.kubeconfig();
  await api.rotateCertificate();
  const client = await connect(t, { kubeconfig });
  const failure = await failureOf(client.request(VERSION));
  assert.match(failure.message, /^GET \/version: .*certificate/);
  assert.equal(failure.statusCode, undefined);
  assert.equal(api.requests.length, 0);
});

test('an answer that is late, not JSON, broken or a redirect is an error', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  const says = async (misbehaviour: object, message: RegExp, statusCode?: number) => {
    api.misbehave(() => misbehaviour);
    const failure = await failureOf(client.request({ ...VERSION, timeoutMs: 200 }));
    assert.match(failure.message, message);
    assert.equal(failure.statusCode, statusCode);
  };
  await says({ hang: true }, /no answer within 200 ms/);
  await says({ nonsense: true }, /not JSON but "text\/html"/);
  await says({ status: 200, body: '{"a":' }, /the answer is not JSON/);
  await says({ destroy: true }, /socket hang up/);
  await says({ status: 302, headers: { location: 'https://127.0.0.1:1/' }, body: {} }, /HTTP 302/, 302);
  await says(
    { status: 503, headers: { 'content-type': 'text/plain' }, body: 'overloaded' },
    /HTTP 503 overloaded/,
    503,
  );
  api.misbehave(() => ({ status: 200, body: `"${'x'.repeat(65 * 1024 * 1024)}"` }));
  assert.match((await failureOf(client.request(VERSION))).message, /larger than 67108864 bytes/);
});

test('a token that an answer echoes is not repeated', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  api.misbehave(() => ({
    status: 400,
    body: { kind: 'Status', message: `bad token ${api.token}`, reason: 'BadRequest' },
  }));
  const failure = await failureOf(client.request(VERSION));
  assert.equal(failure.message, 'GET /version: HTTP 400 BadRequest: bad token <token>');
});

test('a connection that was given up while idle costs nothing', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  await client.request(VERSION);
  await client.request(VERSION);
  let broken = 0;
  api.misbehave(() => (broken++ === 0 ? { destroy: true } : undefined));
  await client.request(VERSION);
  assert.equal(broken, 2);
});

test('a watch gives events as they come, and ends with the server', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  api.put('/api/v1/namespaces/a/pods/b', {});
  const opened: string[] = [];
  const watching = collect(
    client.watch({ method: 'GET', path: '/api/v1/pods?watch=1', onOpen: () => opened.push('open') }),
  );
  await eventually(
    () => api.openWatches,
    (count) => count === 1,
  );
  api.remove('/api/v1/namespaces/a/pods/b');
  api.finishWatches();
  const types = (await watching).map((event) => (event as { type: string }).type);
  assert.deepEqual([types, opened], [['ADDED', 'DELETED'], ['open']]);
});

test('a watch refuses a huge line, half a line, silence and what is not JSON', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  const failsWhen = async (act: () => void, timeoutMs = 5_000) => {
    const watching = failureOf(collect(client.watch({ method: 'GET', path: '/api/v1/pods?watch=1', timeoutMs })));
    await eventually(
      () => api.openWatches,
      (count) => count === 1,
    );
    act();
    const { message } = await watching;
    await eventually(
      () => api.openWatches,
      (count) => count === 0,
    );
    return message;
  };
  assert.match(await failsWhen(() => api.sendRaw('x'.repeat(5 * 1024 * 1024))), /larger than 4194304 bytes/);
  assert.match(await failsWhen(() => api.sendRaw('not JSON\n')), /the answer is not JSON/);
  assert.match(await failsWhen(() => undefined, 150), /no event within 150 ms/);
  const half = () => {
    api.sendRaw('{"type":');
    api.finishWatches();
  };
  assert.match(await failsWhen(half), /in the middle of an event/);
  assert.match(await failsWhen(() => api.dropWatches()), /^GET \/api\/v1\/pods: /);
});

test('an aborted watch ends, an aborted request fails', async (t) => {
  const api = await startApi(t);
  const client = await connect(t, { kubeconfig: await api.kubeconfig() });
  const stop = new AbortController();
  const watching = collect(client.watch({ method: 'GET', path: '/api/v1/pods?watch=1', signal: stop.signal }));
  await eventually(
    () => api.openWatches,
    (count) => count === 1,
  );
  api.misbehave(() => ({ hang: true }));
  const failure = failureOf(client.request({ ...VERSION, signal: stop.signal }));
  await eventually(
    () => api.requests.length,
    (count) => count === 2,
  );
  stop.abort();
  assert.deepEqual(await watching, []);
  assert.equal((await failure).message, 'GET /version: stopped');
});
