import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkloadTotals } from '../../../apiserver/store/workload-totals.js';

const totals = (room: number) => new WorkloadTotals({ names: ['namespace', 'workload', 'network'], columns: 1, room });
const labelsOf = (all: WorkloadTotals) => [...all.known(0)].map(({ labels }) => labels);

test('what there is no room for goes to its network, and then to the rest', () => {
  const all = totals(2);
  for (const i of [1, 2, 3, 4, 5]) {
    const total = all.of('shop', [`w${i}`, `n${i}`], ['', `n${i}`], ['', '']);
    total.add(0, i);
  }
  assert.deepEqual(labelsOf(all), [
    'namespace="shop",workload="w1",network="n1"',
    'namespace="shop",workload="w2",network="n2"',
    'namespace="shop",workload="",network="n3"',
    'namespace="shop",workload="",network="n4"',
    'namespace="shop",workload="",network=""',
  ]);
  const other = all.of('other', ['w1', 'n1'], ['', 'n1'], ['', '']);
  assert.equal(other.labels, 'namespace="other",workload="w1",network="n1"');
});

test('a counter that was never read has no value, and one that did not grow has', () => {
  const total = totals(1).of('shop', ['w', 'n']);
  total.add(0, NaN);
  assert.deepEqual([...total.values], [NaN]);
  total.add(0, 0);
  assert.deepEqual([...total.values], [0]);
});

test('what begins anew leaves unknown what is unknown', () => {
  const all = new WorkloadTotals({ names: ['namespace'], columns: 2, room: 1 });
  const total = all.of('shop', []);
  total.add(0, 5);
  all.rebase();
  assert.deepEqual([...total.values], [0, NaN]);
});
