import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kataStacking } from '../../../nodeagent/inventory/kata-names.js';

test('the taps of a Kata machine are stacked on the other interfaces', () => {
  const stacking = kataStacking(['eth0', 'net1', 'tap0_kata', 'tap1_kata']);
  assert.deepEqual(Object.fromEntries(stacking), { tap0_kata: ['eth0', 'net1'], tap1_kata: ['eth0', 'net1'] });
});

test('a tap that is alone, or called otherwise, is stacked on nothing', () => {
  assert.equal(kataStacking(['tap0_kata']).size, 0);
  assert.equal(kataStacking(['eth0', 'tap0', 'mytap0_kata']).size, 0);
});
