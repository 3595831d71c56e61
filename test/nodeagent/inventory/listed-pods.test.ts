// The pods of a node as a kube-apiserver tells of them, followed over a real connection.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { annotated, followPods, listedPod, NODE, PODS, type Followed } from '../../support/listed-pods.js';
import type { Misbehaviour } from '../../support/kube-api.js';
import { eventually } from '../../support/programs.js';

const status = (...networks: readonly string[]) =>
  JSON.stringify(networks.map((name, i) => ({ name, interface: i === 0 ? 'eth0' : `net${i}`, default: i === 0 })));

async function networksBecome({ pods }: Followed, expected: string): Promise<void> {
  await eventually(
    () => [...pods.pods()].flatMap(({ attachments }) => [...attachments.values()].map(({ network }) => network)).join(),
    (seen) => seen === expected,
  );
}

const warnings = ({ logged }: Followed): string[] => logged.filter((line) => line.includes('network annotation'));

test('only the pods of this node are asked for', async (t) => {
  const { lists, api, pods } = await followPods(t, (kubernetes) => {
    kubernetes.api.put(`${PODS}/a`, listedPod('u1'));
    kubernetes.api.put(`${PODS}/other`, listedPod('u2', {}, { nodeName: 'node-b' }));
    kubernetes.api.put(`${PODS}/pending`, listedPod('u3', {}, { nodeName: undefined }));
  });
  await lists('a:u1');
  assert.match(api.requests[0]?.path ?? '', /^\/api\/v1\/pods\?fieldSelector=spec\.nodeName%3Dnode-a&watch=1/);
  assert.deepEqual([pods.state, pods.problem], ['up', undefined]);
});

test('pods of another node that the server sends anyway are dropped', async (t) => {
  const { lists, gone, api, watched } = await followPods(t, (kubernetes) => {
    const items = [
      { ...listedPod('u1'), metadata: { ...meta('a', 'u1') } },
      { ...listedPod('u2', {}, { nodeName: 'node-b' }), metadata: { ...meta('b', 'u2') } },
    ];
    kubernetes.api.canStreamLists = false;
    kubernetes.api.misbehave(({ path }) =>
      path.includes('limit=') ? { status: 200, body: { metadata: { resourceVersion: '100' }, items } } : undefined,
    );
  });
  await lists('a:u1');
  await watched();
  // its successor, elsewhere, under the same name
  const moved = { ...listedPod('u3', {}, { nodeName: 'node-b' }), metadata: { ...meta('a', 'u3') } };
  api.sendRaw(`${JSON.stringify({ type: 'MODIFIED', object: moved })}\n`);
  await lists('');
  assert.deepEqual(gone, ['a:u1']);
});

const meta = (name: string, uid: string) => ({
  ...{ name, namespace: 'default', uid, resourceVersion: '100', creationTimestamp: '2026-11-20T21:50:46Z' },
});

test('an annotation that is changed or removed changes the names at once', async (t) => {
  const followed = await followPods(t, ({ api }) => {
    api.put(`${PODS}/a`, listedPod('u1', annotated(status('cbr0', 'telco/n3'))));
  });
  await networksBecome(followed, 'cbr0,n3');
  followed.api.put(`${PODS}/a`, listedPod('u1', annotated(status('cbr0', 'telco/n6'))));
  await networksBecome(followed, 'cbr0,n6');
  followed.api.put(`${PODS}/a`, listedPod('u1', { annotations: {} }));
  await networksBecome(followed, '');
  await followed.lists('a:u1');
  assert.deepEqual(followed.gone, []);
});

// Fault of network-metrics-daemon: a malformed annotation leaves stale names.
test('a malformed annotation takes the names of its pod away, and no others', async (t) => {
  const followed = await followPods(t, ({ api }) => {
    api.put(`${PODS}/a`, listedPod('u1', annotated(status('cbr0'))));
    api.put(`${PODS}/b`, listedPod('u2', annotated(status('n3'))));
  });
  await networksBecome(followed, 'cbr0,n3');
  followed.api.put(`${PODS}/a`, listedPod('u1', annotated(`[{"name":"${'x'.repeat(500)}`)));
  await networksBecome(followed, 'n3');
  assert.deepEqual([...followed.pods.badAnnotations()], [['not_json', 1]]);
  const [line = '', ...others] = warnings(followed);
  assert.deepEqual(others, []);
  assert.match(line, /namespace=default pod=a reasons=\["not_json"\]/);
  assert.match(line, /[^x]x{90}[^x]/); // 100 characters of it
});

test('a malformed annotation is logged again only when its text changes', async (t) => {
  const followed = await followPods(t, ({ api }) => void api.put(`${PODS}/a`, listedPod('u1', annotated('[1'))));
  const { api, watched, expire } = followed;
  await watched();
  api.put(`${PODS}/a`, listedPod('u1', { ...annotated('[1'), labels: { x: 'y' } }));
  await expire();
  api.put(`${PODS}/a`, listedPod('u1', annotated('[2')));
  await eventually(
    () => warnings(followed).length,
    (count) => count === 2,
  );
  api.put(`${PODS}/a`, listedPod('u1', annotated(status('cbr0'))));
  await networksBecome(followed, 'cbr0');
  assert.equal(followed.pods.badAnnotations().size, 0);
  assert.equal(warnings(followed).length, 2);
});

test('a deleted pod is told of once, when it begins and when it is gone', async (t) => {
  const { api, lists, gone, terminating, watched, expire } = await followPods(t, (kubernetes) => {
    kubernetes.api.put(`${PODS}/a`, listedPod('u1'));
    kubernetes.api.put(`${PODS}/b`, listedPod('u2', { deletionTimestamp: '2026-11-20T21:51:00Z' }));
  });
  await lists('a:u1 b:u2');
  await watched();
  assert.deepEqual(terminating, ['b']);
  const leaving = { deletionTimestamp: '2026-11-20T21:52:00Z' };
  api.put(`${PODS}/a`, listedPod('u1', leaving));
  api.put(`${PODS}/a`, listedPod('u1', { ...leaving, labels: { x: 'y' } }));
  await expire();
  api.remove(`${PODS}/a`);
  await lists('b:u2');
  assert.deepEqual([terminating, gone], [['b', 'a'], ['a:u1']]);
});

test('a pod recreated under its name is another, and the first is gone', async (t) => {
  const { api, lists, gone, watched } = await followPods(t, (kubernetes) => {
    kubernetes.api.put(`${PODS}/db-0`, listedPod('u1'));
  });
  await watched();
  api.remove(`${PODS}/db-0`);
  api.put(`${PODS}/db-0`, listedPod('u2'));
  await lists('db-0:u2');
  // where the events between are lost, the same object has another uid
  const next = { ...listedPod('u3'), metadata: { ...meta('db-0', 'u3'), resourceVersion: '105' } };
  api.sendRaw(`${JSON.stringify({ type: 'MODIFIED', object: next })}\n`);
  await lists('db-0:u3');
  assert.deepEqual(gone, ['db-0:u1', 'db-0:u2']);
});

test('what happened to pods while the watch was down is seen by their uids', async (t) => {
  const { api, lists, gone, watched } = await followPods(t, (kubernetes) => {
    for (const [i, name] of ['deleted', 'moved', 'recreated', 'stays'].entries()) {
      kubernetes.api.put(`${PODS}/${name}`, listedPod(`u${i}`));
    }
  });
  await watched();
  await api.down();
  for (const name of ['deleted', 'moved', 'recreated']) api.remove(`${PODS}/${name}`);
  api.put(`${PODS}/moved`, listedPod('u8', {}, { nodeName: 'node-b' }));
  api.put(`${PODS}/recreated`, listedPod('u9'));
  api.compact();
  await api.up();
  await lists('recreated:u9 stays:u3');
  assert.deepEqual(gone.sort(), ['deleted:u0', 'moved:u1', 'recreated:u2']);
});

test('two names for one uid are one pod', async (t) => {
  const { api, lists, gone } = await followPods(t, (kubernetes) => {
    kubernetes.api.put(`${PODS}/a`, listedPod('u1'));
    kubernetes.api.put(`${PODS}/b`, listedPod('u1'));
  });
  await lists('b:u1');
  api.put(`${PODS}/c`, listedPod('u1'));
  await lists('c:u1');
  api.remove(`${PODS}/b`);
  api.remove(`${PODS}/a`);
  api.put(`${PODS}/d`, listedPod('u2'));
  await lists('c:u1 d:u2');
  assert.deepEqual(gone, []);
});

test('a forged mirror does not get the cgroups of another pod', async (t) => {
  const forged = { 'kubernetes.io/config.mirror': 'x', 'kubernetes.io/config.hash': 'u1' };
  const { pods, lists } = await followPods(t, ({ api }) => {
    api.put(`${PODS}/forged`, listedPod('u2', { annotations: forged }));
    api.put(`${PODS}/victim`, listedPod('u1'));
  });
  await lists('forged:u2 victim:u1');
  assert.deepEqual(
    [...pods.pods()].map(({ cgroupUid }) => cgroupUid),
    ['u2', 'u1'],
  );
});

test('recorded events of a real server are applied', async (t) => {
  const read = async (name: string) =>
    JSON.parse(await readFile(`test/fixtures/contract/${name}.json`, 'utf8')) as { response: { body: unknown } };
  const list = (await read('pods-list')).response.body;
  const events = (await read('pods-watch')).response.body as readonly object[];
  const answers: Misbehaviour[] = [
    { status: 422, body: { kind: 'Status', reason: 'Invalid', code: 422 } },
    { status: 200, body: list },
    { status: 200, body: events.map((event) => `${JSON.stringify(event)}\n`).join('') },
  ];
  const { lists, gone, terminating, api } = await followPods(t, (kubernetes) =>
    kubernetes.api.misbehave(() => answers.shift() ?? { hang: true }),
  );
  await eventually(
    () => api.requests.at(-1)?.path ?? '',
    (path) => path.includes('resourceVersion=449'),
  );
  await lists('agent-a:cc4e5255-da32-4474-8367-74a7259700f4 upf-0:10c152fb-f940-46bd-9305-1de86b5bd61f');
  assert.deepEqual([gone, terminating], [['tmp:720a1d05-cdc1-4ccc-b503-bf01bc7b4c60'], ['tmp']]);
  assert.equal(NODE, 'node-a'); // that of the recording
});
