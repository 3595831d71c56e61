import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetnsLayouts } from '../../../nodeagent/inventory/layout.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import type { Link } from '../../../nodeagent/rtnetlink/link.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';

const INTERFACES = ['eth0', 'br0', 'veth1'];

function layoutsOf(tree: string): { layouts: NetnsLayouts; procfs: ProcFs } {
  const procfs = new ProcFs(`test/fixtures/proc/${tree}`);
  return { procfs, layouts: new NetnsLayouts(procfs, new SysFs('test/fixtures/sys')) };
}

test('in its own namespace sysfs tells the ports of a bridge', () => {
  const { layouts, procfs } = layoutsOf('bridge');
  const { lowerDevices } = layouts.layoutOf(
    { uid: 'u', inode: procfs.netInode(5), pid: 5, interfaces: INTERFACES, indexes: new Map() },
    0,
  );
  assert.deepEqual([...lowerDevices], [['br0', ['eth0', 'veth1']]]);
});

test('sysfs says nothing of another namespace, whatever its interfaces are called', () => {
  const { layouts, procfs } = layoutsOf('bridge');
  assert.equal(
    layouts.layoutOf({ uid: 'u', inode: procfs.netInode(5) + 1, pid: 5, interfaces: INTERFACES, indexes: new Map() }, 0)
      .lowerDevices.size,
    0,
  );
});

test('a layout is read again after ten seconds, or when the interfaces change', () => {
  const { layouts, procfs } = layoutsOf('containerd');
  const at = (nowMs: number, interfaces = ['eth0']) =>
    layouts.layoutOf({ uid: 'u', inode: procfs.netInode(8_828), pid: 8_828, interfaces, indexes: new Map() }, nowMs);
  const first = at(0);
  assert.equal(first.defaultRoute, 'eth0');
  assert.equal(at(9_999), first);
  assert.notEqual(at(10_000), first);
  assert.notEqual(at(10_001, ['eth0', 'eth1']), at(10_002));
});

test('a layout whose interfaces stay the same is read once a minute', () => {
  const { layouts, procfs } = layoutsOf('containerd');
  const at = (nowMs: number, ifindex = 2) =>
    layouts.layoutOf(
      {
        ...{ uid: 'u', inode: procfs.netInode(8_828), pid: 8_828, interfaces: ['eth0'] },
        indexes: new Map([['eth0', ifindex]]),
      },
      nowMs,
    );
  at(0);
  const young = at(110_000);
  const old = at(179_999);
  assert.notEqual(old, young, 'it was read more than a minute before');
  assert.equal(at(239_998), old);
  assert.notEqual(at(239_999), old);
  const other = at(240_000, 3);
  assert.notEqual(other, at(239_999), 'another interface of the same name');
  assert.notEqual(at(250_000, 3), other, 'which is young');
});

const ETH0: Link = { ifindex: 3, name: 'eth0' };
const ETH1: Link = { ifindex: 2, name: 'eth1' };
const VLAN: Link = { ifindex: 9, name: 'net1', kind: 'vlan', link: 3 };

/** A pod of which netlink tells these links, one list after the other. */
function linkedLayouts(...told: readonly (Link[] | undefined)[]) {
  const procfs = new ProcFs('test/fixtures/proc/containerd');
  let asked = 0;
  const podLinks = { linksOf: () => told[Math.min(asked++, told.length - 1)] };
  const layouts = new NetnsLayouts(procfs, new SysFs('test/fixtures/no-sysfs'), podLinks);
  const interfaces = ['eth1', 'eth0', 'net1'];
  const at = (nowMs: number, indexes: ReadonlyMap<string, number>) =>
    layouts.layoutOf({ uid: 'u', inode: procfs.netInode(8_828), pid: 8_828, interfaces, indexes }, nowMs);
  return { at, asked: () => asked };
}

const INDEXES = new Map([
  ['eth1', 2],
  ['eth0', 3],
  ['net1', 9],
]);

test('links tell the stacking, once in ten seconds', () => {
  const { at, asked } = linkedLayouts([ETH1, ETH0, VLAN]);
  assert.deepEqual([...at(0, INDEXES).lowerDevices], [['net1', ['eth0']]]);
  at(9_999, INDEXES);
  assert.equal(asked(), 1);
  at(10_000, INDEXES);
  assert.equal(asked(), 2);
});

test('an ifindex that nothing else tells is asked for at each reading', () => {
  const { at } = linkedLayouts([ETH1, ETH0, VLAN], [ETH1, ETH0, { ...VLAN, ifindex: 10 }], undefined);
  const known = new Map([...INDEXES].slice(0, 2));
  assert.deepEqual([...at(0, known).indexes], [['net1', 9]]);
  assert.deepEqual([...at(1, known).indexes], [['net1', 10]]);
  const unknown = at(2, known);
  assert.deepEqual([...unknown.indexes], []);
  assert.deepEqual([...unknown.lowerDevices], [['net1', ['eth0']]]);
});

test('links of other interfaces than were read are not believed, and asked for again', () => {
  const { at, asked } = linkedLayouts([ETH1, VLAN], [{ ...ETH1, ifindex: 8 }, ETH0, VLAN], [ETH1, ETH0, VLAN]);
  assert.equal(at(0, INDEXES).lowerDevices.size, 0);
  assert.equal(at(1, INDEXES).lowerDevices.size, 0);
  assert.deepEqual([...at(2, INDEXES).lowerDevices], [['net1', ['eth0']]]);
  assert.equal(asked(), 3);
});

test('where links may not be asked for the names of KubeVirt tell', () => {
  const procfs = new ProcFs('test/fixtures/proc/containerd');
  const layouts = new NetnsLayouts(procfs, new SysFs('test/fixtures/no-sysfs'), { linksOf: () => undefined });
  const interfaces = ['eth0', 'k6t-eth0', 'tap0'];
  const query = { uid: 'u', inode: procfs.netInode(8_828), pid: 8_828, interfaces, indexes: new Map<string, number>() };
  assert.deepEqual(
    [...layouts.layoutOf(query, 0).lowerDevices],
    [
      ['tap0', ['eth0']],
      ['k6t-eth0', ['eth0', 'tap0']],
    ],
  );
});
