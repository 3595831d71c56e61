import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compat } from '../../../metrics/compat/compat.js';
import type { DevicesView, NodeView, PodDescription, UnlistedCpu } from '../../../metrics/node-families.js';
import type { ExclusiveCpu, NodeCpus, VirtualFunctionReport } from '../../../openapi/device-report.js';
import { WEB, compatView } from '../../support/compat-view.js';
import { ownerOf, virtualFunction } from '../../support/device-view.js';

const COMPAT = new Compat(['sriov-network-metrics-exporter']);

function linesOf(view: NodeView, family: string): string[] {
  const text = COMPAT.render(view)[COMPAT.families.findIndex(({ name }) => name === family)] ?? '';
  return text.split('\n').filter((line) => line !== '');
}

function withDevices(devices: Partial<DevicesView>, ...pods: readonly PodDescription[]): NodeView {
  return {
    node: 'n1',
    pods: pods.map((meta) => ({ meta, interfaces: [] })),
    devices: { physicalFunctions: [], virtualFunctions: [], cpus: [], ...devices },
  };
}

function withVfs(...virtualFunctions: readonly VirtualFunctionReport[]): NodeView {
  return withDevices({ virtualFunctions });
}

test('the names are its own, those of its README and of the rules of the operator', () => {
  const stats = [
    ...['rx_bytes', 'rx_packets', 'rx_errors', 'rx_dropped', 'tx_bytes', 'tx_packets', 'tx_errors', 'tx_dropped'],
    ...['rx_broadcast', 'rx_multicast', 'tx_broadcast', 'tx_multicast', 'tx_spoofed'],
  ];
  const recorded = [
    ...['rx_bytes', 'rx_packets', 'rx_dropped', 'tx_bytes', 'tx_packets', 'tx_dropped', 'rx_broadcast', 'rx_multicast'],
  ];
  assert.deepEqual(
    COMPAT.families.map(({ name }) => name),
    [
      ...stats.map((stat) => `sriov_vf_${stat}`),
      ...['sriov_kubepoddevice', 'sriov_kubepodcpu', 'sriov_cpu_info'],
      ...recorded.map((stat) => `network:sriov_vf_${stat}`),
      ...['kubepoddevice', 'kubepodcpu'],
    ],
  );
});

test('every line has the labels that its family says', () => {
  const view = compatView();
  for (const { name, labels } of COMPAT.families) {
    const lines = linesOf(view, name);
    assert.ok(lines.length > 0, name);
    for (const line of lines) {
      const found = [...line.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label]) => label);
      assert.deepEqual(found, labels, line);
    }
  }
});

// Fault of sriov-network-metrics-exporter: it casts a u64 to an int64.
test('a counter is what the driver says, to the last digit', () => {
  const view = withVfs(virtualFunction(1, { numaNode: 1, raw: { receiveBytes: '18446744073709551615' } }));
  assert.deepEqual(linesOf(view, 'sriov_vf_rx_bytes'), [
    'sriov_vf_rx_bytes{node="n1",numa_node="1",pciAddr="0000:3b:02.1",pf="ens1f0",vf="1"} 18446744073709551615',
  ]);
});

// Fault of sriov-network-metrics-exporter: eight zeros of a VF whose driver does not count.
test('a counter that is not known or of an older sample has no line', () => {
  const raw = { receiveBytes: '1' };
  const unknown = COMPAT.render(withVfs(virtualFunction(1))).join('');
  assert.equal(unknown, '');
  assert.equal(COMPAT.render(withVfs(virtualFunction(1, { raw, isCurrent: false }))).join(''), '');
  assert.equal(linesOf(withVfs(virtualFunction(1, { raw })), 'sriov_vf_tx_bytes').length, 0);
});

test('a device is told of what the kubelet gave to a container alone', () => {
  const labels =
    '{container="web",dev_type="openshift.io/inteldpdk",namespace="shop",node="n1",pciAddr="0000:3b:02.1",pod="web-0"} 1';
  const { container: _container, resource: _resource, ...others } = ownerOf(WEB, { source: 'network-status' });
  const view = withVfs(
    virtualFunction(1, { owner: ownerOf(WEB), isCurrent: false }),
    virtualFunction(2, { owner: others }),
    virtualFunction(3),
  );
  for (const family of ['sriov_kubepoddevice', 'kubepoddevice']) {
    assert.deepEqual(linesOf(view, family), [`${family}${labels}`]);
  }
});

test('what the rules recorded is the counter of the VF with its pod', () => {
  const raw = { transmitPackets: '12' };
  const view = withVfs(virtualFunction(1, { owner: ownerOf(WEB), raw }), virtualFunction(2, { raw }));
  assert.deepEqual(linesOf(view, 'network:sriov_vf_tx_packets'), [
    'network:sriov_vf_tx_packets{dev_type="openshift.io/inteldpdk",namespace="shop",node="n1",numa_node="",pciAddr="0000:3b:02.1",pf="ens1f0",pod="web-0",vf="1"} 12',
  ]);
});

// Fault of sriov-network-metrics-exporter: the uid has underscores, and joins with nothing.
test('CPUs of pods that are listed and of others are told, each once', () => {
  const { uid = '' } = WEB;
  const exclusiveCpus: ExclusiveCpu[] = [
    { container: 'web', containerId: 'c1', cpu: 3, numaNode: 1 },
    { container: 'web', cpu: 5 },
  ];
  const { uid: _uid, ...nameless } = WEB;
  const unlistedCpus: UnlistedCpu[] = [
    { uid, containerId: 'c1', cpu: 3, numaNode: 1 },
    { uid: 'u2', containerId: 'c2', cpu: 4 },
  ];
  const view = withDevices({ unlistedCpus }, { ...WEB, exclusiveCpus }, { ...nameless, name: 'x', exclusiveCpus });
  for (const family of ['sriov_kubepodcpu', 'kubepodcpu']) {
    assert.deepEqual(linesOf(view, family), [
      `${family}{container_id="c1",cpu_id="3",node="n1",numa_node="1",uid="${uid}"} 1`,
      `${family}{container_id="",cpu_id="5",node="n1",numa_node="",uid="${uid}"} 1`,
      `${family}{container_id="c2",cpu_id="4",node="n1",numa_node="",uid="u2"} 1`,
    ]);
  }
});

test('each CPU of the node is told once, and a list of nonsense costs nothing', () => {
  const cpusOf = (...cpus: readonly NodeCpus[]) => linesOf(withDevices({ cpus }), 'sriov_cpu_info');
  assert.deepEqual(cpusOf({ numaNode: 0, cpus: '0-1,8' }, { numaNode: 1, cpus: '1-2' }), [
    'sriov_cpu_info{cpu="cpu0",node="n1",numa_node="0"} 1',
    'sriov_cpu_info{cpu="cpu1",node="n1",numa_node="0"} 1',
    'sriov_cpu_info{cpu="cpu8",node="n1",numa_node="0"} 1',
    'sriov_cpu_info{cpu="cpu2",node="n1",numa_node="1"} 1',
  ]);
  for (const cpus of ['', '3-1', 'x', '99999999999-999999999999', '-1', '1-2-3', '1-']) {
    assert.deepEqual(cpusOf({ numaNode: 0, cpus }), [], cpus);
  }
  const whole = Array.from({ length: 1_024 }, (_, numaNode) => ({ numaNode, cpus: '0-99999999999,0-99999999999' }));
  assert.equal(cpusOf(...whole).length, 65_536);
});

test('a device that is there twice is told once', () => {
  const twice = virtualFunction(1, { owner: ownerOf(WEB), raw: { receiveBytes: '1' } });
  for (const family of ['sriov_vf_rx_bytes', 'sriov_kubepoddevice', 'network:sriov_vf_rx_bytes']) {
    assert.equal(linesOf(withVfs(twice, twice), family).length, 1, family);
  }
});

test('a node on which nobody looks for devices has no lines of them', () => {
  assert.equal(COMPAT.render({ node: 'n1', pods: [{ meta: WEB, interfaces: [] }] }).join(''), '');
});
