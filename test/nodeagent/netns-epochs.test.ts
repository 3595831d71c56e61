import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfaceReading } from '../../nodeagent/collectors/collector.js';
import { NetnsEpochs } from '../../nodeagent/netns-epochs.js';
import { readingOf } from '../support/reports.js';

function eth0(value: number, identity = '7/2'): InterfaceReading[] {
  const meta = { name: 'eth0', network: '', nadNamespace: '', primary: true, identity, source: 'netdev' } as const;
  return [{ meta, counters: readingOf(value) }];
}

const netns = (inode: number, generation: number) => ({ inode, generation, processes: [] });

test('a container that is started again in a living namespace changes nothing', () => {
  const epochs = new NetnsEpochs();
  assert.equal(epochs.idOf('u', netns(7, 0), eth0(10)), '7');
  assert.equal(epochs.idOf('u', netns(7, 1), eth0(11)), '7');
  assert.equal(epochs.idOf('u', netns(7, 2), eth0(11)), '7');
});

test('under the same inode it is another namespace when a counter fell', () => {
  const epochs = new NetnsEpochs();
  epochs.idOf('u', netns(7, 0), eth0(10));
  assert.equal(epochs.idOf('u', netns(7, 1), eth0(3)), '7.1');
  assert.equal(epochs.idOf('u', netns(7, 1), eth0(20)), '7.1');
  assert.equal(epochs.idOf('u', netns(7, 2), eth0(20), readingOf(1)), '7.1');
  assert.equal(epochs.idOf('u', netns(7, 3), eth0(21), readingOf(0)), '7.2', 'loopback fell');
});

test('a counter that falls while processes live on is a new counter of the same namespace', () => {
  const epochs = new NetnsEpochs();
  epochs.idOf('u', netns(7, 0), eth0(10));
  assert.equal(epochs.idOf('u', netns(7, 0), eth0(3)), '7');
});

test('a namespace that comes back under an earlier inode is not that one', () => {
  const epochs = new NetnsEpochs();
  const ids = [7, 8, 7].map((inode, generation) => epochs.idOf('u', netns(inode, generation), eth0(10 + generation)));
  assert.deepEqual(ids, ['7', '8.1', '7.2']);
});

test('pods that are gone are forgotten', () => {
  const epochs = new NetnsEpochs();
  epochs.idOf('u', netns(7, 0), eth0(10));
  epochs.keepOnly(new Set());
  assert.equal(epochs.idOf('u', netns(8, 0), eth0(10)), '8');
});
