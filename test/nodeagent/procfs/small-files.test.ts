import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parseDevMcast } from '../../../nodeagent/procfs/dev-mcast.js';
import {
  hasNetAdmin,
  isOwnPidNamespace,
  parseBootTime,
  parseContainerId,
  parseStartTime,
} from '../../../nodeagent/procfs/process.js';
import { parseBonding, parseVlan } from '../../../nodeagent/procfs/stacking.js';
import { lowerDevicesOf } from '../../../nodeagent/sysfs/net-class.js';

const read = (path: string) => readFile(`test/fixtures/proc/${path}`, 'utf8');
const ID = '5eff39ce41c3e99db955010d5113beb90c1b751696e10a798187792ea3b6655a';

test('dev_mcast gives the ifindex of each interface', async () => {
  const indexes = parseDevMcast(await read('containerd/8828/net/dev_mcast'));
  assert.deepEqual(
    [...indexes],
    [
      ['eth1', 2],
      ['eth0', 3],
    ],
  );
});

test('dev_mcast passes over what it does not know', () => {
  assert.equal(parseDevMcast('garbage\n2 eth0\n-1 eth0 1 0 ff\n').size, 0);
});

test('bonds and VLANs name what is below them', async () => {
  assert.deepEqual(parseBonding(await read('odd/20/net/bonding/bond0')), ['eth0', 'eth1']);
  assert.deepEqual(parseVlan(await read('odd/20/net/vlan/bond0.7')), ['bond0']);
  assert.deepEqual(parseVlan(await read('odd/20/net/vlan/config')), []);
});

test('sysfs names what is below an interface', () => {
  assert.deepEqual(lowerDevicesOf(['address', 'lower_veth1', 'upper_bond0', 'lower_eth0', 'statistics']), [
    'eth0',
    'veth1',
  ]);
});

test('the start of a process is field 22, whatever its name', async () => {
  assert.equal(parseStartTime(await read('containerd/8828/stat')), 1_929_920);
  assert.equal(parseStartTime(await read('odd/10/stat')), 5_000);
  assert.throws(() => parseStartTime('1 (x) S 1'), { code: 'NODEAGENT_PROC_PARSE' });
});

test('the boot time is in seconds', () => {
  assert.equal(parseBootTime('cpu 1\nbtime 1795000000\n'), 1_795_000_000_000);
  assert.throws(() => parseBootTime('cpu 1\n'), { code: 'NODEAGENT_PROC_PARSE' });
});

const CGROUPS: readonly (readonly [string, string])[] = [
  ['docker, cgroupfs', `12:memory:/docker/${ID}\n0::/docker/${ID}\n`],
  ['docker, systemd', `0::/system.slice/docker-${ID}.scope\n`],
  ['CRI-O', `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/crio-${ID}.scope\n`],
  ['containerd, systemd', `0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${ID}.scope\n`],
  ['podman, its inner cgroup', `0::/machine.slice/libpod-${ID}.scope/container\n`],
];

for (const [runtime, text] of CGROUPS) {
  test(`the container of a process is found for ${runtime}`, () => {
    assert.equal(parseContainerId(text), ID);
  });
}

test('the container of a recorded process is found, and none where there is none', async () => {
  assert.equal(parseContainerId(await read('containerd/8828/cgroup')), ID);
  assert.equal(parseContainerId('0::/user.slice/user-1000.slice/session-3.scope\n'), undefined);
  assert.equal(parseContainerId(''), undefined);
});

test('capabilities tell whether the network may be administered', () => {
  assert.equal(hasNetAdmin('Name:\tnode\nCapEff:\t0000000000001000\n'), true);
  assert.equal(hasNetAdmin('CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffefff\n'), false);
  assert.equal(hasNetAdmin(''), false);
});

test('a process of a pid namespace below that of procfs has several pids', () => {
  assert.equal(isOwnPidNamespace('NSpid:\t4711\n'), true);
  assert.equal(isOwnPidNamespace('NSpid:\t4711\t1\n'), false);
  assert.equal(isOwnPidNamespace('Pid:\t4711\n'), false);
});
