import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE_FAMILIES } from '../../metrics/catalogue.js';
import { podLabel } from '../../metrics/labels.js';
import {
  renderChanges,
  renderNode,
  type InterfaceView,
  type NodeView,
  type PodView,
} from '../../metrics/node-families.js';
import { textOf } from '../../metrics/render.js';
import { transportOf } from '../support/reports.js';

const TRANSPORT = transportOf(10);

const eth0: InterfaceView = {
  meta: { name: 'eth0', network: 'cbr0', nadNamespace: '', primary: true, hostInterface: 'veth7', source: 'netdev' },
  counters: [1, 2, 3, 4, 5, 6, 7, 8],
};

function viewOf(item: InterfaceView): NodeView {
  const workload = { kind: 'StatefulSet', name: 'web' };
  const meta = { namespace: 'a', name: 'web-0', labels: { app: 'web' }, workload, hostNetwork: false };
  return { node: 'n1', pods: [{ meta, interfaces: [item] }] };
}

function linesOf(view: NodeView, family: string, labels: readonly string[] = []): string {
  return renderNode(view, labels.map(podLabel))[NODE_FAMILIES.findIndex(({ name }) => name === family)] ?? '';
}

const LABELS = 'node="n1",namespace="a",pod="web-0",interface="eth0",network="cbr0",nad_namespace="",primary="true"';

// Fault of network-metrics-daemon: its series tell neither the node nor the primary interface.
test('each counter has its own family, with all labels joined', () => {
  const families = NODE_FAMILIES.slice(0, 8).map(({ name }) => linesOf(viewOf(eth0), name));
  assert.deepEqual(
    families.map((text) => text.replace(`{${LABELS}}`, '')),
    [
      'podnet_interface_receive_bytes_total 1\n',
      'podnet_interface_receive_packets_total 2\n',
      'podnet_interface_receive_errors_total 3\n',
      'podnet_interface_receive_packets_dropped_total 4\n',
      'podnet_interface_transmit_bytes_total 5\n',
      'podnet_interface_transmit_packets_total 6\n',
      'podnet_interface_transmit_errors_total 7\n',
      'podnet_interface_transmit_packets_dropped_total 8\n',
    ],
  );
});

// Fault of network-metrics-daemon: its series tell nothing of the device behind an interface.
test('info families carry what is known of the interface and the pod', () => {
  assert.equal(
    linesOf(viewOf(eth0), 'podnet_interface_info'),
    `podnet_interface_info{${LABELS},host_interface="veth7",pci_address="",source="netdev"} 1\n`,
  );
  assert.equal(
    linesOf(viewOf(eth0), 'podnet_pod_info'),
    'podnet_pod_info{node="n1",namespace="a",pod="web-0",workload_kind="StatefulSet",workload="web",host_network="false"} 1\n',
  );
});

test('an interface is stacked on the networks of those below it, however deep', () => {
  const family = 'podnet_interface_stacked_info';
  const named = (name: string, network: string, lowerDevices: readonly string[] = []): InterfaceView => {
    const nadNamespace = network === '' ? '' : 'telco';
    return { ...eth0, meta: { ...eth0.meta, ...{ name, network, nadNamespace, lowerDevices } } };
  };
  const interfaces = [
    named('bond0', 'n7', ['net1', 'net2', 'gone']),
    named('bond0.5', '', ['bond0']),
    named('net1', 'n3'),
    named('net2', 'n3'),
  ];
  const meta = { namespace: 'a', name: 'web-0', labels: { app: 'web' }, hostNetwork: false };
  const view = { node: 'n1', pods: [{ meta, interfaces: [eth0, ...interfaces] }] };
  const line = (name: string, network: string): string =>
    `${family}{node="n1",namespace="a",pod="web-0",interface="${name}",network="${network}",nad_namespace="telco",label_app="web"} 1\n`;
  assert.equal(linesOf(view, family, ['app']), line('bond0', 'n3') + line('bond0.5', 'n3') + line('bond0.5', 'n7'));
  assert.equal(linesOf(viewOf(eth0), family), '');
});

test('interfaces that are stacked on each other in a circle are stacked on their own networks', () => {
  const circle = ['a', 'b'].map((name, i) => ({
    ...eth0,
    meta: { ...eth0.meta, name, network: `of-${name}`, lowerDevices: [i === 0 ? 'b' : 'a'] },
  }));
  const meta = { namespace: 'a', name: 'web-0', labels: {}, hostNetwork: false };
  const text = linesOf({ node: 'n1', pods: [{ meta, interfaces: circle }] }, 'podnet_interface_stacked_info');
  assert.deepEqual(
    [...text.matchAll(/interface="(.)",network="of-(.)"/g)].map(([, name, network]) => `${name}${network}`),
    ['aa', 'ab', 'ba', 'bb'],
  );
});

test('the pod that stands for the machine is told of as one on its network', () => {
  const view = viewOf(eth0);
  const pods = [...view.pods].map((pod) => ({ ...pod, meta: { ...pod.meta, machine: true } }));
  assert.match(linesOf({ ...view, pods }, 'podnet_pod_info'), /host_network="true"/);
});

test('an interface that counts less than its pod receives is flagged, and no other', () => {
  const family = 'podnet_interface_receive_unreliable';
  const flagged = { ...eth0, meta: { ...eth0.meta, receiveUnreliable: true } };
  assert.equal(linesOf(viewOf(flagged), family), `${family}{${LABELS}} 1\n`);
  assert.equal(linesOf(viewOf(eth0), family), '');
});

test('a counter that is not known has no line, not a zero', () => {
  const view = viewOf({ ...eth0, counters: [NaN, 2, 3, 4, 5, 6, 7, 8] });
  assert.equal(linesOf(view, 'podnet_interface_receive_bytes_total'), '');
  assert.match(linesOf(view, 'podnet_interface_receive_packets_total'), / 2\n$/);
  assert.equal(linesOf(viewOf({ ...eth0, counters: [] }), 'podnet_interface_transmit_bytes_total'), '');
});

test('chosen pod labels are on every series; one the pod lacks is left out', () => {
  assert.match(linesOf(viewOf(eth0), 'podnet_pod_info', ['app', 'tier']), /host_network="false",label_app="web"} 1\n$/);
  assert.match(
    linesOf(viewOf(eth0), 'podnet_interface_receive_bytes_total', ['app']),
    /primary="true",label_app="web"} 1\n$/,
  );
});

test('what was printed before is left out where it is the same, and made anew where anything else is', () => {
  const labels = [podLabel('app')];
  const pod = (name: string, item = eth0): PodView => {
    const [one] = [...viewOf(item).pods];
    assert.ok(one);
    return { ...one, meta: { ...one.meta, name } };
  };
  const [a, b, c] = [pod('a'), pod('b'), { ...pod('c'), transport: TRANSPORT }];
  const [unread, counted] = [
    { ...eth0, counters: [] },
    { ...eth0, counters: [1, 2, 3, 40, 5, NaN, 7, 8] },
  ];
  const unreliable = { ...eth0, meta: { ...eth0.meta, receiveUnreliable: true } };
  const relabelled = { ...a, meta: { ...a.meta, labels: { app: 'db' }, numaAligned: true } };
  const lineups: PodView[][] = [
    ...[
      [],
      [a],
      [a, b, c],
      [b, c],
      [c, b],
      [relabelled, b, c],
      [a, b, { ...c, transport: TRANSPORT.map((n) => n + 1) }],
    ],
    [a, b, { ...c, transport: [NaN, ...TRANSPORT.slice(1)] }],
    ...[eth0, unread, counted, unreliable].map((item) => [a, { ...b, interfaces: [item] }, c]),
    [{ ...a, interfaces: [eth0, { ...eth0, meta: { ...eth0.meta, name: 'eth1' } }] }, { ...b, interfaces: [] }, c],
  ];
  for (const before of lineups) {
    for (const pods of lineups) {
      const held = renderChanges({ node: 'n1', pods: before }, labels);
      const texts = held.blocks.map((lines = '') => textOf(lines));
      const view = { node: 'n1', pods };
      const { blocks } = renderChanges(view, labels, held.printed);
      assert.deepEqual(
        blocks.map((lines, i) => (lines === undefined ? texts[i] : textOf(lines))),
        renderNode(view, labels),
      );
    }
  }
  const held = renderChanges({ node: 'n1', pods: [a, b, c] }, labels);
  const again = renderChanges({ node: 'n1', pods: [a, { ...b, interfaces: [counted] }, c] }, labels, held.printed);
  const changed = NODE_FAMILIES.filter((_, i) => (again.blocks[i] ?? '') !== '').map(({ name }) => name);
  assert.deepEqual(
    changed,
    [3, 5].map((column) => NODE_FAMILIES[column]?.name),
  );
});
