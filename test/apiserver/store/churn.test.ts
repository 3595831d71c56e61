import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Exposition } from '../../../apiserver/exposition/exposition.js';
import { Pods } from '../../../apiserver/store/pods.js';
import { Store } from '../../../apiserver/store/store.js';
import { syntheticReport } from '../../bench/reports.js';

const NODES = 20;
const SIZE = { pods: 30, interfaces: 2 };
/** Samples until the history of 5 minutes is full. */
const FULL = 25;
const CHURNS = 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function bytesInUse(): number {
  // What the entries of weak maps hold, and memory outside of the heap, a single one leaves for later.
  for (let times = 0; times < 3; times++) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('pods that are replaced, all of them and again and again, give back what they took', () => {
  const store = new Store({ historyMs: 300_000 });
  const exposition = new Exposition({ nodes: store, pods: new Pods(store) }, []);
  const push = (second: number, generation: number): void => {
    for (let node = 0; node < NODES; node++) {
      const { pods, ...envelope } = syntheticReport(node, SIZE, second);
      const suffix = String(generation).padStart(3, '0');
      const replaced = pods.map((pod) => ({ ...pod, uid: `${pod.uid}-${suffix}`, name: `${pod.name}-${suffix}` }));
      const body: unknown = JSON.parse(JSON.stringify({ ...envelope, pods: replaced }));
      const outcome = store.ingest(checkReport(body, store).report, second * 15_000);
      assert.ok(outcome.ok);
      exposition.update(outcome.node, second * 15_000);
    }
  };
  for (let second = 1; second <= FULL; second++) push(second, 0);
  const before = bytesInUse();
  const perNode = before / NODES;
  for (let churn = 1; churn <= CHURNS; churn++) push(FULL + churn, churn);
  for (let second = 1; second <= FULL; second++) push(FULL + CHURNS + second, CHURNS);
  const grown = bytesInUse() - before;
  // What the pods of one churn take, kept twenty times, would be twenty times as much.
  assert.ok(grown < before / 4, `${grown} bytes more than the ${before}, of ${perNode} a node`);
});
