// Pods gone through in turns: what comes and goes in between is there once or not at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Pods } from '../../../apiserver/store/pods.js';
import { Store } from '../../../apiserver/store/store.js';
import { apiPod, createTestCluster } from '../../support/cluster.js';
import { interfaceReport, nodeReport, podReport } from '../../support/reports.js';

const NAMES = ['a', 'b', 'c', 'd'];
const AT_MS = 1_000;

interface Told {
  readonly node: string;
  readonly uids: Readonly<Record<string, string>>;
}

function ingest(store: Store, { node, uids }: Told, second: number): void {
  const pods = Object.entries(uids).map(([name, uid]) => podReport({ name, uid }));
  const sender = { node, bootId: `boot-${node}` };
  const { report } = checkReport(nodeReport(second * 1_000, { ...sender, pods }));
  assert.ok(store.ingest(report, second * 1_000).ok);
}

const listed = (name: string, uid: string) => apiPod({ namespace: 'default', name, uid });
const FIRST = Object.fromEntries(NAMES.map((name) => [name, `${name}-1`]));

for (const isListed of [true, false]) {
  const of = isListed ? 'the list of the API server' : 'reports alone';
  test(`pods of ${of} that change while they are gone through come once, and what is gone not at all`, () => {
    const store = new Store({ historyMs: 300_000 });
    const cluster = createTestCluster(NAMES.map((name) => listed(name, `${name}-1`)));
    const pods = isListed ? new Pods(store, cluster.pods) : new Pods(store);
    ingest(store, { node: 'node-a', uids: FIRST }, 1);
    const walk = pods.all(AT_MS);
    const first = walk.next();
    assert.ok(first.done !== true);
    assert.deepEqual([first.value.name, first.value.uid], ['a', 'a-1']);
    // Between two turns: the first has begun anew on another node, the second is gone, the third has begun anew, one is new.
    ingest(store, { node: 'node-b', uids: { a: 'a-2', c: 'c-2', e: 'e-1' } }, 2);
    ingest(store, { node: 'node-a', uids: { d: 'd-1' } }, 2);
    cluster.state.pods = [listed('e', 'e-1'), listed('c', 'c-2'), listed('d', 'd-1'), listed('a', 'a-2')];
    const rest = [...walk];
    assert.deepEqual(
      rest.map(({ name, uid, series }) => [name, uid, series?.node.node]),
      [
        ['c', 'c-2', 'node-b'],
        ['d', 'd-1', 'node-a'],
      ],
    );
    assert.equal([...pods.all(AT_MS)].length, 4);
  });
}

test('pods of a node that change while they are gone through are those that it has then', () => {
  const store = new Store({ historyMs: 300_000 });
  const pods = new Pods(store);
  ingest(store, { node: 'node-a', uids: FIRST }, 1);
  const walk = pods.onNode('node-a', AT_MS);
  assert.equal(walk.next().done, false);
  ingest(store, { node: 'node-b', uids: { c: 'c-2' } }, 2);
  ingest(store, { node: 'node-a', uids: { a: 'a-1', d: 'd-1', e: 'e-1' } }, 2);
  assert.deepEqual(
    [...walk].map(({ name }) => name),
    ['d'],
  );
});

test('the networks of a pod are those of its interfaces, and in its own namespace those of its annotation', () => {
  const store = new Store({ historyMs: 300_000 });
  const annotated = { networks: ['telco/n3', 'n6', 'other/n9'] };
  const cluster = createTestCluster([
    apiPod({ namespace: 'telco', name: 'own', uid: 'own', ...annotated }),
    apiPod({ namespace: 'default', name: 'guest', uid: 'guest', ...annotated }),
  ]);
  const pods = new Pods(store, cluster.pods);
  const interfaces = [interfaceReport(), interfaceReport({ name: 'net1', network: 'n1', nadNamespace: 'telco' })];
  const guest = podReport({ namespace: 'default', name: 'guest', uid: 'guest', interfaces });
  assert.ok(store.ingest(checkReport(nodeReport(AT_MS, { pods: [guest] })).report, AT_MS).ok);
  const networks = [...pods.all(AT_MS)].map((pod) => [pod.name, pods.networksOf(pod, 'telco')]);
  assert.deepEqual(Object.fromEntries(networks), { own: ['n3', 'n6'], guest: ['n1'] });
});
