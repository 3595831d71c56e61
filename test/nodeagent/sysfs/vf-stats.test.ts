import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { discoverPhysicalFunctions } from '../../../nodeagent/devices/discover.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { readNetdevCounters, readVfStats } from '../../../nodeagent/sysfs/vf-stats.js';
import { VF_COUNTERS } from '../../../openapi/report-terms.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const PF = { pciAddress: '0000:41:00.0' };
const STATS = 'bus/pci/devices/0000:41:00.0/sriov/0/stats';
/** As the kernel prints the largest u64, and what is beyond it. */
const U64_MAX = '18446744073709551615';
const BEYOND = '18446744073709551616';

const statsOf = (tree: SysfsTree, index = 0) => {
  const counters = readVfStats(new SysFs(tree.root), PF, index);
  return counters && Object.fromEntries(counters);
};

describe('counters of a virtual function in sysfs', () => {
  test('are files of a directory', () => {
    using tree = SysfsTree.from('igb-01-vfs-created');
    const files = [
      'rx_bytes',
      'rx_packets',
      'rx_dropped',
      'tx_bytes',
      'tx_packets',
      'tx_dropped',
      'tx_errors',
      'tx_spoofed',
    ];
    files.forEach((file, index) => tree.write(`${STATS}/${file}`, `${index + 1}\n`));
    tree.write(`${STATS}/reset_stats`, '9\n').write(`${STATS}/../mac`, '9\n');
    assert.deepEqual(statsOf(tree), {
      ...{ receiveBytes: 1n, receivePackets: 2n, receivePacketsDropped: 3n },
      ...{ transmitBytes: 4n, transmitPackets: 5n, transmitPacketsDropped: 6n },
      ...{ transmitErrors: 7n, transmitSpoofedPackets: 8n },
    });
    assert.equal(statsOf(tree, 1), undefined);
  });

  test('are lines of one file', () => {
    using tree = SysfsTree.empty();
    const lines = ['tx_packets    : 5011', 'tx_bytes      : 4450870', 'tx_dropped    : 0', 'rx_packets    : 5003'];
    lines.push(
      'rx_bytes      : 4450222',
      'rx_broadcast  : 0',
      'rx_multicast  : 17',
      'tx_broadcast  : 3',
      'tx_multicast  : 8',
    );
    tree.write(STATS, `${[...lines, 'rx_dropped    : 2'].join('\n')}\n`);
    assert.deepEqual(statsOf(tree), {
      ...{ transmitPackets: 5011n, transmitBytes: 4450870n, transmitPacketsDropped: 0n },
      ...{ receivePackets: 5003n, receiveBytes: 4450222n, receivePacketsDropped: 2n },
      ...{ receiveBroadcastPackets: 0n, receiveMulticastPackets: 17n },
      ...{ transmitBroadcastPackets: 3n, transmitMulticastPackets: 8n },
    });
  });

  test('each has a name that a driver uses', () => {
    using tree = SysfsTree.empty();
    const suffixes = ['bytes', 'packets', 'errors', 'dropped', 'broadcast', 'multicast', 'spoofed'];
    for (const suffix of suffixes) tree.write(`${STATS}/rx_${suffix}`, '1').write(`${STATS}/tx_${suffix}`, '1');
    assert.deepEqual(Object.keys(statsOf(tree) ?? {}).sort(), [...VF_COUNTERS].sort());
    tree.remove(STATS).write(STATS, 'rx_error      : 4\ntx_error      : 5\n');
    assert.deepEqual(statsOf(tree), { receiveErrors: 4n, transmitErrors: 5n });
  });

  test('are exact up to the largest u64', () => {
    using tree = SysfsTree.empty();
    tree.write(`${STATS}/rx_bytes`, `${U64_MAX}\n`).write(`${STATS}/tx_bytes`, '9007199254740993\n');
    tree.write(`${STATS}/rx_packets`, '0');
    assert.deepEqual(statsOf(tree), {
      receiveBytes: 2n ** 64n - 1n,
      transmitBytes: 2n ** 53n + 1n,
      receivePackets: 0n,
    });
  });

  test('one that is no counter is not known', () => {
    using tree = SysfsTree.empty();
    tree.write(`${STATS}/rx_bytes`, '7\n');
    for (const text of [
      '',
      '\n',
      '-1\n',
      '+1\n',
      '1.5\n',
      '1e3\n',
      '0x10\n',
      'N/A\n',
      '1 2\n',
      '1\n2\n',
      `${BEYOND}\n`,
      '1_000',
    ]) {
      tree.write(`${STATS}/tx_bytes`, text);
      assert.deepEqual(statsOf(tree), { receiveBytes: 7n }, text);
    }
    const lines = [
      'tx_bytes',
      'tx_bytes      :',
      'tx_bytes : 1 : 2',
      'tx_bytes -1',
      ': 5',
      'tx_bytes : -1',
      'rx_bytes : 7',
      'tx bytes : 1',
    ];
    tree.remove(STATS).write(STATS, lines.join('\n'));
    assert.deepEqual(statsOf(tree), { receiveBytes: 7n });
  });

  test('are not read from links, directories, pipes and what is too large', () => {
    using tree = SysfsTree.empty();
    tree
      .write(`${STATS}/rx_bytes`, '7\n')
      .link(`${STATS}/rx_packets`, 'rx_bytes')
      .link(`${STATS}/rx_errors`, 'rx_errors');
    tree.directory(`${STATS}/tx_bytes`).fifo(`${STATS}/tx_packets`).write(`${STATS}/tx_errors`, '0'.repeat(100_000));
    tree.link(`${STATS}/tx_dropped`, '/proc/self/nothing');
    assert.deepEqual(statsOf(tree), { receiveBytes: 7n });
    for (const make of [
      () => tree.fifo(STATS),
      () => tree.link(STATS, 'stats'),
      () => tree.remove(STATS).directory(STATS),
    ]) {
      make();
      assert.equal(statsOf(tree), undefined);
    }
    tree.write(`${STATS}.real`, 'rx_bytes : 1\n').link(STATS, 'stats.real');
    assert.equal(statsOf(tree), undefined);
  });

  test('are none of a driver of the kernel itself', () => {
    using tree = SysfsTree.from('igb-01-vfs-created');
    assert.equal(statsOf(tree), undefined);
  });
});

describe("counters of a virtual function's interface", () => {
  const vfOf = (tree: SysfsTree, pf: number, index: number) =>
    discoverPhysicalFunctions(new SysFs(tree.root)).found[pf]?.virtualFunctions[index] ?? assert.fail();

  test('are those of the node while it is there', () => {
    using tree = SysfsTree.from('igb-02-vf-in-netns');
    const vf = vfOf(tree, 1, 1);
    const counters = () => Object.fromEntries(readNetdevCounters(new SysFs(tree.root), vf) ?? []);
    assert.deepEqual(counters(), {
      ...{ receiveBytes: 0n, receivePackets: 0n, receiveErrors: 0n, receivePacketsDropped: 0n },
      ...{ transmitBytes: 0n, transmitPackets: 0n, transmitErrors: 0n, transmitPacketsDropped: 0n },
      receiveMulticastPackets: 0n,
    });
    const files = [
      'rx_bytes',
      'rx_packets',
      'rx_errors',
      'rx_dropped',
      'tx_bytes',
      'tx_packets',
      'tx_errors',
      'multicast',
    ];
    const statistics = `class/net/${vf.netdev ?? ''}/statistics`;
    files.forEach((file, index) => tree.write(`${statistics}/${file}`, `${index + 1}\n`));
    tree.remove(`${statistics}/tx_dropped`);
    assert.deepEqual(counters(), {
      ...{ receiveBytes: 1n, receivePackets: 2n, receiveErrors: 3n, receivePacketsDropped: 4n },
      ...{ transmitBytes: 5n, transmitPackets: 6n, transmitErrors: 7n, receiveMulticastPackets: 8n },
    });
  });

  test('are not known while it is in a pod', () => {
    using tree = SysfsTree.from('igb-02-vf-in-netns');
    assert.equal(readNetdevCounters(new SysFs(tree.root), vfOf(tree, 1, 0)), undefined);
  });

  test("are never another's that has got its name", () => {
    using tree = SysfsTree.from('igb-01-vfs-created');
    const vf = vfOf(tree, 0, 0);
    const netdev = vf.netdev ?? assert.fail();
    assert.notEqual(readNetdevCounters(new SysFs(tree.root), vf), undefined);
    tree.remove(`bus/pci/devices/${vf.pciAddress}/net/${netdev}`);
    tree.remove(`class/net/${netdev}`).write(`class/net/${netdev}/statistics/rx_bytes`, '5\n');
    assert.equal(readNetdevCounters(new SysFs(tree.root), vf), undefined);
  });
});
