// Pods as a kube-apiserver tells of them, followed over a real connection.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { KubernetesPods } from '../../../apiserver/pods/kubernetes-pods.js';
import { startKubernetes, type Kubernetes } from '../../support/kube-client.js';
import { createShiftedClock, eventually, type ShiftedClock } from '../../support/programs.js';

const PODS = '/api/v1/namespaces/default/pods';

interface Harness extends Kubernetes {
  readonly clock: ShiftedClock;
  readonly pods: KubernetesPods;
  /** Names in the order in which they were told to have changed. */
  readonly changed: string[];
  readonly replaced: number[];
}

async function follow(t: TestContext, prepare: (kubernetes: Kubernetes) => void): Promise<Harness> {
  const kubernetes = await startKubernetes(t);
  prepare(kubernetes);
  const clock = createShiftedClock();
  const pods = new KubernetesPods({ api: kubernetes.client, clock, log: kubernetes.log });
  const changed: string[] = [];
  const replaced: number[] = [];
  pods.onChange((namespace, name) => changed.push(`${namespace}/${name}`));
  pods.onReplaced(() => replaced.push([...pods.all()].length));
  void pods.run(kubernetes.signal);
  await eventually(
    () => pods.isCurrent,
    (isCurrent) => isCurrent,
  );
  return { ...kubernetes, clock, pods, changed, replaced };
}

function pod(metadata: object = {}, spec: object = { nodeName: 'node-a' }, phase = 'Running') {
  return { metadata: { ...metadata }, spec, status: { phase } };
}

const controller = (kind: string, name: string) => ({ kind, name, controller: true, uid: 'u', apiVersion: 'apps/v1' });

async function changedTo(harness: Harness, expected: readonly string[]): Promise<void> {
  await eventually(
    () => harness.changed.join(),
    (seen) => seen === expected.join(),
  );
}

test('pods that have a node and are not finished are listed', async (t) => {
  const { pods, replaced, api } = await follow(t, (kubernetes) => {
    kubernetes.api.put(`${PODS}/running`, pod({ uid: 'u-1' }));
    kubernetes.api.put(`${PODS}/pending`, pod({}, {}));
    kubernetes.api.put(`${PODS}/done`, pod({}, { nodeName: 'node-a' }, 'Succeeded'));
    kubernetes.api.put(`${PODS}/failed`, pod({}, { nodeName: 'node-a' }, 'Failed'));
    kubernetes.api.put('/api/v1/namespaces/other/pods/running', pod());
  });
  assert.deepEqual(pods.get('default', 'running'), {
    namespace: 'default',
    name: 'running',
    uid: 'u-1',
    labels: {},
    createdMs: Date.parse('2026-11-20T21:50:46Z'),
    isTerminating: false,
    networks: [],
  });
  assert.deepEqual(
    [...pods.inNamespace('default')].map(({ name }) => name),
    ['running'],
  );
  assert.deepEqual([[...pods.all()].length, [...pods.inNamespace('nowhere')], replaced], [2, [], [2]]);
  assert.match(api.requests[0]?.headers.accept ?? '', /as=PartialObjectMetadata/);
});

test('a pod belongs to its Deployment, or to its controller, or to nobody', async (t) => {
  const hash = '5b8dd9f89';
  const { pods } = await follow(t, ({ api }) => {
    const labels = { 'pod-template-hash': hash };
    api.put(`${PODS}/deployed`, pod({ labels, ownerReferences: [controller('ReplicaSet', `web-${hash}`)] }));
    api.put(`${PODS}/bare-set`, pod({ ownerReferences: [controller('ReplicaSet', 'web-abc')] }));
    api.put(`${PODS}/other-hash`, pod({ labels, ownerReferences: [controller('ReplicaSet', 'web-abc')] }));
    api.put(`${PODS}/only-hash`, pod({ labels, ownerReferences: [controller('ReplicaSet', `-${hash}`)] }));
    api.put(`${PODS}/stateful`, pod({ ownerReferences: [controller('StatefulSet', 'db')] }));
    api.put(`${PODS}/owned`, pod({ ownerReferences: [{ ...controller('Thing', 'x'), controller: false }] }));
    const kruise = { ...controller('StatefulSet', 'db'), apiVersion: 'apps.kruise.io/v1beta1' };
    api.put(`${PODS}/namesake`, pod({ ownerReferences: [kruise] }));
    api.put(`${PODS}/bare`, pod());
  });
  const workload = (name: string) => {
    const found = pods.get('default', name);
    assert.ok(found !== undefined);
    return found.workload === undefined ? undefined : `${found.workload.kind}/${found.workload.name}`;
  };
  assert.equal(workload('deployed'), 'Deployment/web');
  assert.equal(workload('bare-set'), 'ReplicaSet/web-abc');
  assert.equal(workload('other-hash'), 'ReplicaSet/web-abc');
  assert.equal(workload('only-hash'), `ReplicaSet/-${hash}`);
  assert.equal(workload('stateful'), 'StatefulSet/db');
  assert.equal(workload('namesake'), 'StatefulSet.apps.kruise.io/db');
  assert.deepEqual([workload('owned'), workload('bare')], [undefined, undefined]);
});

test('networks come from the status of either name, and never from nonsense', async (t) => {
  const key = 'k8s.v1.cni.cncf.io/network-status';
  const old = 'k8s.v1.cni.cncf.io/networks-status';
  const status = JSON.stringify([
    { name: 'cbr0', interface: 'eth0', default: true },
    { name: 'default/sriov-net1', interface: 'net1' },
    { interface: 'net2' },
    'x',
  ]);
  const { pods } = await follow(t, ({ api }) => {
    api.put(`${PODS}/new`, pod({ annotations: { [key]: status } }));
    api.put(`${PODS}/old`, pod({ annotations: { [old]: status } }));
    api.put(`${PODS}/malformed`, pod({ annotations: { [key]: '[{' } }));
    api.put(`${PODS}/object`, pod({ annotations: { [key]: '{"name":"a"}' } }));
  });
  const networks = ['new', 'old', 'malformed', 'object'].map((name) => pods.get('default', name)?.networks);
  assert.deepEqual(networks, [['cbr0', 'default/sriov-net1'], ['cbr0', 'default/sriov-net1'], [], []]);
});

test('a change of uid, labels or workload is told, any other is not', async (t) => {
  const harness = await follow(t, ({ api }) => void api.put(`${PODS}/a`, pod({ uid: '1', labels: { x: 'y' } })));
  const { api, pods } = harness;
  api.put(`${PODS}/b`, pod());
  await changedTo(harness, ['default/b']);
  api.put(`${PODS}/a`, pod({ uid: '1', labels: { x: 'y' }, annotations: { note: 'z' } }));
  api.put(`${PODS}/a`, pod({ uid: '1', labels: { x: 'z' } }));
  await changedTo(harness, ['default/b', 'default/a']);
  api.put(`${PODS}/a`, pod({ uid: '1', labels: { x: 'z' }, ownerReferences: [controller('Job', 'j')] }));
  await changedTo(harness, ['default/b', 'default/a', 'default/a']);
  api.put(`${PODS}/b`, pod({}, { nodeName: 'node-a' }, 'Succeeded'));
  await changedTo(harness, ['default/b', 'default/a', 'default/a', 'default/b']);
  assert.equal(pods.get('default', 'b'), undefined);
  assert.equal(harness.replaced.length, 1);
});

test('a pod that is created anew under its name has another uid', async (t) => {
  const harness = await follow(t, ({ api }) => void api.put(`${PODS}/db-0`, pod()));
  const before = harness.pods.get('default', 'db-0')?.uid;
  harness.api.remove(`${PODS}/db-0`);
  harness.api.put(`${PODS}/db-0`, pod());
  await changedTo(harness, ['default/db-0', 'default/db-0']);
  const after = harness.pods.get('default', 'db-0')?.uid;
  assert.ok(before !== undefined && after !== undefined && before !== after);
});

test('pods of one workload share their labels', async (t) => {
  const { pods } = await follow(t, ({ api }) => {
    for (const name of ['a', 'b']) api.put(`${PODS}/${name}`, pod({ labels: { app: 'web', tier: 'front' } }));
  });
  assert.equal(pods.get('default', 'a')?.labels, pods.get('default', 'b')?.labels);
});

test('the list is not current when its API has been away for minutes', async (t) => {
  const { pods, api, clock } = await follow(t, ({ api: kube }) => void kube.put(`${PODS}/a`, pod()));
  await api.down();
  clock.shiftMs += 200_000;
  assert.equal(pods.isCurrent, false);
  assert.equal(pods.source.isSynced, true);
  assert.ok(pods.get('default', 'a') !== undefined);
});
