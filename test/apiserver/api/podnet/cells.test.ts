import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageCell, networkCell } from '../../../../apiserver/api/podnet/cells.js';

// k8s.io/apimachinery/pkg/util/duration, HumanDuration
const AGES: readonly (readonly [number, string])[] = [
  [-5, '0s'],
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [330, '5m30s'],
  [600, '10m'],
  [3 * 3_600 - 1, '179m'],
  [3 * 3_600, '3h'],
  [7 * 3_600 + 720, '7h12m'],
  [8 * 3_600 + 720, '8h'],
  [47 * 3_600, '47h'],
  [5 * 86_400 + 3_600, '5d'],
];
for (const [seconds, text] of AGES) {
  test(`an age of ${seconds} s is ${text}`, () => {
    assert.equal(ageCell(seconds * 1_000), text);
  });
}

test('a network has the namespace of its definition, where it has one', () => {
  assert.equal(networkCell({ network: 'sriov', nadNamespace: 'telco' }), 'telco/sriov');
  assert.equal(networkCell({ network: 'default', nadNamespace: '' }), 'default');
});
