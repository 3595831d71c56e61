import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListedContainer, ListedSandbox } from '../../../nodeagent/cri/responses.js';
import { isVirtualMachine, lastAttempts, newestOfEachPod } from '../../../nodeagent/cri/sandbox.js';

function sandbox(id: string, parts: Partial<ListedSandbox> = {}): ListedSandbox {
  return { id, uid: 'pod', isReady: true, createdNs: 1n, attempt: 0, runtimeHandler: '', ...parts };
}

function container(id: string, parts: Partial<ListedContainer> = {}): ListedContainer {
  return { id, sandboxId: 's', name: 'main', image: '', attempt: 0, state: 'running', createdNs: 1n, ...parts };
}

test('of the sandboxes of a pod the newest that is ready wins', () => {
  const all = [
    sandbox('newer-but-down', { isReady: false, createdNs: 9_007_199_254_740_994n }),
    sandbox('old', { createdNs: 9_007_199_254_740_992n }),
    sandbox('new', { createdNs: 9_007_199_254_740_993n }),
  ];
  for (const order of [all, all.toReversed()]) assert.equal(newestOfEachPod(order)[0]?.id, 'new');
});

test('of sandboxes that are all down the newest wins', () => {
  const all = [sandbox('a', { isReady: false, createdNs: 2n }), sandbox('b', { isReady: false, createdNs: 3n })];
  assert.deepEqual(
    newestOfEachPod(all).map(({ id }) => id),
    ['b'],
  );
});

test('ready pods come before those that are down', () => {
  const all = [sandbox('down', { uid: 'a', isReady: false, createdNs: 9n }), sandbox('up', { uid: 'b' })];
  assert.deepEqual(
    newestOfEachPod(all).map(({ id }) => id),
    ['up', 'down'],
  );
});

test('a container that was restarted is there once', () => {
  const all = [
    container('second', { attempt: 1 }),
    container('first', { state: 'exited' }),
    container('x', { name: 'x' }),
  ];
  for (const order of [all, all.toReversed()]) {
    assert.deepEqual(new Set(lastAttempts(order).map(({ id }) => id)), new Set(['second', 'x']));
  }
});

for (const [name, isMachine] of [
  ['kata', true],
  ['kata-qemu', true],
  ['io.containerd.kata.v2', true],
  ['io.containerd.runsc.v1', true],
  ['gvisor', true],
  ['runsc-kvm', true],
  ['', false],
  ['runc', false],
  ['io.containerd.runc.v2', false],
  ['nvidia', false],
  ['crun-wasm', false],
] as const) {
  test(`a handler "${name}" ${isMachine ? 'has a kernel of its own' : 'uses the kernel of the node'}`, () => {
    assert.equal(isVirtualMachine(name, undefined), isMachine);
  });
}
