import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkOf, type Attachment, type Pod } from '../../../nodeagent/inventory/pod.js';

function podWith(attachments: Record<string, Attachment>): Pod {
  return {
    ...{
      namespace: 'a',
      name: 'b',
      uid: 'c',
      creationTimestamp: '2026-11-20T10:00:00Z',
      labels: {},
      hostNetwork: false,
    },
    attachments: new Map(Object.entries(attachments)),
  };
}

test('without an annotation the default-route interface has the network default, others none', () => {
  const pod = podWith({});
  assert.deepEqual(networkOf(pod, 'eth0', 'eth0'), { network: 'default', nadNamespace: '', primary: true });
  assert.deepEqual(networkOf(pod, 'eth1', 'eth0'), { network: '', nadNamespace: '', primary: false });
  assert.deepEqual(networkOf(pod, 'eth1', undefined), { network: '', nadNamespace: '', primary: false });
});

test('the annotation says the network, its namespace and which is the default', () => {
  const pod = podWith({
    eth0: { network: 'cbr0', nadNamespace: '', isDefault: true },
    net1: { network: 'n3', nadNamespace: 'telco', isDefault: false },
  });
  assert.deepEqual(networkOf(pod, 'eth0', 'net1'), { network: 'cbr0', nadNamespace: '', primary: true });
  assert.deepEqual(networkOf(pod, 'net1', 'net1'), { network: 'n3', nadNamespace: 'telco', primary: false });
});

test('an interface the annotation leaves out is primary only if no other is', () => {
  const pod = podWith({ net1: { network: 'n3', nadNamespace: '', isDefault: true } });
  assert.deepEqual(networkOf(pod, 'eth0', 'eth0'), { network: 'default', nadNamespace: '', primary: false });
});
