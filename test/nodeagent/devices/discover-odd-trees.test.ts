import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { discoverPhysicalFunctions } from '../../../nodeagent/devices/discover.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { addPf, addVf } from '../../support/sysfs-functions.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const discover = (tree: SysfsTree) => discoverPhysicalFunctions(new SysFs(tree.root));

const IGB = 'bus/pci/devices/0000:01:00.0';

describe('what is odd in a tree', () => {
  test('costs the other devices nothing', () => {
    using tree = SysfsTree.from('igb-01-vfs-created');
    const odd = (device: string) => `bus/pci/devices/${device}`;
    tree.link(odd('0000:90:00.0'), '0000:90:00.0');
    tree.write(`${addPf(tree, '0000:91:00.0')}/sriov_totalvfs`, 'many\n');
    tree.write(`${addPf(tree, '0000:92:00.0')}/sriov_totalvfs`, '65536\n');
    tree.fifo(`${addPf(tree, '0000:93:00.0')}/class`);
    tree.remove(`${addPf(tree, '0000:94:00.0')}/class`).directory(`${odd('0000:94:00.0')}/class`);
    tree.link(`${addPf(tree, '0000:95:00.0')}/class`, 'class');
    tree.write(`${addPf(tree, '0000:96:00.0')}/class`, '0'.repeat(100_000));
    addPf(tree, '0000:97:00');
    tree.remove(`${addPf(tree, '0000:98:00.0')}/class`); // it is being removed
    tree.write(`${addPf(tree, '0000:99:00.0')}/virtfn0`, '0000:99:10.0');
    const { found, problems } = discover(tree);
    assert.deepEqual(
      found.map(({ name, virtualFunctions: { length } }) => `${name}: ${length}`),
      ['eth0: 3', 'eth1: 7', '0000:99:00.0: 0'],
    );
    assert.deepEqual(problems, [
      'bus/pci/devices/0000:91:00.0/sriov_totalvfs: not the number of VFs that a PF can have',
      'bus/pci/devices/0000:92:00.0/sriov_totalvfs: not the number of VFs that a PF can have',
      'bus/pci/devices/0000:93:00.0/class: NODEAGENT_SYSFS_UNFIT',
      'bus/pci/devices/0000:94:00.0/class: NODEAGENT_SYSFS_UNFIT',
      'bus/pci/devices/0000:95:00.0/class: ELOOP',
      'bus/pci/devices/0000:96:00.0/class: NODEAGENT_SYSFS_UNFIT',
      '0000:97:00: not the address of a PCI device',
      'bus/pci/devices/0000:99:00.0/virtfn0: EINVAL',
    ]);
  });

  test('in what a device says of itself leaves that out', () => {
    using tree = SysfsTree.from('igb-01-vfs-created');
    tree.fifo(`${IGB}/numa_node`).link(`${IGB}/driver`, 'driver').fifo(`${IGB}/net/eth0/ifindex`);
    tree.link(`${IGB}/virtfn0/net`, 'net').write(`${IGB}/virtfn0/infiniband`, '').write(`${IGB}/virtfn0/driver`, '');
    const [a] = discover(tree).found;
    assert.deepEqual(a?.netdev, { name: 'eth0' });
    assert.deepEqual(a.virtualFunctions[0], { index: 0, pciAddress: '0000:01:10.0', rdmaDevices: [] });
  });

  test('is told of a few times and then counted', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:03:00.0');
    for (let index = 0; index < 40; index++) tree.link(`${pf}/virtfn${index}`, 'x');
    const { problems } = discover(tree);
    assert.equal(problems.length, 33);
    assert.equal(problems.at(-1), 'and 8 more');
  });

  test('a function with more virtual functions than a report takes is left out whole', () => {
    using tree = SysfsTree.empty();
    const pf = addPf(tree, '0000:03:00.0');
    addVf(tree, addPf(tree, '0000:04:00.0'), 0, '0000:04:10.0');
    for (let index = 0; index <= 8_192; index++) tree.link(`${pf}/virtfn${index}`, 'x');
    const { found, problems } = discover(tree);
    assert.deepEqual(
      found.map(({ name }) => name),
      ['0000:04:00.0'],
    );
    assert.deepEqual(problems, ['0000:03:00.0: there are more than 8192 VFs']);
  });
});

describe('a machine without a PCI bus to look at', () => {
  test('says that it has none', () => {
    using tree = SysfsTree.from('netdevsim');
    assert.deepEqual(discover(tree), { found: [], problems: [], off: 'not_found' });
    tree.write('bus/pci', '');
    assert.equal(discover(tree).off, 'not_found');
    tree.link('bus/pci', 'pci');
    assert.equal(discover(tree).off, 'failed');
  });

  test('is told from one without devices', () => {
    using tree = SysfsTree.empty();
    tree.directory('bus/pci/devices');
    assert.deepEqual(discover(tree), { found: [], problems: [] });
  });
});
