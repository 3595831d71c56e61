// What a real kube-apiserver said, replayed.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { KubernetesPods } from '../../../apiserver/pods/kubernetes-pods.js';
import { systemClock } from '../../../runtime/clock.js';
import { startKubernetes, type Kubernetes } from '../../support/kube-client.js';
import type { Misbehaviour } from '../../support/kube-api.js';
import { eventually } from '../../support/programs.js';

interface RecordedList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly unknown[];
}

interface RecordedWatch {
  readonly response: { readonly body?: readonly object[]; readonly events?: readonly object[] };
}

async function read<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join('test/fixtures/contract', `${name}.json`), 'utf8')) as T;
}

async function readEvents(name: string): Promise<string> {
  const { body, events } = (await read<RecordedWatch>(name)).response;
  return (body ?? events ?? []).map((event) => `${JSON.stringify(event)}\n`).join('');
}

const answered = (body: unknown): Misbehaviour => ({ status: 200, body });

/** Follows a server that gives these answers, one after the other, and then none. */
async function replay(
  t: TestContext,
  answers: readonly Misbehaviour[],
): Promise<Kubernetes & { pods: KubernetesPods }> {
  const kubernetes = await startKubernetes(t);
  const left = [...answers];
  kubernetes.api.misbehave(() => left.shift() ?? { hang: true });
  const pods = new KubernetesPods({ api: kubernetes.client, clock: systemClock, log: kubernetes.log });
  void pods.run(kubernetes.signal);
  await eventually(
    () => left.length,
    (count) => count === 0,
  );
  return { ...kubernetes, pods };
}

async function untilAsked({ api }: Kubernetes, query: string): Promise<void> {
  await eventually(
    () => api.requests.at(-1)?.path ?? '',
    (path) => path.includes(query),
  );
}

const NO_STREAMS: Misbehaviour = { status: 422, body: { kind: 'Status', reason: 'Invalid', code: 422 } };

test('a recorded page is read, and its token asked for the next', async (t) => {
  const list = await read<RecordedList>('pods-metadata-list');
  const last = { ...list, metadata: { resourceVersion: '5398' }, items: [] };
  const replayed = await replay(t, [NO_STREAMS, answered(list), answered(last)]);
  await untilAsked(replayed, 'resourceVersion=5398');
  const token = encodeURIComponent(list.metadata.continue ?? '');
  assert.ok(replayed.api.requests[2]?.path.endsWith(`limit=500&continue=${token}`));
  assert.equal([...replayed.pods.all()].length, list.items.length);
  assert.equal(replayed.pods.source.skipped, 0);
  const dpdk = replayed.pods.get('default', 'dpdk-client');
  assert.deepEqual([dpdk?.uid, dpdk?.labels], ['5d7c4364-a67f-4714-8208-4561707b093f', { app: 'dpdk' }]);
});

test('a recorded streamed list ends at its bookmark, and later ones are resumed from', async (t) => {
  const replayed = await replay(t, [answered(await readEvents('pods-metadata-watch-bookmarks'))]);
  await untilAsked(replayed, 'resourceVersion=5403');
  const [pod, ...others] = replayed.pods.all();
  assert.equal(others.length, 0);
  assert.deepEqual([pod?.name, pod?.workload], ['web-5b8dd9f89-5j84t', { kind: 'Deployment', name: 'web' }]);
  assert.equal(replayed.api.requests.length, 2);
});

test('recorded events of whole pods are applied with their networks', async (t) => {
  const empty = answered({ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '444' }, items: null });
  const events = await readEvents('pods-watch');
  const upToFirst = events.slice(0, events.indexOf('\n') + 1);
  const replayed = await replay(t, [NO_STREAMS, empty, answered(upToFirst)]);
  await untilAsked(replayed, 'resourceVersion=445');
  assert.deepEqual(replayed.pods.get('default', 'upf-0')?.networks, [
    'cbr0',
    'default/sriov-net1',
    'default/macvlan-conf',
  ]);
  const whole = await replay(t, [NO_STREAMS, empty, answered(events)]);
  await untilAsked(whole, `resourceVersion=${/.*"resourceVersion":"(\d+)"/s.exec(events)?.[1] ?? ''}`);
  assert.equal(whole.pods.source.skipped, 0);
});

test('a recorded expiry leads to a new list', async (t) => {
  const empty = answered({ metadata: { resourceVersion: '1' }, items: [] });
  const expired = answered(await readEvents('pods-watch-expired'));
  const replayed = await replay(t, [NO_STREAMS, empty, expired]);
  await untilAsked(replayed, 'limit=500');
  assert.equal(replayed.pods.source.problem, undefined);
});
