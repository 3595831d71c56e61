import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { readRdmaCounters } from '../../../nodeagent/sysfs/rdma-counters.js';
import { REPORT_LIMITS, VF_COUNTERS } from '../../../openapi/report-terms.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const VF = { pciAddress: '0000:81:00.1', rdmaDevices: ['mlx5_2'] };
const portOf = (device: string, port = '1') => `bus/pci/devices/${VF.pciAddress}/infiniband/${device}/ports/${port}`;
const countersOf = (tree: SysfsTree, rdmaDevices = VF.rdmaDevices) =>
  Object.fromEntries(readRdmaCounters(new SysFs(tree.root), { ...VF, rdmaDevices }));

describe('counters of the RDMA device on a virtual function', () => {
  test('are those of its ports, in the units of the kernel', () => {
    using tree = SysfsTree.empty();
    tree.write(`${portOf('mlx5_2')}/counters/port_rcv_data`, '18446744073709551615\n');
    tree.write(`${portOf('mlx5_2')}/counters/VL15_dropped`, '0\n').write(`${portOf('mlx5_2')}/rate`, '100\n');
    tree.write(`${portOf('mlx5_2')}/hw_counters/out_of_sequence`, '4\n');
    tree.write(`${portOf('mlx5_2', '2')}/hw_counters/out_of_sequence`, '5\n');
    tree
      .write(`${portOf('mlx5_3')}/counters/port_rcv_data`, '6\n')
      .write(`${portOf('mlx5_4')}/counters/port_rcv_data`, '7\n');
    assert.deepEqual(countersOf(tree, ['mlx5_2', 'mlx5_3']), {
      'rdma/mlx5_2/1/hw/out_of_sequence': 4n,
      'rdma/mlx5_2/1/port/VL15_dropped': 0n,
      'rdma/mlx5_2/1/port/port_rcv_data': 2n ** 64n - 1n,
      'rdma/mlx5_2/2/hw/out_of_sequence': 5n,
      'rdma/mlx5_3/1/port/port_rcv_data': 6n,
    });
  });

  test('are not what only looks like them', () => {
    using tree = SysfsTree.empty();
    const hw = `${portOf('mlx5_2')}/hw_counters`;
    const settings = [
      'lifespan',
      'active_qps',
      'watermark_qps',
      'max_qps',
      'qps_watermark',
      'link_state',
      'current_rate',
    ];
    for (const file of settings) tree.write(`${hw}/${file}`, '10\n');
    tree
      .write(`${hw}/resize_cq_cnt`, '1\n')
      .write(`${hw}/rx_atomic_requests`, 'N/A (no PMA)\n')
      .write(`${hw}/a b`, '1\n');
    tree.write(`${hw}/${'x'.repeat(144)}`, '1\n').write(`${portOf('mlx5_2', 'one')}/hw_counters/np_cnp_sent`, '1\n');
    tree.link(`${hw}/link`, 'resize_cq_cnt').directory(`${hw}/directory`).fifo(`${hw}/fifo`);
    assert.deepEqual(countersOf(tree), { 'rdma/mlx5_2/1/hw/resize_cq_cnt': 1n });
  });

  test('are no more than a report takes, and always the same ones', () => {
    using tree = SysfsTree.empty();
    for (let index = 1_000; index < 1_600; index++) tree.write(`${portOf('mlx5_2')}/hw_counters/c${index}`, '1\n');
    const keys = Object.keys(countersOf(tree));
    assert.equal(keys.length, REPORT_LIMITS.countersPerVf - VF_COUNTERS.length);
    assert.equal(keys.at(-1), `rdma/mlx5_2/1/hw/c${1_000 + keys.length - 1}`);
  });

  test('are none of a device that has left, or of none', () => {
    using tree = SysfsTree.empty();
    tree.write('class/infiniband/mlx5_2/ports/1/counters/port_rcv_data', '5\n');
    assert.deepEqual(countersOf(tree), {});
    assert.deepEqual(countersOf(tree, []), {});
    tree.link(portOf('mlx5_2'), '1').write(portOf('mlx5_2', '2'), '');
    assert.deepEqual(countersOf(tree), {});
  });
});
