import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { readNodeCpus } from '../../../nodeagent/sysfs/node-cpus.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const NODES = 'devices/system/node';

describe('the CPUs of NUMA nodes', () => {
  test('are listed by the kernel', () => {
    using tree = SysfsTree.empty();
    tree.write(`${NODES}/node10/cpulist`, '4-7\n').write(`${NODES}/node2/cpulist`, '0-3,8\n');
    tree.write(`${NODES}/online`, '2,10\n').directory(`${NODES}/node01`).directory(`${NODES}/power`);
    assert.deepEqual(readNodeCpus(new SysFs(tree.root)), [
      { numaNode: 2, cpus: '0-3,8' },
      { numaNode: 10, cpus: '4-7' },
    ]);
  });

  test('are those that a node links to where there is no list', () => {
    using tree = SysfsTree.empty();
    for (const cpu of [0, 1, 10]) {
      tree.directory(`devices/system/cpu/cpu${cpu}`).link(`${NODES}/node0/cpu${cpu}`, `../../cpu/cpu${cpu}`);
    }
    tree.write(`${NODES}/node0/cpumap`, '403\n');
    assert.deepEqual(readNodeCpus(new SysFs(tree.root)), [{ numaNode: 0, cpus: '0-1,10' }]);
  });

  test('a node of memory alone has none', () => {
    using tree = SysfsTree.empty();
    tree.write(`${NODES}/node0/cpulist`, '0\n').write(`${NODES}/node1/cpulist`, '\n');
    assert.deepEqual(readNodeCpus(new SysFs(tree.root)), [{ numaNode: 0, cpus: '0' }]);
  });

  test('a list that is none, or too long to send, costs the other nodes nothing', () => {
    using tree = SysfsTree.empty();
    const odd = Array.from({ length: 2_000 }, (_, index) => 2 * index + 1).join(',');
    tree.write(`${NODES}/node0/cpulist`, 'all\n').write(`${NODES}/node1/cpulist`, `${odd}\n`);
    tree.link(`${NODES}/node2/cpulist`, 'cpulist').write(`${NODES}/node3/cpulist`, '0\n');
    assert.deepEqual(readNodeCpus(new SysFs(tree.root)), [{ numaNode: 3, cpus: '0' }]);
  });

  test('there are none where the kernel knows no nodes', () => {
    using tree = SysfsTree.empty();
    assert.deepEqual(readNodeCpus(new SysFs(tree.root)), []);
  });
});
