import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { test } from 'node:test';
import { NODE_FAMILIES } from '../../../metrics/catalogue.js';
import { COMPAT_NAMES, Compat, type CompatName } from '../../../metrics/compat/compat.js';
import type { InterfaceView, NodeView } from '../../../metrics/node-families.js';
import { renderHeader, type ExpositionFormat } from '../../../metrics/render.js';
import { WEB, compatView, interfaceView } from '../../support/compat-view.js';

function expositionOf(view: NodeView, name: CompatName, format: ExpositionFormat): string {
  const compat = new Compat([name]);
  const blocks = compat.render(view);
  const known = compat.families.map((family, i) => ({ family, lines: blocks[i] ?? '' }));
  return [...known, ...compat.read(view)].map(({ family, lines }) => renderHeader(family, format) + lines).join('');
}

function linesOf(compat: Compat, view: NodeView, family: string): string[] {
  const text = compat.render(view)[compat.families.findIndex(({ name }) => name === family)] ?? '';
  return text.split('\n').filter((line) => line !== '');
}

function podWith(...interfaces: readonly InterfaceView[]): NodeView {
  return { node: 'n1', pods: [{ meta: WEB, interfaces }] };
}

for (const name of COMPAT_NAMES) {
  for (const format of ['text', 'openmetrics'] as const) {
    test(`${name} in ${format} is the golden text`, async () => {
      const text = expositionOf(compatView(), name, format);
      const golden = `test/golden/compat.${name}.${format}.txt`;
      if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, text);
      assert.equal(text, await readFile(golden, 'utf8'));
    });
  }
}

test('their infos have their HELP, their labels and the value 0', () => {
  const text = COMPAT_NAMES.map((name) => expositionOf(compatView(), name, 'text')).join('');
  assert.ok(
    text.includes('# HELP pod_network_name_info Metric to identify network names of networks added to pods.\n'),
  );
  assert.ok(text.includes('# TYPE pod_network_name_info gauge\n'));
  assert.ok(
    text.includes('pod_network_name_info{interface="net1",namespace="shop",network_name="telco/n3",pod="web-0"} 0\n'),
  );
  assert.ok(text.includes('# HELP pod_interface_shim Shim to identify network interfaces assigned to pods.\n'));
  assert.ok(text.includes('# TYPE pod_interface_shim gauge\n'));
});

test('each pod interface has one network name, known or not', () => {
  const names = linesOf(new Compat(['network-metrics-daemon']), compatView(), 'pod_network_name_info').map((line) =>
    /interface="(.*?)".*network_name="(.*?)",pod="(.*?)"/.exec(line)?.slice(1),
  );
  assert.deepEqual(names, [
    ['eth0', 'kindnet', 'web-0'],
    ['net1', 'telco/n3', 'web-0'],
    ['tunl0', '', 'web-0'],
    ['eth0', 'default', 'plain'],
  ]);
});

// Fault of prometheus-network-shim: receive is what the pod sent.
test('receive is what the pod received, on the interface of the node', () => {
  const [line] = linesOf(
    new Compat(['prometheus-network-shim']),
    compatView(),
    'container_network_receive_bytes_total',
  );
  const { name, image, cgroup } = WEB.container ?? {};
  assert.equal(
    line,
    `container_network_receive_bytes_total{container="${name ?? ''}",id="${cgroup ?? ''}",image="${image ?? ''}",interface="lxcbfb8a72ac2b8",name="k8s_web_web-0_shop_1cdae767-00ab-4a34-ba55-c2a642098751_1",namespace="shop",node="n1",pod="web-0"} 10`,
  );
});

test('an interface without a known host side has no series in the shim', () => {
  const compat = new Compat(['prometheus-network-shim']);
  assert.deepEqual(compat.render(podWith(interfaceView('eth0', 1))).join(''), '');
});

test('interfaces of a pod on one device of the node have none either', () => {
  const one = interfaceView('net1', 1, { hostInterface: 'ens3' });
  const view = podWith(one, interfaceView('net2', 9, { hostInterface: 'ens3' }));
  const compat = new Compat(['prometheus-network-shim']);
  assert.deepEqual(compat.render(view).join(''), '');
  assert.equal(linesOf(compat, podWith(one), 'pod_interface_shim').length, 1);
});

test('a counter that is not known has no line, its info has', () => {
  const stale = { ...interfaceView('eth0', 1, { hostInterface: 'veth7' }), counters: [] };
  for (const name of ['network-metrics-daemon', 'prometheus-network-shim'] as const) {
    const lines = new Compat([name]).render(podWith(stale)).join('');
    assert.match(lines, /^pod_\w+\{.*\} 0\n$/);
  }
});

test('labels kept of an interface are made anew when it or its pod is described anew', () => {
  const compat = new Compat(['network-metrics-daemon']);
  const one = interfaceView('eth0', 1, { network: 'a' });
  const infoOf = (view: NodeView) => linesOf(compat, view, 'pod_network_name_info').join();
  assert.equal(infoOf(podWith(one)), infoOf(podWith(one)));
  assert.match(infoOf(podWith({ ...one, meta: { ...one.meta, network: 'b' } })), /network_name="b"/);
  assert.match(infoOf({ node: 'n1', pods: [{ meta: { ...WEB, name: 'db' }, interfaces: [one] }] }), /pod="db"/);
  assert.match(
    linesOf(compat, { ...podWith(one), node: 'n2' }, 'network:container_network_receive_bytes_total').join(),
    /node="n2"/,
  );
});

test('a name of no predecessor is podnet own, and none comes twice', () => {
  const { families } = new Compat([...COMPAT_NAMES, ...COMPAT_NAMES]);
  const names = [...NODE_FAMILIES, ...families].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.equal(families.length, 1 + 8 + 8 + 1 + 8 + 26 + 11);
  assert.deepEqual(new Compat([]).families, []);
});
