import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListedPod } from '../../../nodeagent/inventory/listed-pod.js';
import { addressOwners, podIpsOf } from '../../../nodeagent/inventory/pod-ips.js';

const statusOf = (...networks: readonly object[]) => JSON.stringify(networks);
const DEFAULT = { name: 'cbr0', interface: 'eth0', ips: ['10.1.0.7', 'fd00::7'], default: true };
const NET1 = { name: 'telco/net1', interface: 'net1', ips: ['192.168.1.2'] };

test('a pod has the addresses of its status and of its networks, each once', () => {
  const status = { podIP: '10.1.0.7', podIPs: [{ ip: '10.1.0.7' }, { ip: 'fd00::7' }] };
  const addresses = ['10.1.0.7', 'fd00::7', '192.168.1.2'];
  assert.deepEqual(podIpsOf(status, statusOf(DEFAULT, NET1)), { addresses, areAll: true });
  assert.deepEqual(podIpsOf(status, ''), { addresses: ['10.1.0.7', 'fd00::7'], areAll: false });
});

test('where nobody tells of its networks, or not well, it may have others', () => {
  assert.equal(podIpsOf({}, ''), undefined);
  assert.deepEqual(podIpsOf({ podIP: '10.1.0.7' }, 'not JSON'), { addresses: ['10.1.0.7'], areAll: false });
  assert.deepEqual(podIpsOf({}, '[]'), undefined);
  const bad = statusOf(DEFAULT, { ...NET1, ips: ['192.168.1.2', '192.168.1.300'] });
  assert.deepEqual(podIpsOf({}, bad), { addresses: ['10.1.0.7', 'fd00::7', '192.168.1.2'], areAll: false });
});

test('what is no address is none', () => {
  const status = { podIP: 7, podIPs: [null, 'x', { ip: '10.1.0' }, { ip: '10.1.0.8' }] };
  assert.deepEqual(podIpsOf(status, ''), { addresses: ['10.1.0.8'], areAll: false });
});

const pod = (uid: string, rest: Partial<ListedPod> = {}): ListedPod => ({
  ...{ namespace: 'default', name: uid, uid, cgroupUid: uid, labels: {}, hostNetwork: false, attachments: new Map() },
  ...{ creationTimestamp: '2026-11-20T10:00:00Z', phase: 'running', isTerminating: false },
  ...rest,
});

test('who has a network of its own and has not ended may have addresses', () => {
  const createdMs = Date.parse('2026-11-20T10:00:00Z');
  const ips = { addresses: ['10.1.0.7'], areAll: true };
  const pods = [
    pod('a', { ips, isTerminating: true }),
    pod('b', { phase: 'waiting' }),
    pod('c', { ips, phase: 'ended' }),
    pod('d', { ips, hostNetwork: true }),
  ];
  assert.deepEqual(addressOwners(pods, undefined), {
    pods: [
      { ...ips, createdMs },
      { addresses: [], areAll: false, createdMs },
    ],
  });
  const sandboxIds = new Set(['s']);
  assert.deepEqual(addressOwners(undefined, sandboxIds), { sandboxIds });
  assert.equal(addressOwners(undefined, undefined), undefined, 'nobody tells');
});
