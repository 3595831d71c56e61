import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { numaAligned, numaNodesByCpu } from '../../../nodeagent/devices/numa.js';

/** CPUs and VFs by the NUMA node of each. */
const aligned = (cpus: readonly (number | undefined)[], devices: readonly (number | undefined)[]) =>
  numaAligned({ cpus: cpus.map((numaNode) => (numaNode === undefined ? {} : { numaNode })), devices });

describe('CPUs and VFs of a pod', () => {
  test('on one NUMA node are aligned', () => {
    assert.equal(aligned([1], [1]), true);
    assert.equal(aligned([0, 0, 0], [0, 0]), true);
  });

  test('on two are not', () => {
    assert.equal(aligned([0], [1]), false);
    assert.equal(aligned([0, 1], [0]), false);
    assert.equal(aligned([1], [1, 0]), false);
  });

  test('have nothing to be aligned where there are none of one kind', () => {
    for (const [cpus, devices] of [
      [[], []],
      [[0], []],
      [[], [0]],
    ] as const) {
      assert.equal(aligned(cpus, devices), undefined);
    }
  });

  test('are not judged where the node of one is not known', () => {
    assert.equal(aligned([undefined], [0]), undefined);
    assert.equal(aligned([0], [undefined]), undefined);
    assert.equal(aligned([0, undefined], [0]), undefined);
    assert.equal(aligned([0], [0, undefined]), undefined);
    assert.equal(aligned([0], [-1]), undefined);
    assert.equal(aligned([-1], [-1]), undefined);
  });
});

test('each CPU has the NUMA node that lists it', () => {
  const nodes = [
    { numaNode: 0, cpus: '0-1,4' },
    { numaNode: 1, cpus: '2-3' },
    { numaNode: 2, cpus: 'x' },
    { numaNode: -1, cpus: '9' },
  ];
  const byCpu = numaNodesByCpu(nodes);
  assert.deepEqual(
    [...byCpu],
    [
      [0, 0],
      [1, 0],
      [4, 0],
      [2, 1],
      [3, 1],
    ],
  );
});
