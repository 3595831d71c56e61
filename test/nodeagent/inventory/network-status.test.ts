import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { parseNetworkStatus } from '../../../nodeagent/inventory/network-status.js';
import { InterfaceReport } from '../../../openapi/node-report.js';

const parse = (list: unknown) => parseNetworkStatus(JSON.stringify(list));
const problemsOf = (text: string) => [...parseNetworkStatus(text).problems];
const NOTHING = { attachments: new Map(), devices: [], problems: new Set() };

interface RecordedList {
  readonly response: { readonly body: { readonly items: readonly { readonly metadata: { annotations: object } }[] } };
}

test('three interfaces on three networks are named', async () => {
  const recorded = JSON.parse(await readFile('test/fixtures/contract/pods-list.json', 'utf8')) as RecordedList;
  const annotations = recorded.response.body.items[0]?.metadata.annotations as Record<string, string>;
  const { attachments, devices, problems } = parseNetworkStatus(annotations['k8s.v1.cni.cncf.io/network-status'] ?? '');
  assert.deepEqual(
    [...attachments],
    [
      ['eth0', { network: 'cbr0', nadNamespace: '', isDefault: true }],
      ['net1', { network: 'sriov-net1', nadNamespace: 'default', isDefault: false, pciAddress: '0000:02:0a.1' }],
      ['net2', { network: 'macvlan-conf', nadNamespace: 'default', isDefault: false }],
    ],
  );
  assert.deepEqual([devices, [...problems]], [[], []]);
});

test('an empty annotation or list says nothing, and nothing is wrong', () => {
  for (const text of ['', ' \n', '[]', ' [ ] ']) assert.deepEqual(parseNetworkStatus(text), NOTHING);
});

test('an annotation that is not a list of objects names nothing', () => {
  assert.deepEqual(problemsOf('[{"name":"a"'), ['not_json']);
  assert.deepEqual(problemsOf('default/net1'), ['not_json']);
  for (const text of ['{"name":"a","interface":"eth0"}', 'null', '"x"', '7']) {
    assert.deepEqual(problemsOf(text), ['not_a_list']);
  }
});

test('a bad entry costs itself only', () => {
  const good = { name: 'telco/n3', interface: 'net1' };
  const bad: unknown[] = [
    ...[null, 'x', [], {}, { interface: 'net2' }, { name: 7, interface: 'net2' }],
    ...[
      { name: 'a b', interface: 'net2' },
      { name: 'a/b/c', interface: 'net2' },
      { name: '/b', interface: 'net2' },
    ],
    ...[{ name: 'a/', interface: 'net2' }, { name: 'Upper/b', interface: 'net2' }, { name: 'n'.repeat(254) }],
    ...[
      { name: 'a', interface: 'x/y' },
      { name: 'a', interface: 'x y' },
      { name: 'a', interface: 'i'.repeat(61) },
    ],
    ...[
      { name: 'a', interface: 5 },
      { name: 'a', interface: 'net2', default: 'true' },
    ],
  ];
  for (const entry of bad) {
    const { attachments, devices, problems } = parse([entry, good]);
    assert.deepEqual([[...attachments.keys()], devices, [...problems]], [['net1'], [], ['bad_entry']], String(entry));
  }
});

// Fault of network-metrics-daemon: two entries for one interface make every join fail.
test('of two entries for one interface the first stands', () => {
  const { attachments, problems } = parse([
    { name: 'a', interface: 'eth0', default: true },
    { name: 'b', interface: 'eth0' },
  ]);
  assert.deepEqual(attachments.get('eth0'), { network: 'a', nadNamespace: '', isDefault: true });
  assert.deepEqual([...problems], ['duplicate_interface']);
});

test('an entry without interface is kept for its device', () => {
  const { attachments, devices, problems } = parse([
    { name: 'cbr0', interface: 'eth0', default: true },
    {
      name: 'telco/dpdk',
      dns: {},
      'device-info': { type: 'pci', version: '1.1.0', pci: { 'pci-address': '0000:3B:10.5' } },
    },
    { name: 'telco/vhost', interface: '', 'device-info': { type: 'vhost-user', 'vhost-user': { mode: 'client' } } },
  ]);
  assert.deepEqual([...attachments.keys()], ['eth0']);
  assert.deepEqual(devices, [
    { network: 'dpdk', nadNamespace: 'telco', isDefault: false, pciAddress: '0000:3b:10.5' },
    { network: 'vhost', nadNamespace: 'telco', isDefault: false },
  ]);
  assert.equal(problems.size, 0);
});

test('a vDPA device has the address of the PCI device behind it', () => {
  const vdpa = { 'parent-device': 'vdpa2', driver: 'vhost', 'pci-address': '0000:02:01.6' };
  const { attachments } = parse([{ name: 'a', interface: 'net1', 'device-info': { type: 'vdpa', vdpa } }]);
  assert.equal(attachments.get('net1')?.pciAddress, '0000:02:01.6');
});

test('a device without a usable address costs the address, not the name', () => {
  for (const info of [7, { pci: 'x' }, { pci: { 'pci-address': 7 } }, { pci: { 'pci-address': '0000:02:01:6' } }]) {
    const { attachments, problems } = parse([{ name: 'a', interface: 'net1', 'device-info': info }]);
    assert.deepEqual(attachments.get('net1'), { network: 'a', nadNamespace: '', isDefault: false });
    assert.deepEqual([...problems], ['bad_entry']);
  }
});

test('a device that several interfaces name belongs to none for certain', () => {
  const info = (address: string) => ({ 'device-info': { type: 'pci', pci: { 'pci-address': address } } });
  const { attachments } = parse([
    { name: 'a/b', interface: 'net1', ...info('0000:02:01.1') },
    { name: 'a/b', interface: 'net2', ...info('0000:02:01.1') },
    { name: 'a/c', interface: 'net3', ...info('0000:02:01.2') },
  ]);
  const addresses = [...attachments.values()].map(({ pciAddress }) => pciAddress);
  assert.deepEqual(addresses, [undefined, undefined, '0000:02:01.2']);
});

test('a default network whose name is not known is called default', () => {
  // Multus with a CNI that states no name (multus-cni issue 656)
  assert.deepEqual(parse([{ name: '', ips: ['192.168.185.80'], default: true, dns: {} }]).devices, [
    { network: 'default', nadNamespace: '', isDefault: true },
  ]);
});

test('a default network that is written twice is one', () => {
  const { devices } = parse([
    { name: 'k8s-pod-network', default: true },
    { name: 'k8s-pod-network', default: true },
  ]);
  assert.deepEqual(
    devices.map(({ isDefault }) => isDefault),
    [true, false],
  );
});

test('an annotation too long for Kubernetes, or with too many entries, is cut', () => {
  assert.deepEqual(problemsOf(`[${' '.repeat(256 * 1024)}]`), ['too_large']);
  const many = parse(Array.from({ length: 300 }, (_, i) => ({ name: 'a', interface: `net${i}` })));
  assert.deepEqual([many.attachments.size, [...many.problems]], [256, ['too_large']]);
  assert.deepEqual(problemsOf('['.repeat(256 * 1024)), ['not_json']);
});

test('whatever the annotation is, a report with its names is accepted', () => {
  const schema = Compile(InterfaceReport);
  const word = fc.oneof(
    fc.constantFrom('eth0', 'net1', 'a/b', 'a', '', 'default', '0000:3b:00.1', '0000:3B:00.1', 'x\ny', '\ud800', '€'),
    fc.string({ maxLength: 300, unit: 'binary' }),
  );
  const odd = fc.oneof(word, fc.boolean(), fc.jsonValue({ maxDepth: 2 }));
  const device = fc.record({ type: odd, pci: fc.record({ 'pci-address': odd }), vdpa: odd }, { requiredKeys: [] });
  const often = <T>(usual: fc.Arbitrary<T>) => fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: odd });
  const entry = fc.record(
    {
      name: often(fc.constantFrom('a', 'telco/n3', 'a/b/c', 'a b', '')),
      interface: often(fc.constantFrom('eth0', 'net1', 'net2', '', 'x y')),
      default: often(fc.boolean()),
      'device-info': often(device),
    },
    { requiredKeys: ['name'] },
  );
  const text = fc.oneof(
    fc.array(often(entry)).map((list) => JSON.stringify(list)),
    fc.json(),
    fc.string({ unit: 'binary' }),
  );
  let named = 0;
  fc.assert(
    fc.property(text, (annotation) => {
      const { attachments, devices } = parseNetworkStatus(annotation);
      for (const [name, { network, nadNamespace, isDefault, pciAddress }] of [
        ...attachments,
        ...devices.map((one) => ['eth0', one] as const),
      ]) {
        named++;
        const report = {
          ...{ name, network, nadNamespace, primary: isDefault, identity: '', source: 'netdev', readings: [] },
          ...(pciAddress !== undefined && { pciAddress }),
        };
        assert.ok(schema.Check(report), JSON.stringify(report));
      }
    }),
    { numRuns: 3_000 },
  );
  assert.ok(named > 1_000, `${named} names`);
});

test('addresses are kept where they are asked for, and what is none costs itself', () => {
  const text = JSON.stringify([
    { name: 'telco/n3', interface: 'net1', ips: ['192.168.3.1', 'fd03::1'] },
    { name: 'telco/n6', interface: 'net2', ips: ['192.168.6.1/24', 7, '192.168.6.2'] },
    { name: 'telco/n9', interface: 'net3', ips: 'x' },
    { name: 'telco/n9', ips: ['192.168.9.1'] },
    ...[
      { name: 'a', interface: 'net4', ips: null },
      { name: 'b', interface: 'net5', ips: [] },
    ],
    { name: 'c', interface: 'net6', ips: Array<string>(65).fill('10.0.0.1') },
  ]);
  const { attachments, devices, problems } = parseNetworkStatus(text, { withIps: true });
  assert.deepEqual(
    [...attachments.values(), ...devices].map(({ ips }) => ips?.join(' ').slice(0, 19)),
    ['192.168.3.1 fd03::1', '192.168.6.2', undefined, undefined, undefined, '10.0.0.1 10.0.0.1 1', '192.168.9.1'],
  );
  assert.deepEqual([...problems], ['bad_entry']);
  const without = parseNetworkStatus(text);
  assert.ok([...without.attachments.values(), ...without.devices].every((one) => !('ips' in one)));
  assert.equal(without.problems.size, 0);
});
