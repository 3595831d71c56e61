import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkOf, type Attachment, type Device, type Pod } from '../../../nodeagent/inventory/pod.js';

function podWith(attachments: Record<string, Attachment>, devices: readonly Device[] = []): Pod {
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
    devices,
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

test('a default network without interface is that of the default route', () => {
  const net1 = { network: 'n3', nadNamespace: 'telco', isDefault: false };
  const pod = podWith({ net1 }, [{ network: 'k8s-pod-network', nadNamespace: '', isDefault: true }]);
  assert.deepEqual(networkOf(pod, 'eth0', 'eth0'), { network: 'k8s-pod-network', nadNamespace: '', primary: true });
  assert.deepEqual(networkOf(pod, 'eth1', 'eth0'), { network: '', nadNamespace: '', primary: false });
  assert.deepEqual(networkOf(pod, 'net1', 'net1'), { network: 'n3', nadNamespace: 'telco', primary: false });
});

test("a userspace device's network is not given to the default route", () => {
  const dpdk = { network: 'dpdk', nadNamespace: 'telco', pciAddress: '0000:3b:00.1' };
  const asDefault = podWith({}, [{ ...dpdk, isDefault: true }]);
  assert.deepEqual(networkOf(asDefault, 'eth0', 'eth0'), { network: 'default', nadNamespace: '', primary: false });
  const beside = podWith({}, [{ ...dpdk, isDefault: false }]);
  assert.deepEqual(networkOf(beside, 'eth0', 'eth0'), { network: 'default', nadNamespace: '', primary: true });
});
