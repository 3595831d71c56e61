import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countedInterfaces } from '../../../apiserver/store/counted.js';

/** `above: [below]` of all interfaces of a pod, and those that a selector chose. */
function counted(stacking: Record<string, string[]>, chosen = Object.keys(stacking)): string[] {
  const all = new Map(Object.entries(stacking).map(([name, lowerDevices]) => [name, { name, lowerDevices }]));
  const items = chosen.flatMap((name) => all.get(name) ?? []);
  return countedInterfaces(items, all).map(({ name }) => name);
}

test('interfaces side by side all count', () => {
  assert.deepEqual(counted({ eth0: [], net1: [] }), ['eth0', 'net1']);
});

test('a bond is not counted beside its slaves, nor a VLAN on it', () => {
  assert.deepEqual(counted({ bond0: ['eth0', 'eth1'], eth0: [], eth1: [], 'bond0.7': ['bond0'] }), ['eth0', 'eth1']);
});

test('a selector that chooses only the bond counts the bond', () => {
  const stacking = { bond0: ['eth0', 'eth1'], eth0: [], eth1: [], 'bond0.7': ['bond0'] };
  assert.deepEqual(counted(stacking, ['bond0']), ['bond0']);
  assert.deepEqual(counted(stacking, ['bond0', 'bond0.7']), ['bond0']);
});

test('what is stacked on a chosen one through others that are not is not counted', () => {
  assert.deepEqual(counted({ 'bond0.7': ['bond0'], bond0: ['eth0'], eth0: [] }, ['bond0.7', 'eth0']), ['eth0']);
});

test('a virtual machine with nic, bridge and tap is counted once', () => {
  assert.deepEqual(counted({ eth0: [], k6t: ['eth0', 'tap0'], tap0: ['eth0'] }), ['eth0']);
});

test('an interface on one that is not of this pod counts', () => {
  assert.deepEqual(counted({ net1: ['ens1f0'] }), ['net1']);
});

test('a circle ends, and nothing in it is counted', () => {
  assert.deepEqual(counted({ a: ['b'], b: ['a'], eth0: [] }), ['eth0']);
});
