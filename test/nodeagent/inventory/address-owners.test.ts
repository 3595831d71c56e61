import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sandbox } from '../../../nodeagent/cri/sandbox.js';
import { addressOwners } from '../../../nodeagent/inventory/address-owners.js';
import type { ListedPod } from '../../../nodeagent/inventory/listed-pod.js';

function pod(uid: string, more: Partial<ListedPod> = {}): ListedPod {
  return {
    ...{ namespace: 'shop', name: uid, uid, cgroupUid: uid, creationTimestamp: '2026-11-20T10:00:00Z', labels: {} },
    ...{ hostNetwork: false, attachments: new Map(), phase: 'running', isTerminating: false },
    addresses: { known: [`10.1.0.${uid}`], areAll: true },
    ...more,
  };
}

function sandbox(id: string, uid: string, isNetnsClosed = false): Sandbox {
  return {
    ...{ id, uid, state: 'not_ready', isNetnsClosed, runtimeHandler: '', isVirtualMachine: false, containers: [] },
  };
}

test('pods that live and have a network of their own may have addresses', () => {
  const { addresses: _addresses, ...onHost } = pod('4', { hostNetwork: true });
  const { addresses: _none, ...untold } = pod('5', { phase: 'waiting' });
  const listed = [pod('1'), pod('2', { isTerminating: true }), pod('3', { phase: 'ended' }), onHost, untold];
  const createdMs = Date.parse('2026-11-20T10:00:00Z');
  assert.deepEqual(addressOwners(listed, undefined), {
    pods: [
      { addresses: ['10.1.0.1'], areAll: true, createdMs },
      { addresses: ['10.1.0.2'], areAll: true, createdMs },
      { addresses: [], areAll: false, createdMs },
    ],
  });
});

test('sandboxes that are ready live, and those that their pods have not let go of', () => {
  const newest = [
    sandbox('killed', '1'),
    sandbox('stopped', '1', true),
    sandbox('ended', '3'),
    sandbox('deleted', '9'),
  ];
  const known = { ready: new Set(['a']), newest };
  const listed = [pod('1'), pod('3', { phase: 'ended' })];
  assert.deepEqual(addressOwners(listed, known)?.sandboxIds, new Set(['a', 'killed']));
  assert.deepEqual(addressOwners(undefined, known), { sandboxIds: new Set(['a', 'killed', 'ended', 'deleted']) });
});

test('without a list of pods and a runtime nobody can tell', () => {
  assert.equal(addressOwners(undefined, undefined), undefined);
});
