import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseContainerPid, parseSandboxInfo } from '../../../nodeagent/cri/sandbox-info.js';
import { recordedJson, type Recorded } from '../../support/cri-server.js';

function infoOf(runtime: Recorded, name: string): string {
  const { info } = recordedJson(runtime, name) as { info: { info: string } };
  return info.info;
}

const UID = '11111110-2222-4333-8444-555555555550';

test('containerd 1.6 tells process, namespace, cgroup and both ends of interfaces', () => {
  assert.deepEqual(parseSandboxInfo(infoOf('containerd-1.6.20', 'PodSandboxStatus.web-0.verbose')), {
    pid: 8828,
    netnsPath: '/var/run/netns/cni-e668fc7b-99ac-868e-d152-296a31622ae0',
    isNetnsClosed: false,
    runtimeType: 'io.containerd.runc.v2',
    cgroupsPath: `/kubepods-t/burstable/pod${UID}/5eff39ce41c3e99db955010d5113beb90c1b751696e10a798187792ea3b6655a`,
    interfaces: [
      { name: 'cbr-t1', isInPod: false },
      { name: 'eth0', isInPod: true },
      { name: 'eth1', isInPod: true },
      { name: 'lo', isInPod: true },
      { name: 'vethc62b0bf4', isInPod: false },
      { name: 'vethe048b25c', isInPod: false },
    ],
  });
});

test('containerd 2.1 tells the same', () => {
  const { pid, netnsPath, interfaces } = parseSandboxInfo(infoOf('containerd-2.1.9', 'PodSandboxStatus.web-0.verbose'));
  assert.equal(pid, 16966);
  assert.equal(netnsPath, '/var/run/netns/cni-761c0f82-9eeb-5a22-33ea-c044aded4494');
  assert.deepEqual(
    interfaces?.filter(({ isInPod }) => !isInPod).map(({ name }) => name),
    ['cbr-t1', 'veth6bbae085', 'veth9b5ee937'],
  );
});

test('the PCI address of a virtual function is told where it is one', () => {
  // synthetic: the recorded pods have none
  const Interfaces = {
    net1: { Sandbox: '/var/run/netns/a', PciID: '0000:3B:02.1' },
    net2: { Sandbox: '/var/run/netns/a', PciID: 'vhost-user' },
  };
  assert.deepEqual(parseSandboxInfo(JSON.stringify({ cniResult: { Interfaces } })).interfaces, [
    { name: 'net1', isInPod: true, pciAddress: '0000:3b:02.1' },
    { name: 'net2', isInPod: true },
  ]);
});

for (const runtime of ['containerd-1.6.20', 'containerd-2.1.9'] as const) {
  test(`a sandbox of ${runtime} whose process was killed has none`, () => {
    const info = parseSandboxInfo(infoOf(runtime, 'lifecycle/PodSandboxStatus.web-1.pause-killed.verbose'));
    assert.equal('pid' in info, false);
    assert.equal(info.isNetnsClosed, false);
    assert.match(info.netnsPath ?? '', /^\/var\/run\/netns\/cni-/);
  });

  test(`a stopped sandbox of ${runtime} has given up its namespace`, () => {
    const info = parseSandboxInfo(infoOf(runtime, 'lifecycle/PodSandboxStatus.web-1.stopped.verbose'));
    assert.deepEqual([info.pid, info.isNetnsClosed], [undefined, true]);
  });

  // Fault of prometheus-network-shim: a pod without a namespace of its own crashes it.
  test(`a pod in the node's network has no namespace of its own with ${runtime}`, () => {
    const info = parseSandboxInfo(infoOf(runtime, 'lifecycle/PodSandboxStatus.hostnet.verbose'));
    assert.deepEqual(['netnsPath' in info, 'interfaces' in info, typeof info.pid], [false, false, 'number']);
  });
}

// synthetic: in the form that crictl inspectp prints of CRI-O, and that its sources make
const CRIO_SPEC = {
  annotations: {
    'io.container.manager': 'cri-o',
    'io.kubernetes.cri-o.HostNetwork': 'false',
    'io.kubernetes.cri-o.RuntimeHandler': 'kata',
    'io.kubernetes.cri-o.CNIResult': JSON.stringify({
      cniVersion: '1.0.0',
      interfaces: [
        { name: 'bridge', mac: 'ce:64:08:76:88:6a' },
        { name: 'veth71b0e931' },
        { name: 'eth0', sandbox: '/var/run/netns/dec735' },
      ],
    }),
  },
  linux: {
    cgroupsPath: 'kubepods-besteffort-podaaaa2b4a.slice:crio:134b58ab',
    namespaces: [{ type: 'pid' }, { type: 'network', path: '/var/run/netns/dec735' }],
  },
};

test('CRI-O tells process, namespace, handler and interfaces in annotations', () => {
  assert.deepEqual(parseSandboxInfo(JSON.stringify({ image: 'pause', pid: 38091, runtimeSpec: CRIO_SPEC })), {
    pid: 38091,
    netnsPath: '/var/run/netns/dec735',
    runtimeHandler: 'kata',
    cgroupsPath: 'kubepods-besteffort-podaaaa2b4a.slice:crio:134b58ab',
    interfaces: [
      { name: 'bridge', isInPod: false },
      { name: 'eth0', isInPod: true },
      { name: 'veth71b0e931', isInPod: false },
    ],
  });
});

test('CRI-O without an infra container tells the namespace and no process', () => {
  const info = parseSandboxInfo(JSON.stringify({ runtimeSpec: CRIO_SPEC }));
  assert.deepEqual([info.pid, info.netnsPath], [undefined, '/var/run/netns/dec735']);
});

test("the namespace of CRI-O's CNI result stands in for that of the spec", () => {
  const spec = { ...CRIO_SPEC, linux: {} };
  assert.equal(parseSandboxInfo(JSON.stringify({ runtimeSpec: spec })).netnsPath, '/var/run/netns/dec735');
});

for (const [what, text] of [
  ['nothing', undefined],
  ['an empty text', ''],
  ['an empty object', '{}'],
  ['null', 'null'],
  ['a list', '[1]'],
  ['no JSON', '{"pid": 12'],
  ['too much', JSON.stringify({ pid: 12, filler: 'x'.repeat(4 * 1024 * 1024) })],
  [
    'odd types',
    JSON.stringify({ pid: '12', runtimeSpec: { linux: { namespaces: {}, cgroupsPath: 7 } }, cniResult: [] }),
  ],
  ['null parts', JSON.stringify({ pid: null, runtimeSpec: null, cniResult: null, netNamespaceClosed: null })],
  ['a negative process', JSON.stringify({ pid: -1 })],
  ['a process beyond the kernel', '{"pid": 9223372036854775807}'],
  [
    'a path that climbs',
    JSON.stringify({ sandboxMetadata: { Metadata: { NetNSPath: '/run/netns/../../proc/1/ns/net' } } }),
  ],
] as const) {
  // Fault of prometheus-network-shim: odd words of the runtime crash it.
  test(`a runtime that says ${what} tells nothing`, () => {
    assert.deepEqual(parseSandboxInfo(text), {});
  });
}

test('an interface that no kernel has is left out, the others stay', () => {
  const Interfaces = { 'a/b': {}, 'sixteen-letters-': {}, '': {}, net1: null };
  assert.deepEqual(parseSandboxInfo(JSON.stringify({ cniResult: { Interfaces } })).interfaces, [
    { name: 'net1', isInPod: false },
  ]);
});

// Fault of prometheus-network-shim: odd words of the runtime crash it.
test('no JSON makes it throw', () => {
  const keys = [
    'pid',
    'runtimeSpec',
    'linux',
    'namespaces',
    'cniResult',
    'Interfaces',
    'annotations',
    'sandboxMetadata',
  ];
  const key = fc.oneof(fc.constantFrom(...keys), fc.string());
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 5 }, tie('leaf'), fc.dictionary(key, tie('tree')), fc.array(tie('tree'))),
    leaf: fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.constant('network')),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const info = parseSandboxInfo(JSON.stringify(value));
      assert.ok(info.pid === undefined || Number.isInteger(info.pid));
      parseContainerPid(JSON.stringify(value));
    }),
  );
});

test('a container tells its process', () => {
  assert.equal(parseContainerPid(infoOf('containerd-2.1.9', 'ContainerStatus.web-0.verbose')), 16991);
});
