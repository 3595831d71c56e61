import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetnsLayouts, type LayoutQuery, type NetnsLayout } from '../../../nodeagent/inventory/layout.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import type { Link } from '../../../nodeagent/rtnetlink/link.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';

const INTERFACES = ['eth0', 'br0', 'veth1'];

function layoutsOf(tree: string): { layouts: NetnsLayouts; procfs: ProcFs } {
  const procfs = new ProcFs(`test/fixtures/proc/${tree}`);
  return { procfs, layouts: new NetnsLayouts(procfs, new SysFs('test/fixtures/sys')) };
}

function stillLayout(layouts: NetnsLayouts, query: LayoutQuery, nowMs: number): NetnsLayout {
  const layout = layouts.layoutOf(query, nowMs);
  assert.ok(typeof layout !== 'string', layout as string);
  return layout;
}

test('in its own namespace sysfs tells the ports of a bridge', () => {
  const { layouts, procfs } = layoutsOf('bridge');
  const { lowerDevices } = stillLayout(
    layouts,
    { uid: 'u', inode: procfs.netInode(5), pid: 5, interfaces: INTERFACES, indexes: new Map() },
    0,
  );
  assert.deepEqual([...lowerDevices], [['br0', ['eth0', 'veth1']]]);
});

test('sysfs says nothing of another namespace, whatever its interfaces are called', () => {
  const { layouts, procfs } = layoutsOf('bridge');
  assert.equal(
    stillLayout(
      layouts,
      { uid: 'u', inode: procfs.netInode(5) + 1, pid: 5, interfaces: INTERFACES, indexes: new Map() },
      0,
    ).lowerDevices.size,
    0,
  );
});

test('a layout is read again after ten seconds, or when the interfaces change', () => {
  const { layouts, procfs } = layoutsOf('containerd');
  const at = (nowMs: number, interfaces = ['eth0']) =>
    stillLayout(
      layouts,
      { uid: 'u', inode: procfs.netInode(8_828), pid: 8_828, interfaces, indexes: new Map() },
      nowMs,
    );
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

type Told = Link[] | 'restless' | undefined;

/** A pod of which netlink tells these links, one list after the other. */
function linkedLayouts(...told: readonly Told[]) {
  const procfs = new ProcFs('test/fixtures/proc/containerd');
  let asked = 0;
  const podLinks = { linksOf: () => told[Math.min(asked++, told.length - 1)] };
  const layouts = new NetnsLayouts(procfs, new SysFs('test/fixtures/no-sysfs'), podLinks);
  const query = { uid: 'u', inode: procfs.netInode(8_828), pid: 8_828 };
  const ask = (nowMs: number, indexes: ReadonlyMap<string, number>, interfaces = ['eth1', 'eth0', 'net1']) =>
    layouts.layoutOf({ ...query, interfaces, indexes }, nowMs);
  const at = (...args: Parameters<typeof ask>): NetnsLayout => {
    const layout = ask(...args);
    assert.ok(typeof layout !== 'string', layout as string);
    return layout;
  };
  return { layouts, ask, at, asked: () => asked };
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

test('links of other interfaces than were read are not believed', () => {
  const missing = [ETH1, VLAN];
  const replaced = [{ ...ETH1, ifindex: 8 }, ETH0, VLAN];
  const more = [ETH1, ETH0, VLAN, { ifindex: 10, name: 'net2', kind: 'vlan', link: 3 }];
  const { ask, at, asked } = linkedLayouts(missing, replaced, more, [ETH1, ETH0, VLAN]);
  for (const nowMs of [0, 1, 2]) assert.equal(ask(nowMs, INDEXES), 'changing');
  assert.deepEqual([...at(3, INDEXES).lowerDevices], [['net1', ['eth0']]]);
  assert.equal(asked(), 4);
});

for (const failed of ['restless', undefined] as const) {
  test(`what links told of the same interfaces outlives links that are ${failed ?? 'not told'}`, () => {
    const { at } = linkedLayouts([ETH1, ETH0, VLAN], failed);
    at(0, INDEXES);
    for (const nowMs of [15_000, 30_000, 600_000]) {
      const layout = at(nowMs, INDEXES);
      assert.deepEqual([[...layout.lowerDevices], layout.defaultRoute], [[['net1', ['eth0']]], 'eth0'], String(nowMs));
    }
  });
}

test('of restless links nothing is said, and they are left alone for a minute', () => {
  const { ask, at, asked, layouts } = linkedLayouts('restless', [ETH1, ETH0, VLAN]);
  assert.equal(ask(0, INDEXES), 'changing');
  layouts.forget('u');
  assert.equal(ask(59_999, INDEXES), 'changing');
  assert.equal(asked(), 1);
  assert.deepEqual([...at(60_000, INDEXES).lowerDevices], [['net1', ['eth0']]]);
});

test('interfaces that came and went do not cost what links told of the others', () => {
  const { ask, at } = linkedLayouts([ETH1, ETH0, VLAN], 'restless');
  at(0, INDEXES);
  assert.equal(ask(15_000, INDEXES, ['eth1', 'eth0', 'net1', 'tap0']), 'changing');
  assert.deepEqual([...at(30_000, INDEXES).lowerDevices], [['net1', ['eth0']]]);
});

test('a pod that is gone is not remembered as restless', () => {
  const { ask, at, layouts } = linkedLayouts('restless', [ETH1, ETH0, VLAN]);
  ask(0, INDEXES);
  layouts.keepOnly(new Set());
  assert.equal(at(1, INDEXES).lowerDevices.size, 1);
});

test('where links may not be asked for the names of KubeVirt tell', () => {
  const procfs = new ProcFs('test/fixtures/proc/containerd');
  const layouts = new NetnsLayouts(procfs, new SysFs('test/fixtures/no-sysfs'), { linksOf: () => undefined });
  const interfaces = ['eth0', 'k6t-eth0', 'tap0'];
  const query = { uid: 'u', inode: procfs.netInode(8_828), pid: 8_828, interfaces, indexes: new Map<string, number>() };
  assert.deepEqual(
    [...stillLayout(layouts, query, 0).lowerDevices],
    [
      ['tap0', ['eth0']],
      ['k6t-eth0', ['eth0', 'tap0']],
    ],
  );
});
