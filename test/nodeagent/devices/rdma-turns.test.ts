import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualFunction } from '../../../nodeagent/devices/device.js';
import { RdmaTurns } from '../../../nodeagent/devices/rdma-turns.js';

const vfs = (count: number): VirtualFunction[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ index, pciAddress: `0000:01:${(index >> 3).toString(16).padStart(2, '0')}.${index & 7}` },
    rdmaDevices: [`mlx5_${index}`],
  }));

/** Counts how often each was read. */
class Fixture {
  readonly read = new Map<number, number>();
  readonly turns = new RdmaTurns(({ index }) => {
    const times = (this.read.get(index) ?? 0) + 1;
    this.read.set(index, times);
    return new Map([[`rdma/mlx5_${index}/1/hw/times`, BigInt(times)]]);
  });

  sweep(all: readonly VirtualFunction[]): (bigint | undefined)[] {
    this.turns.begin(all);
    return all.map((vf) => this.turns.countersOf(vf).values().next().value);
  }
}

test('as many as a sweep has time for are read in each', () => {
  const fixture = new Fixture();
  for (const times of [1n, 2n, 3n]) assert.deepEqual(fixture.sweep(vfs(64)), Array(64).fill(times));
});

test('of more each has its turn, and nothing is known of it in between', () => {
  const fixture = new Fixture();
  const sweeps = Array.from({ length: 12 }, () => fixture.sweep(vfs(160)).map((times) => times !== undefined));
  for (const isRead of sweeps) assert.equal(isRead.filter(Boolean).length, 64);
  for (let first = 0; first + 3 <= sweeps.length; first++) {
    const three = sweeps.slice(first, first + 3);
    assert.ok(vfs(160).every((_, i) => three.some((isRead) => isRead[i] === true)));
  }
});

test('one that is of no interest is not read, and nothing is remembered of it', () => {
  const fixture = new Fixture();
  const [first, second] = vfs(2);
  if (first === undefined || second === undefined) throw new TypeError('no VFs');
  fixture.sweep([first]);
  assert.equal(fixture.turns.countersOf(second).size, 0);
  fixture.turns.begin([]);
  assert.equal(fixture.turns.countersOf(first).size, 0);
  assert.deepEqual(fixture.sweep([{ ...first, rdmaDevices: [] }]), [undefined]);
  assert.deepEqual([...fixture.read], [[0, 1]]);
});

test('another device on a VF has nothing of the one before', () => {
  const fixture = new Fixture();
  const [vf] = vfs(1);
  if (vf === undefined) throw new TypeError('no VF');
  fixture.sweep([vf]);
  fixture.turns.begin([{ ...vf, rdmaDevices: ['mlx5_9'] }]);
  assert.equal(fixture.turns.countersOf(vf).size, 0);
});
