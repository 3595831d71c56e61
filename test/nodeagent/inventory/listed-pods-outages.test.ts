// The API server is away or misbehaves: the pods that are known stay, and their age tells.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../runtime/clock.js';
import { createKubeClient } from '../../../runtime/kube/client.js';
import { createFreezingProxy } from '../../support/freezing-proxy.js';
import { followPods, followPodsOf, listedPod, PODS, type Followed } from '../../support/listed-pods.js';
import { forbidden, unauthorized } from '../../support/kube-api/status.js';
import { startKubernetes, type Kubernetes } from '../../support/kube-client.js';
import { eventually } from '../../support/programs.js';

const HOUR_MS = 3_600_000;
const onePod = ({ api }: Kubernetes): void => void api.put(`${PODS}/a`, listedPod('u1'));

async function stateBecomes({ pods }: Followed, expected: string): Promise<void> {
  await eventually(
    () => pods.state,
    (state) => state === expected,
  );
}

test('an hour without the API costs nothing but freshness', async (t) => {
  const followed = await followPods(t, onePod);
  const { pods, clock, api, lists, watched } = followed;
  await watched();
  assert.ok(pods.ageMs(clock.monotonicMs()) < 60_000);
  await api.down();
  await stateBecomes(followed, 'unreachable');
  clock.shiftMs += HOUR_MS;
  assert.ok(pods.ageMs(clock.monotonicMs()) >= HOUR_MS);
  assert.match(pods.problem ?? '', /ECONNREFUSED/);
  assert.ok(pods.isSynced);
  await lists('a:u1');
  assert.deepEqual(followed.gone, []);
  await api.up();
  await stateBecomes(followed, 'up');
  assert.ok(pods.ageMs(clock.monotonicMs()) < 60_000);
});

test('before the first list the age is not a number', async (t) => {
  const followed = await followPods(t, ({ api }) => api.misbehave(() => ({ hang: true })));
  const { pods, clock } = followed;
  assert.ok(Number.isNaN(pods.ageMs(clock.monotonicMs())));
  assert.deepEqual([pods.isSynced, pods.state, [...pods.pods()]], [false, undefined, []]);
});

test('a half-open watch is given up, and what it missed is seen', async (t) => {
  const kubernetes = await startKubernetes(t);
  const proxy = await createFreezingProxy(Number(new URL(kubernetes.api.url).port));
  const directory = await mkdtemp(join(tmpdir(), 'podnet-half-open-'));
  const kubeconfig = join(directory, 'config');
  const direct = await readFile(await kubernetes.api.kubeconfig(), 'utf8');
  await writeFile(kubeconfig, direct.replace(kubernetes.api.url, `https://127.0.0.1:${proxy.port}`));
  const common = { env: {}, clock: systemClock, log: kubernetes.log, userAgent: 'test' };
  const client = await createKubeClient({ kubeconfig, ...common });
  t.after(async () => {
    client.close();
    await proxy.close();
    await rm(directory, { recursive: true });
  });
  onePod(kubernetes);
  const followed = followPodsOf(kubernetes, { api: client, idleTimeoutMs: 300 });
  await followed.watched();
  const asked = kubernetes.api.requests.length;
  proxy.freeze();
  kubernetes.api.put(`${PODS}/b`, listedPod('u2'));
  await followed.lists('a:u1 b:u2');
  assert.ok(kubernetes.api.requests.length > asked);
  assert.deepEqual(followed.gone, []);
});

test('slow answers, resets and garbage are waited out', async (t) => {
  const failures = [
    ...[{ destroy: true }, { nonsense: true }, { status: 500, body: {} }, { status: 200, body: '[]' }],
    ...[
      { status: 200, body: '{"type":"ADDED","object":{"metadata":{}}}\n' },
      { status: 200, body: 'x\n' },
    ],
  ];
  const { api, lists, gone, pods } = await followPods(t, (kubernetes) => {
    onePod(kubernetes);
    kubernetes.api.misbehave(() => failures.shift() ?? { delayMs: 50 });
  });
  await lists('a:u1');
  assert.equal(failures.length, 0);
  api.sendRaw('}{ garbage\n');
  api.put(`${PODS}/b`, listedPod('u2'));
  await lists('a:u1 b:u2');
  api.dropWatches();
  api.put(`${PODS}/c`, listedPod('u3'));
  await lists('a:u1 b:u2 c:u3');
  assert.deepEqual([gone, pods.problem], [[], undefined]);
});

test('an expired watch leads to a new list, and no pod is told gone', async (t) => {
  const { api, lists, gone, watched, expire } = await followPods(t, onePod);
  await watched();
  await expire();
  assert.match(api.requests.at(-1)?.path ?? '', /sendInitialEvents=true/);
  api.put(`${PODS}/b`, listedPod('u2'));
  await lists('a:u1 b:u2');
  assert.deepEqual(gone, []);
});

test('a refused token is a missing right until a new one is taken', async (t) => {
  let isRefused = false;
  const followed = await followPods(t, (kubernetes) => {
    onePod(kubernetes);
    kubernetes.api.misbehave(() => (isRefused ? { status: 401, body: unauthorized().body } : undefined));
  });
  const { api, lists, watched } = followed;
  await watched();
  isRefused = true;
  api.dropWatches();
  await stateBecomes(followed, 'not_permitted');
  await lists('a:u1');
  isRefused = false;
  api.put(`${PODS}/b`, listedPod('u2'));
  await lists('a:u1 b:u2');
  assert.equal(followed.pods.state, 'up');
});

test('a missing right is said once, and the list begins when it comes', async (t) => {
  let isForbidden = true;
  const followed = await followPods(t, (kubernetes) => {
    onePod(kubernetes);
    kubernetes.api.misbehave(() => (isForbidden ? { status: 403, body: forbidden('list', 'pods').body } : undefined));
  });
  const { api, lists, pods, logged } = followed;
  await eventually(
    () => api.requests.length,
    (count) => count >= 4,
  );
  assert.deepEqual([pods.state, pods.isSynced], ['not_permitted', false]);
  assert.equal(logged.filter((line) => line.includes('cannot be followed')).length, 1);
  isForbidden = false;
  await lists('a:u1');
});
