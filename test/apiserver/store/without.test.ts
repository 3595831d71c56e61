import assert from 'node:assert/strict';
import { test } from 'node:test';
import { without } from '../../../apiserver/store/without.js';

test('a copy has all but the one, as they were and in their order', () => {
  const labels = { app: 'web' };
  const pod = { name: 'web-0', workload: { kind: 'Deployment', name: 'web' }, labels, machine: undefined, zero: 0 };
  const copy = without(pod, 'workload');
  assert.deepEqual(Object.entries(copy), [
    ['name', 'web-0'],
    ['labels', labels],
    ['machine', undefined],
    ['zero', 0],
  ]);
  assert.equal(copy.labels, labels);
});

test('what was copied still has it, and a change of the copy is none of it', () => {
  const report = { name: 'eth0', readings: [1] };
  const copy = without(report, 'readings');
  Object.assign(copy, { name: 'net1' });
  assert.deepEqual(report, { name: 'eth0', readings: [1] });
});

test('without the one that it never had it is a copy like any other', () => {
  const pod: { name: string; workload?: string } = { name: 'web-0' };
  const copy = without(pod, 'workload');
  assert.deepEqual(copy, pod);
  assert.notEqual(copy, pod);
});
