import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetnsLayouts } from '../../../nodeagent/inventory/layout.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
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
