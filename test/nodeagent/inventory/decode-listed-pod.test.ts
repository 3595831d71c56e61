// Pods as a real kube-apiserver lists them, and what may be odd in one.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { decodeListedPod } from '../../../nodeagent/inventory/decode-listed-pod.js';
import type { ListedPod } from '../../../nodeagent/inventory/listed-pod.js';

const NETWORK_STATUS = 'k8s.v1.cni.cncf.io/network-status';

type Json = Readonly<Record<string, unknown>>;

async function recordedPods(name: string): Promise<readonly Json[]> {
  const parsed = JSON.parse(await readFile(`test/fixtures/contract/${name}.json`, 'utf8')) as {
    readonly items?: readonly Json[];
    readonly response?: { readonly body: { readonly items: readonly Json[] } };
  };
  return parsed.items ?? parsed.response?.body.items ?? [];
}

interface Parts {
  readonly metadata?: Json;
  readonly spec?: Json;
  readonly status?: Json;
}

function decode({ metadata, spec, status }: Parts): ListedPod | undefined {
  const pod = {
    metadata: {
      ...{ name: 'web-0', namespace: 'shop', uid: 'u-1', creationTimestamp: '2026-11-20T21:50:46Z' },
      ...metadata,
    },
    spec: { nodeName: 'node-a', containers: [{ name: 'c', image: 'x' }], ...spec },
    status: { phase: 'Running', podIP: '10.0.0.1', ...status },
  };
  return decodeListedPod(pod, 'node-a')?.pod;
}

test('recorded pods of a real kubelet are kept with what is needed', async () => {
  const decoded = (await recordedPods('pods-list-real-kubelet')).map((one) => decodeListedPod(one, 'node-real')?.pod);
  const [dpdk, hostnet, done, netdev, web] = decoded;
  assert.deepEqual(dpdk, {
    namespace: 'default',
    name: 'dpdk-client',
    uid: '5d7c4364-a67f-4714-8208-4561707b093f',
    creationTimestamp: '2026-11-20T21:50:46Z',
    labels: { app: 'dpdk' },
    hostNetwork: false,
    attachments: new Map(),
    cgroupUid: '5d7c4364-a67f-4714-8208-4561707b093f',
    phase: 'running',
    isTerminating: false,
    addresses: { known: ['10.244.8.9'], areAll: false },
    container: {
      name: 'testpmd',
      image: 'local.test/busybox:1',
      id: '7a032b444094838def3070dea9d04ad7e6d4cdc18ab814d61c3fbe18e33d79ff',
    },
    containers: [{ name: 'testpmd', id: '7a032b444094838def3070dea9d04ad7e6d4cdc18ab814d61c3fbe18e33d79ff' }],
  });
  assert.equal(hostnet?.hostNetwork, true);
  assert.equal(done?.phase, 'ended');
  assert.equal(netdev?.container?.name, 'app');
  assert.deepEqual(web?.workload, { kind: 'Deployment', name: 'web' });
});

test('a recorded pod that has not started waits, and has its networks', async () => {
  const [upf] = (await recordedPods('pods-list')).map((one) => decodeListedPod(one, 'node-a')?.pod);
  assert.deepEqual([upf?.phase, [...(upf?.attachments.keys() ?? [])]], ['waiting', ['eth0', 'net1', 'net2']]);
  assert.deepEqual(upf?.container, { name: 'upf', image: 'x' });
});

test('a static pod is known by the uid that its cgroups have', () => {
  const hash = '81cdabfc720501d9e81b425b15921b4d';
  const mirror = { 'kubernetes.io/config.hash': hash, 'kubernetes.io/config.mirror': hash };
  const [pod] = [decode({ metadata: { annotations: mirror } })];
  assert.deepEqual([pod?.uid, pod?.cgroupUid], ['u-1', hash]);
  // without the mark of a mirror, or with a hash that is none, it is a pod like others
  for (const annotations of [
    { 'kubernetes.io/config.hash': hash },
    { 'kubernetes.io/config.mirror': hash },
    { 'kubernetes.io/config.mirror': hash, 'kubernetes.io/config.hash': 'a b' },
  ]) {
    assert.equal(decode({ metadata: { annotations } })?.cgroupUid, 'u-1');
  }
});

test('the phase tells a pod that waits from one that has ended', () => {
  const phases = [
    { phase: 'Pending', podIP: undefined },
    { phase: 'Pending', podIP: undefined, podIPs: [{ ip: 'fd00::1' }] },
    { phase: 'Running', podIP: undefined },
    { phase: 'Succeeded' },
    { phase: 'Failed', podIP: undefined },
    { phase: undefined, podIP: undefined },
  ].map((status) => decode({ status })?.phase);
  assert.deepEqual(phases, ['waiting', 'running', 'running', 'ended', 'ended', 'waiting']);
});

// Fault of prometheus-network-shim: labels flip with the order in which containers are listed.
test('the container is the first that is specified, whatever the status begins with', () => {
  const spec = { containers: [{ name: 'app', image: 'spec' }, { name: 'side' }] };
  const containerStatuses = [
    { name: 'side', image: 's', containerID: 'cri-o://side-id' },
    { name: 'app', image: 'pulled', containerID: 'docker://app-id' },
  ];
  assert.deepEqual(decode({ spec, status: { containerStatuses } })?.container, {
    ...{ name: 'app', image: 'pulled', id: 'app-id' },
  });
  const waiting = [{ name: 'app', image: '', containerID: '' }];
  assert.deepEqual(decode({ spec, status: { containerStatuses: waiting } })?.container, { name: 'app', image: 'spec' });
  assert.equal(decode({ spec: { containers: [] } })?.container, undefined);
});

test('the containers are those that last, sidecars among the init containers after the others', () => {
  const spec = {
    containers: [{ name: 'app' }, { name: 'a b' }, { name: 'side' }],
    initContainers: [{ name: 'setup' }, { name: 'proxy', restartPolicy: 'Always' }],
  };
  const status = {
    initContainerStatuses: [
      { name: 'setup', containerID: 'cri-o://setup-id' },
      { name: 'proxy', containerID: 'cri-o://proxy-id' },
    ],
    containerStatuses: [{ name: 'side', containerID: '' }, { name: 'app', containerID: 'cri-o://app-id' }, null],
  };
  assert.deepEqual(decode({ spec, status })?.containers, [
    { name: 'app', id: 'app-id' },
    { name: 'side' },
    { name: 'proxy', id: 'proxy-id' },
  ]);
  assert.equal(decode({ spec: { containers: [] } })?.containers, undefined);
});

test('the claims of a pod are those made for it, named by it, and of its extended resources', () => {
  const spec = {
    resourceClaims: [
      { name: 'vf', resourceClaimTemplateName: 'one-vf' },
      { name: 'shared', resourceClaimName: 'shared-nic' },
      { name: 'odd', resourceClaimName: '../pods' },
    ],
  };
  const status = {
    resourceClaimStatuses: [{ name: 'vf', resourceClaimName: 'web-0-vf-x7k2p' }, { name: 'none' }, 7],
    extendedResourceClaimStatus: { resourceClaimName: 'web-0-extended-resources-4zq', requestMappings: [] },
  };
  const claims = ['web-0-vf-x7k2p', 'shared-nic', 'web-0-extended-resources-4zq'];
  assert.deepEqual(decode({ spec, status })?.resourceClaims, claims);
  assert.equal(decode({ spec: { resourceClaims: 'none' } })?.resourceClaims, undefined);
  assert.equal(decode({ status: { extendedResourceClaimStatus: null } })?.resourceClaims, undefined);
});

test('what is not a pod of this node is dropped', () => {
  assert.equal(decode({ spec: { nodeName: 'node-b' } }), undefined);
  assert.equal(decode({ spec: { nodeName: undefined } }), undefined);
  for (const metadata of [{ uid: '' }, { name: 'a/b' }, { namespace: 7 }, { creationTimestamp: 'yesterday' }]) {
    assert.equal(decode({ metadata }), undefined);
  }
  for (const object of [undefined, null, 'x', [], {}]) assert.equal(decodeListedPod(object, 'node-a'), undefined);
});

test('what a report cannot take costs itself and not the pod', () => {
  const labels = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`l${i}`, 'x']));
  const ownerReferences = [{ kind: 'Thing', name: 'a:b', controller: true }];
  const pod = decode({
    metadata: { labels, ownerReferences },
    spec: { containers: [{ name: 'c', image: 'i'.repeat(1_025) }] },
  });
  assert.equal(Object.keys(pod?.labels ?? {}).length, 128);
  assert.deepEqual([pod?.workload, pod?.container], [undefined, undefined]);
});

test('the old key of the annotation counts where the new is absent', () => {
  const status = (name: string) => JSON.stringify([{ name, interface: 'eth0', default: true }]);
  const networkOf = (annotations: Json) => decode({ metadata: { annotations } })?.attachments.get('eth0')?.network;
  const old = { 'k8s.v1.cni.cncf.io/networks-status': status('old') };
  assert.equal(networkOf(old), 'old');
  assert.equal(networkOf({ ...old, 'k8s.v1.cni.cncf.io/network-status': status('new') }), 'new');
  assert.equal(networkOf({}), undefined);
});

test('the addresses of a pod are those of its status and of its network annotation', () => {
  const status = { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }, { ip: 'x' }, null] };
  const addressesOf = (networks?: unknown, more: Parts = {}) =>
    decode({
      metadata: { annotations: networks === undefined ? {} : { [NETWORK_STATUS]: JSON.stringify(networks) } },
      ...{ status, ...more },
    })?.addresses;
  assert.deepEqual(addressesOf(), { known: ['10.0.0.1', 'fd00::1'], areAll: false });
  const eth0 = { name: 'cbr0', interface: 'eth0', ips: ['10.0.0.1', 'fd00::1'], default: true };
  const net1 = { name: 'a/b', interface: 'net1', ips: ['10.9.0.7'] };
  assert.deepEqual(addressesOf([eth0, net1]), { known: ['10.0.0.1', 'fd00::1', '10.9.0.7'], areAll: true });
  // whether there is one more, nobody tells
  for (const odd of [{ ...net1, ips: undefined }, { ...net1, ips: ['10.9.0.7', 'x'] }, {}])
    assert.equal(addressesOf([eth0, odd])?.areAll, false, JSON.stringify(odd));
  assert.deepEqual(addressesOf('x', { status: { phase: 'Pending' } }), { known: ['10.0.0.1'], areAll: false });
  assert.equal(addressesOf([eth0], { spec: { hostNetwork: true } }), undefined);
});
