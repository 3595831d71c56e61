// The stand-in for a kube-apiserver answers as the recordings of a real one do.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { after, test } from 'node:test';
import { createKubeApi } from './kube-api.js';

const api = await createKubeApi();
after(() => api.close());
const PARTIAL = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

async function open(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
  const options: RequestOptions = {
    method,
    ca: api.ca,
    headers: { authorization: `Bearer ${api.token}`, accept: 'application/json', ...headers },
    agent: false,
  };
  const outgoing = request(`${api.url}${path}`, options);
  outgoing.end(body === undefined ? '' : JSON.stringify(body));
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return incoming.setEncoding('utf8');
}

/** Whatever is answered: a test looks at the part that it expects. */
interface Doc {
  readonly statusCode?: number;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly continue: string;
    readonly remainingItemCount: number;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly items: readonly Doc[];
  readonly data: Readonly<Record<string, string>>;
  readonly spec: unknown;
  readonly status: { readonly phase?: string; readonly allowed?: boolean };
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

interface Event {
  readonly type: string;
  readonly object: Doc;
}

async function ask(method: string, path: string, headers?: Record<string, string>, body?: object): Promise<Doc> {
  const incoming = await open(method, path, headers, body);
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  const statusCode = incoming.statusCode ?? 0;
  return { ...(JSON.parse(text) as Doc), statusCode };
}

/** Objects of a watch, as they come. */
async function* events(path: string, headers?: Record<string, string>): AsyncGenerator<Event, undefined> {
  let rest = '';
  for await (const chunk of await open('GET', path, headers)) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as Event;
  }
}

test('an object is created, found, updated once per version, patched and deleted', async () => {
  const path = '/api/v1/namespaces/crud/configmaps';
  const made = await ask('POST', path, {}, { metadata: { name: 'a', labels: { x: '1' } }, data: { k: 'v' } });
  assert.equal(made.statusCode, 201);
  assert.equal((await ask('POST', path, {}, { metadata: { name: 'a' } })).reason, 'AlreadyExists');
  const { metadata, kind } = await ask('GET', `${path}/a`);
  assert.deepEqual([kind, metadata.namespace], ['ConfigMap', 'crud']);
  const update = { metadata: { name: 'a', resourceVersion: metadata.resourceVersion }, data: { k: 'w' } };
  assert.equal((await ask('PUT', `${path}/a`, {}, update)).data['k'], 'w');
  assert.equal((await ask('PUT', `${path}/a`, {}, update)).reason, 'Conflict');
  const patched = await ask(
    'PATCH',
    `${path}/a`,
    { 'content-type': 'application/merge-patch+json' },
    { data: { k: null, l: 'x' } },
  );
  assert.deepEqual(patched.data, { l: 'x' });
  assert.equal((await ask('DELETE', `${path}/a`)).statusCode, 200);
  assert.deepEqual((await ask('GET', `${path}/a`)).message, 'configmaps "a" not found');
});

test('a list comes in pages of one version, metadata alone where asked for', async () => {
  for (const name of ['a', 'b', 'c']) api.put(`/api/v1/namespaces/paged/pods/${name}`, { spec: { nodeName: 'n' } });
  api.put('/api/v1/namespaces/paged/pods/pending', { spec: {} });
  const path = '/api/v1/namespaces/paged/pods?limit=2&fieldSelector=spec.nodeName!%3D';
  const first = await ask('GET', path, { accept: PARTIAL });
  api.remove('/api/v1/namespaces/paged/pods/c');
  const second = await ask('GET', `${path}&continue=${encodeURIComponent(first.metadata.continue)}`, {
    accept: PARTIAL,
  });
  assert.equal(first.kind, 'PartialObjectMetadataList');
  assert.equal(first.items[0]?.spec, undefined);
  const names = [...first.items, ...second.items].map(({ metadata }) => metadata.name);
  assert.deepEqual(names, ['a', 'b', 'c']);
  assert.deepEqual([first.metadata.remainingItemCount, second.metadata.continue], [1, undefined]);
  api.compact();
  const late = await ask('GET', `${path}&continue=${encodeURIComponent(first.metadata.continue)}`);
  assert.deepEqual([late.statusCode, late.reason], [410, 'Expired']);
});

test('a watch tells what happened since its version, as the selector sees it', async () => {
  const path = '/api/v1/namespaces/watched/pods';
  const { metadata } = await ask('GET', path);
  api.put(`${path}/a`, { status: { phase: 'Running' } });
  const query = `watch=1&resourceVersion=${metadata.resourceVersion}&allowWatchBookmarks=true`;
  const watch = events(`${path}?${query}&fieldSelector=status.phase!%3DSucceeded`);
  assert.equal((await watch.next()).value?.type, 'ADDED');
  api.put(`${path}/a`, { status: { phase: 'Succeeded' } });
  const { value } = await watch.next();
  assert.deepEqual([value?.type, value?.object.status.phase], ['DELETED', 'Running']);
  api.sendBookmarks();
  assert.equal((await watch.next()).value?.type, 'BOOKMARK');
  api.expireWatches();
  const expired = (await watch.next()).value;
  assert.deepEqual([expired?.type, expired?.object.code, expired?.object.reason], ['ERROR', 410, 'Expired']);
  assert.equal((await watch.next()).done, true);
  const late = events(`${path}?${query}`);
  assert.match((await late.next()).value?.object.message ?? '', /^too old resource version: \d+ \(\d+\)$/);
});

test('a list is streamed by a watch that asks for it, where that is known', async () => {
  api.put('/api/v1/namespaces/streamed/services/a', {});
  const path =
    '/api/v1/services?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  const watch = events(path);
  assert.equal((await watch.next()).value?.object.kind, 'Service');
  assert.equal((await watch.next()).value?.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  await watch.return(undefined);
  api.canStreamLists = false;
  assert.deepEqual((await ask('GET', path)).reason, 'Invalid');
});

test('reviews are answered by the test, and nobody without the token', async () => {
  api.onAccessReview = (spec) => ({ allowed: spec['user'] === 'alice' });
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  const answer = await ask('POST', path, {}, { spec: { user: 'alice' } });
  assert.deepEqual([answer.statusCode, answer.status.allowed], [201, true]);
  const denied = await ask('GET', '/api/v1/pods', { authorization: 'Bearer other' });
  assert.deepEqual([denied.statusCode, denied.reason], [401, 'Unauthorized']);
});

test('a misbehaving server answers what it was told to', async () => {
  api.misbehave(({ path }) =>
    path === '/version'
      ? { status: 429, headers: { 'retry-after': '1' }, body: { kind: 'Status', code: 429 } }
      : undefined,
  );
  assert.equal((await ask('GET', '/version')).statusCode, 429);
  api.misbehave(undefined);
  assert.equal((await ask('GET', '/version')).statusCode, 200);
  assert.equal(api.requests.at(-1)?.path, '/version');
});
