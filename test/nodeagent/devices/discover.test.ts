import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { discoverPhysicalFunctions } from '../../../nodeagent/devices/discover.js';
import type { PhysicalFunction } from '../../../nodeagent/devices/device.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { addPf, addVf } from '../../support/sysfs-functions.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const discover = (tree: SysfsTree) => discoverPhysicalFunctions(new SysFs(tree.root));
const A = 'bus/pci/devices/0000:01:00.0';
const B = 'bus/pci/devices/0000:41:00.0';

function only(tree: SysfsTree): PhysicalFunction {
  const { found, problems } = discover(tree);
  assert.deepEqual(problems, []);
  assert.equal(found.length, 1);
  return found[0] ?? assert.fail();
}

describe('physical functions of a node with two 82576', () => {
  test('are found before they have virtual functions', () => {
    using tree = SysfsTree.from('igb-00-novf');
    const common = { linkLayer: 'ethernet', totalVirtualFunctions: 7, driver: 'igb', virtualFunctions: [] } as const;
    assert.deepEqual(discover(tree), {
      found: [
        { name: 'eth0', pciAddress: '0000:01:00.0', netdev: { name: 'eth0', ifindex: 2 }, ...common },
        { name: 'eth1', pciAddress: '0000:41:00.0', netdev: { name: 'eth1', ifindex: 3 }, numaNode: 1, ...common },
      ],
      problems: [],
    });
  });

  test('have their virtual functions once those are created', () => {
    using tree = SysfsTree.from('igb-01-vfs-created');
    const { found, problems } = discover(tree);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      found.map(({ name, virtualFunctions }) => [name, virtualFunctions.map(({ index }) => index)]),
      [
        ['eth0', [0, 1, 2]],
        ['eth1', [0, 1, 2, 3, 4, 5, 6]],
      ],
    );
    assert.deepEqual(found[1]?.virtualFunctions[6], {
      ...{ index: 6, pciAddress: '0000:41:11.4', numaNode: 1, driver: 'igbvf', netdev: 'eth11', rdmaDevices: [] },
    });
  });

  test('a virtual function in a pod, or given to vfio, has no interface on the node', () => {
    using tree = SysfsTree.from('igb-02-vf-in-netns');
    const [a, b] = discover(tree).found;
    const rdmaDevices: string[] = [];
    assert.deepEqual(a?.virtualFunctions[0], { index: 0, pciAddress: '0000:01:10.0', driver: 'igbvf', rdmaDevices });
    assert.deepEqual(b?.virtualFunctions.slice(0, 3), [
      { index: 0, pciAddress: '0000:41:10.0', numaNode: 1, driver: 'igbvf', rdmaDevices },
      { index: 1, pciAddress: '0000:41:10.2', numaNode: 1, driver: 'igbvf', netdev: 'eth6', rdmaDevices },
      { index: 2, pciAddress: '0000:41:10.4', numaNode: 1, driver: 'vfio-pci', rdmaDevices },
    ]);
  });

  test('are as they are now in every round', () => {
    using tree = SysfsTree.from('igb-01-vfs-created');
    const counts = () => discover(tree).found.map(({ name, virtualFunctions: { length } }) => `${name}: ${length}`);
    assert.deepEqual(counts(), ['eth0: 3', 'eth1: 7']);
    tree.remove(`${A}/virtfn2`).remove(`${A}/virtfn1`);
    assert.deepEqual(counts(), ['eth0: 1', 'eth1: 7']);
    tree.link(`${A}/virtfn1`, '../0000:01:10.2');
    assert.deepEqual(counts(), ['eth0: 2', 'eth1: 7']);
    tree.remove(B); // its driver is loaded again
    assert.deepEqual(counts(), ['eth0: 2']);
    tree.link(B, '../../../devices/pci0000:40/0000:40:00.0/0000:41:00.0');
    tree.remove(`${B}/driver`).remove(`${B}/net/eth1`);
    assert.deepEqual(counts(), ['eth0: 2', '0000:41:00.0: 7']);
    assert.equal(discover(tree).found[1]?.driver, undefined);
  });
});

describe('a physical function', () => {
  test('of InfiniBand goes by its interface, else by its RDMA device, else by its address', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:81:00.0', '0x020700');
    tree
      .write(`${pf}/net/ibp129s0/ifindex`, '9\n')
      .directory(`${pf}/infiniband/mlx5_1`)
      .directory(`${pf}/infiniband/mlx5_0`);
    addVf(tree, pf, 0, '0000:81:00.1');
    tree.directory('bus/pci/devices/0000:81:00.1/infiniband/mlx5_2');
    assert.deepEqual(only(tree), {
      ...{ name: 'ibp129s0', netdev: { name: 'ibp129s0', ifindex: 9 }, pciAddress: '0000:81:00.0' },
      ...{ linkLayer: 'infiniband', totalVirtualFunctions: 8 },
      virtualFunctions: [{ index: 0, pciAddress: '0000:81:00.1', rdmaDevices: ['mlx5_2'] }],
    });
    tree.remove(`${pf}/net/ibp129s0`);
    assert.equal(only(tree).name, 'mlx5_0');
    assert.equal(only(tree).netdev, undefined);
    tree.remove(`${pf}/infiniband`);
    assert.equal(only(tree).name, '0000:81:00.0');
  });

  test('is no other device that has virtual functions, and none that can have none', () => {
    using tree = SysfsTree.empty();
    addPf(tree, '0000:01:00.0', '0x010802');
    addPf(tree, '0000:02:00.0', '0x028000');
    addPf(tree, '0000:03:00.0', '0x0200001');
    tree.write(`${addPf(tree, '0000:04:00.0')}/sriov_totalvfs`, '0\n');
    assert.deepEqual(discover(tree), { found: [], problems: [] });
  });

  test('has an interface of its own, not a representor', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:03:00.0');
    tree.write(`${pf}/net/aaa0/phys_port_name`, 'pf0vf1\n').write(`${pf}/net/aab0/phys_port_name`, 'c1pf0sf3\n');
    assert.equal(only(tree).name, '0000:03:00.0');
    tree.write(`${pf}/net/enp3s0f0npf0/phys_port_name`, 'pf0\n');
    assert.equal(only(tree).name, 'enp3s0f0npf0');
    tree.write(`${pf}/net/zzz0/phys_port_name`, 'p0\n');
    assert.deepEqual(only(tree).netdev, { name: 'zzz0' });
    tree.write(`${pf}/net/eth9/ifindex`, '0\n').write(`${pf}/net/eth7/ifindex`, 'x\n');
    assert.deepEqual(only(tree).netdev, { name: 'eth7' });
  });

  test('has a name that no other has', () => {
    using tree = SysfsTree.empty();
    for (const address of ['0000:03:00.0', '0000:04:00.0']) tree.directory(`${addPf(tree, address)}/net/eth0`);
    assert.deepEqual(
      discover(tree).found.map(({ name, netdev }) => [name, netdev?.name]),
      [
        ['eth0', 'eth0'],
        ['0000:04:00.0', undefined],
      ],
    );
  });

  test('has no name that cannot be sent', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:03:00.0');
    tree.directory(`${pf}/net/a b`).directory(`${pf}/infiniband/rdma@1 `).link(`${pf}/driver`, '../drivers/a driver');
    assert.equal(only(tree).name, '0000:03:00.0');
    assert.equal(only(tree).driver, undefined);
  });

  test('has no NUMA node where none is known', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:03:00.0');
    for (const text of ['-1\n', '', 'x', '1.5', '0x1', '99999', '1024']) {
      tree.write(`${pf}/numa_node`, text);
      assert.equal('numaNode' in only(tree), false, text);
    }
    tree.remove(`${pf}/numa_node`).directory(`${pf}/numa_node`);
    assert.equal('numaNode' in only(tree), false);
    tree.write(`${pf}/numa_node`, '0\n');
    assert.equal(only(tree).numaNode, 0);
  });
});

describe('a virtual function', () => {
  test('is left out where its address is none, and a problem', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:03:00.0');
    const wrong = [
      '0000:03:10',
      '03:10.0',
      '0000:03:10.8',
      '0000:03:1g.0',
      '0000-03-10.0',
      'x',
      '0000:03:10.0 ',
      '123456789:03:10.0',
    ];
    wrong.forEach((target, index) => tree.link(`${pf}/virtfn${index}`, `../${target}`));
    addVf(tree, pf, 8, '0000:03:10.0');
    const { found, problems } = discover(tree);
    assert.deepEqual(found[0]?.virtualFunctions, [{ index: 8, pciAddress: '0000:03:10.0', rdmaDevices: [] }]);
    assert.equal(problems.length, wrong.length);
    assert.equal(problems[0], 'bus/pci/devices/0000:03:00.0/virtfn0: 0000:03:10 is not the address of a PCI device');
  });

  test('has its address in lower case, also in a domain beyond the first', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '10000:03:00.0');
    addVf(tree, pf, 0, '10000:AB:1F.7');
    assert.equal(only(tree).virtualFunctions[0]?.pciAddress, '10000:ab:1f.7');
  });

  test('is left out where another has its address', () => {
    using tree = SysfsTree.empty();
    const [one, two] = [addPf(tree, '0000:03:00.0'), addPf(tree, '0000:04:00.0')];
    addVf(tree, one, 0, '0000:03:10.0');
    addVf(tree, one, 1, '0000:03:10.0');
    addVf(tree, two, 0, '0000:03:10.0');
    const { found, problems } = discover(tree);
    assert.deepEqual(
      found.map(({ virtualFunctions }) => virtualFunctions.map(({ index }) => index)),
      [[0], []],
    );
    assert.deepEqual(problems, [
      'bus/pci/devices/0000:03:00.0/virtfn1: 0000:03:10.0 is another VF already',
      'bus/pci/devices/0000:04:00.0/virtfn0: 0000:03:10.0 is another VF already',
    ]);
  });

  test('is in the order of the indices, and nothing else is one', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:03:00.0');
    for (const index of [10, 9, 0]) addVf(tree, pf, index, `0000:03:${index + 10}.0`);
    for (const name of ['virtfn', 'virtfn01', 'virtfn-1', 'virtfn1x', 'virtfn100000']) {
      tree.link(`${pf}/${name}`, '../0000:03:10.1');
    }
    assert.deepEqual(
      only(tree).virtualFunctions.map(({ index }) => index),
      [0, 9, 10],
    );
  });
});
