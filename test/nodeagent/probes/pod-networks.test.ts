import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressesOn,
  decodePodNetworks,
  namespacesOf,
  problemsOf,
  type PodNetworks,
} from '../../../nodeagent/probes/pod-networks.js';
import { agentPod, defaultEntry, entry } from '../../support/probe-objects.js';

const podOf = (...status: object[]): PodNetworks => decodePodNetworks(agentPod('p', status)) ?? assert.fail();
const namespaces = (pod: PodNetworks, ...own: string[]) => Object.fromEntries(namespacesOf(pod, own));
const on = (pod: PodNetworks, own: object) => Object.fromEntries(addressesOn(pod, new Map(Object.entries(own))));

test('each secondary network has an address of each family', () => {
  const pod = podOf(
    defaultEntry('10.0.0.1', 'fd00::1'),
    entry('telco/n3', 'net1', '192.168.3.1', 'fd03::1', '192.168.3.2'),
    entry('telco/n6', 'net2', 'fd06::1'),
    entry('telco/n3', 'net3', '192.168.3.9'),
    entry('bare', 'net4', '192.168.4.1'),
  );
  const own = namespaces(pod);
  assert.deepEqual(own, { n3: 'telco', n6: 'telco', bare: '' });
  assert.deepEqual(on(pod, own), { n3: ['192.168.3.1', 'fd03::1'], n6: ['fd06::1'], bare: ['192.168.4.1'] });
});

test('a network without an address to dial is none', () => {
  const { ips: _ips, ...dpdk } = entry('telco/n3', 'net1');
  assert.deepEqual(podOf(dpdk, entry('telco/n6', 'net2', 'fe80::1'), entry('telco/n9', 'net3')).networks, []);
});

test('the default network is none of them, also where nothing marks it', () => {
  const pod = podOf(entry('cbr0', 'eth0', '10.0.0.1'), entry('telco/default', 'net1', '192.168.3.1'));
  assert.deepEqual(namespaces(pod, '10.0.0.1'), {});
  assert.deepEqual([...problemsOf(pod, new Map())], ['reserved_name']);
});

test('a second network of the same name is not taken for the first', () => {
  const pod = podOf(entry('telco/n3', 'net1', '192.168.3.1'), entry('lab/n3', 'net2', '192.168.9.1'));
  assert.deepEqual(namespaces(pod), { n3: 'telco' });
  assert.deepEqual(on(pod, { n3: 'telco' }), { n3: ['192.168.3.1'] });
  assert.deepEqual(on(pod, { n3: 'lab' }), { n3: ['192.168.9.1'] });
  assert.deepEqual(on(pod, { n3: 'other' }), {});
  assert.deepEqual([...problemsOf(pod, new Map([['n3', 'telco']]))], ['other_namespace']);
});

test('an annotation that is no good is no network, and is told', () => {
  const broken = decodePodNetworks(agentPod('p', '[{')) ?? assert.fail();
  assert.deepEqual([broken.networks, [...problemsOf(broken, new Map())]], [[], ['not_json']]);
  const partly = podOf({ ...entry('telco/n3', 'net1'), ips: ['192.168.3.1', '192.168.3.2/24', 7] });
  assert.deepEqual([on(partly, { n3: 'telco' }), [...partly.problems]], [{ n3: ['192.168.3.1'] }, ['bad_entry']]);
});

test('a pod without the annotation is on no secondary network', () => {
  assert.deepEqual(decodePodNetworks({ metadata: { uid: 'u' } })?.networks, []);
  for (const object of [null, {}, { metadata: {} }, { metadata: { uid: 7 } }]) {
    assert.equal(decodePodNetworks(object), undefined);
  }
});
