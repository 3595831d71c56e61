import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sandbox } from '../../../nodeagent/cri/sandbox.js';
import { createKubernetesPods } from '../../../nodeagent/inventory/kubernetes-pods.js';
import type { ListedPod } from '../../../nodeagent/inventory/listed-pod.js';
import type { Attachment, Pod } from '../../../nodeagent/inventory/pod.js';
import type { Located } from '../../../nodeagent/inventory/pod-processes.js';

const LISTED: ListedPod = {
  ...{
    namespace: 'telco',
    name: 'upf-0',
    uid: 'u',
    cgroupUid: 'u',
    creationTimestamp: '2026-11-20T10:00:00Z',
    labels: {},
  },
  ...{ hostNetwork: false, phase: 'running', isTerminating: false, attachments: new Map() },
  container: { name: 'main', image: 'registry.example/upf:1', id: 'c1' },
};
const SANDBOX: Sandbox = {
  ...{ id: 's', uid: 'u', state: 'ready', isNetnsClosed: false, runtimeHandler: 'kata-qemu', isVirtualMachine: true },
  containers: [],
};
const FOUND: Located = {
  cgroups: new Map([['c1', '/kubepods/podu/c1']]),
  netns: { inode: 7, processes: [{ pid: 9 }] },
};
const LOST: Located = { cgroups: new Map(), absence: 'no_process' };

interface Around {
  readonly located?: Located;
  readonly sandbox?: Sandbox;
  readonly isCurrent?: boolean;
}

function found(listed: Partial<ListedPod>, { located = LOST, sandbox, isCurrent = true }: Around = {}): Pod {
  const source = createKubernetesPods({
    listed: () => [{ ...LISTED, ...listed }],
    isCurrent: () => isCurrent,
    locate: (pods) => new Map(pods.map(({ uid }) => [uid, located])),
    sandboxOf: () => sandbox,
  });
  return source.pods(0)?.[0] ?? assert.fail('no pod');
}

test('before the list is known no pods are', () => {
  const source = createKubernetesPods({
    ...{ listed: () => undefined, isCurrent: () => false, locate: () => new Map(), sandboxOf: () => undefined },
  });
  assert.equal(source.pods(0), undefined);
});

test('a pod is found where its processes are, with the cgroup of its first container', () => {
  const pod = found({}, { located: FOUND });
  assert.deepEqual(pod.netns, { inode: 7, processes: [{ pid: 9 }] });
  assert.deepEqual(pod.container, { name: 'main', image: 'registry.example/upf:1', cgroup: '/kubepods/podu/c1' });
  assert.equal(pod.netnsAbsence, undefined);
});

test('a pod on the host network is listed, and never looked for', () => {
  const pod = found({ hostNetwork: true }, { located: FOUND });
  assert.deepEqual([pod.hostNetwork, pod.netns, pod.netnsAbsence], [true, undefined, undefined]);
});

test('a pod that has not started has no interfaces, and that is known', () => {
  assert.equal(found({ phase: 'waiting' }).netnsAbsence, 'none');
  assert.ok(found({ phase: 'waiting' }, { located: FOUND }).netns);
});

test('by an old list it is not known whether a pod has started', () => {
  assert.equal(found({ phase: 'waiting' }, { isCurrent: false }).netnsAbsence, 'no_process');
});

test('a pod that has ended has no interfaces, whatever is left of it', () => {
  const pod = found({ phase: 'ended' }, { located: FOUND });
  assert.deepEqual([pod.netns, pod.netnsAbsence], [undefined, 'none']);
});

test('a pod whose containers have ended for good is told as one', () => {
  assert.equal(found({ phase: 'ended' }).isEnded, true);
  assert.equal('isEnded' in found({ isTerminating: true }), false);
});

test('the runtime tells the ids of containers that the API does not know yet', () => {
  const containers = [{ name: 'main', id: 'c1' }, { name: 'side' }];
  assert.deepEqual(found({ containers }).containers, containers);
  const started = { image: '', attempt: 0, state: 'running' as const };
  const sandbox = { ...SANDBOX, containers: [{ ...started, name: 'side', id: 'c2' }] };
  assert.deepEqual(found({ containers }, { sandbox }).containers, [
    { name: 'main', id: 'c1' },
    { name: 'side', id: 'c2' },
  ]);
});

test('of a pod that runs and cannot be found the interfaces are not known', () => {
  assert.equal(found({}).netnsAbsence, 'no_process');
  assert.equal(
    found({}, { located: { cgroups: new Map(), absence: 'shared_namespace' } }).netnsAbsence,
    'shared_namespace',
  );
});

test('a virtual machine without a process in its namespace is told as one', () => {
  assert.equal(found({}, { sandbox: SANDBOX }).netnsAbsence, 'virtual_machine');
  assert.ok(found({}, { sandbox: SANDBOX, located: FOUND }).netns);
});

test('the runtime tells the device of an interface where the annotation does not', () => {
  const attachment = { network: 'sriov', nadNamespace: 'telco', isDefault: false };
  const interfaces = [
    { name: 'net1', isInPod: true, pciAddress: '0000:3b:02.1' },
    { name: 'net2', isInPod: true, pciAddress: '0000:3b:02.2' },
  ];
  const attachments = new Map<string, Attachment>([
    ['net1', attachment],
    ['net2', { ...attachment, pciAddress: '0000:3b:02.7' }],
  ]);
  const pod = found({ attachments }, { sandbox: { ...SANDBOX, interfaces } });
  assert.deepEqual(
    [...pod.attachments.values()].map(({ pciAddress }) => pciAddress),
    ['0000:3b:02.1', '0000:3b:02.7'],
  );
});
