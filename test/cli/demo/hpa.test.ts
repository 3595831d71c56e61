import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideReplicas } from '../../../cli/demo/hpa.js';

test('replicas follow the ratio of average and target, rounded up', () => {
  assert.deepEqual(decideReplicas([400, 800, 1_200], 500), { average: 800, desiredReplicas: 5 });
  assert.equal(decideReplicas([100, 100], 500).desiredReplicas, 1);
});

test('within a tenth of the target nothing is done', () => {
  assert.equal(decideReplicas([549, 549], 500).desiredReplicas, 2);
  assert.equal(decideReplicas([551, 551], 500).desiredReplicas, 3);
});
