import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { CgroupFs } from '../../../nodeagent/cgroupfs/fs.js';
import { ExclusiveCpus } from '../../../nodeagent/devices/exclusive-cpu-sources.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import { CpusetBed, missingCpusets } from '../../support/cpuset-bed.js';
import { cpusetTree } from '../../support/cpuset-tree.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const UID = '5d7c4364-a67f-4714-8208-4561707b093f';
const SLICE_UID = UID.replaceAll('-', '_');
const OTHER = '42f79a40-5979-4436-a4b6-3bad8a64c437';
const ID = '7a032b444094838def3070dea9d04ad7e6d4cdc18ab814d61c3fbe18e33d79ff';
const OTHER_ID = 'f6a3f96cb99ee1fccf1e4dc7e8fea32a28fff38a4728563084f2cb9d62ae72e5';
const RECORDED_STATE = 'test/fixtures/kubelet/cpu_manager_state';
const NOT_THERE = '/nonexistent/cpu_manager_state';
const NODES = [{ numaNode: 0, cpus: '0-1' }];
const UNKNOWN = { list: undefined };

/** The container of the recorded checkpoint, and one that shares. */
const PODS: readonly Pod[] = [
  { ...podOf(UID), name: 'dpdk-client', containers: [{ name: 'testpmd', id: ID }] },
  { ...podOf(OTHER), name: 'web', containers: [{ name: 'c', id: OTHER_ID }] },
];

function podOf(uid: string): Pod {
  return {
    ...{ namespace: 'default', name: uid, uid, creationTimestamp: '2026-11-20T10:00:00Z', labels: {} },
    ...{ hostNetwork: false, attachments: new Map() },
  };
}

/** The cgroups of the recorded node. */
function recordedTree(): SysfsTree {
  const tree = SysfsTree.empty().write('cpuset/cgroup.procs', '');
  for (const line of readFileSync('test/fixtures/kubelet/cpuset.cpus.txt', 'utf8').trim().split('\n')) {
    const [path = '', list = ''] = line.split(' ');
    tree.write(path, `${list}\n`);
    tree.write(`${dirname(path)}/cgroup.procs`, '');
  }
  return tree;
}

function sourcesOf(root: string, statePath = NOT_THERE, nodeCpus = NODES) {
  const told: string[] = [];
  const cgroupfs = new CgroupFs(root);
  const states = {
    up: (source: string) => told.push(`${source} up`),
    off: (source: string, reason: string) => told.push(`${source} ${reason}`),
  };
  const cpus = new ExclusiveCpus({ cgroupfs, statePath, states, nodeCpus: () => nodeCpus });
  return { cpus, told };
}

const OF_TESTPMD = new Map([[UID, [{ container: 'testpmd', containerId: ID, cpu: 1, numaNode: 0 }]]]);
const UNNAMED = [{ uid: UID, containerId: ID, cpu: 1, numaNode: 0 }];

describe('the CPUs of containers of a recorded node', () => {
  test('are told by the list of the kubelet', () => {
    const { cpus } = sourcesOf('/nonexistent');
    const testpmd = {
      namespace: 'default',
      pod: 'dpdk-client',
      container: 'testpmd',
      devices: [],
      cpus: [1],
      claims: [],
    };
    assert.deepEqual(cpus.resolve(PODS, { list: [testpmd] }, 0), OF_TESTPMD);
  });

  test('are told by its checkpoint', () => {
    const { cpus, told } = sourcesOf('/nonexistent', RECORDED_STATE);
    assert.deepEqual(cpus.resolve(PODS, UNKNOWN, 0), OF_TESTPMD);
    assert.deepEqual(told, ['cpu-manager-state up']);
  });

  test('are told by its cgroups', () => {
    using tree = recordedTree();
    const { cpus, told } = sourcesOf(tree.root);
    assert.deepEqual(cpus.resolve(PODS, UNKNOWN, 0), OF_TESTPMD);
    assert.deepEqual(told, ['cpu-manager-state not_found']);
  });

  test('are told without the names of pods, with and without the checkpoint', () => {
    using tree = recordedTree();
    for (const statePath of [RECORDED_STATE, NOT_THERE]) {
      assert.deepEqual(sourcesOf(tree.root, statePath).cpus.list(0), UNNAMED, statePath);
    }
  });

  test('have no NUMA node where the kernel knows none', () => {
    const { cpus } = sourcesOf('/nonexistent', RECORDED_STATE, []);
    assert.deepEqual([...cpus.resolve(PODS, UNKNOWN, 0)], [[UID, [{ container: 'testpmd', containerId: ID, cpu: 1 }]]]);
  });
});

describe('the CPUs of containers on cgroup v2', () => {
  const container = `kubepods.slice/kubepods-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`;
  const cgroups = {
    'kubepods.slice': '0-7',
    'kubepods.slice/kubepods-besteffort.slice': '0-7',
    [container]: '1',
    [`kubepods.slice/kubepods-pod${SLICE_UID}.slice/cri-containerd-${'e'.repeat(64)}.scope`]: '0-7',
    [`kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${OTHER.replaceAll('-', '_')}.slice/cri-containerd-${OTHER_ID}.scope`]:
      '0,2-7',
  };

  test('are told with dashes in uids', () => {
    using tree = cpusetTree({ cgroups });
    for (const statePath of [RECORDED_STATE, NOT_THERE]) {
      assert.deepEqual(sourcesOf(tree.root, statePath).cpus.list(0), UNNAMED, statePath);
    }
    assert.deepEqual(sourcesOf(tree.root).cpus.resolve(PODS, UNKNOWN, 0), OF_TESTPMD);
  });

  test('of a pod that has gone are not told, though the checkpoint still has them', () => {
    using tree = cpusetTree({ cgroups });
    tree.remove(`kubepods.slice/kubepods-pod${SLICE_UID}.slice`);
    assert.deepEqual(sourcesOf(tree.root, RECORDED_STATE).cpus.list(0), []);
  });

  test('are looked for every ten seconds', () => {
    using tree = cpusetTree({ cgroups });
    const { cpus } = sourcesOf(tree.root);
    assert.deepEqual(cpus.list(0), UNNAMED);
    tree.write(`${container}/cpuset.cpus.effective`, '0-7\n');
    assert.deepEqual(cpus.list(9_999), UNNAMED);
    assert.deepEqual(cpus.list(10_000), []);
  });

  test('are none without the cpuset controller, and nothing fails', () => {
    using tree = SysfsTree.empty().write('cgroup.procs', '').directory(container);
    const { cpus } = sourcesOf(tree.root);
    assert.deepEqual(cpus.resolve(PODS, UNKNOWN, 0), new Map());
    assert.deepEqual(cpus.list(10_000), []);
  });

  test('are found once there are cgroups', () => {
    using tree = SysfsTree.empty();
    const { cpus } = sourcesOf(tree.root);
    assert.deepEqual(cpus.list(0), []);
    tree.write('cgroup.procs', '');
    for (const [cgroup, list] of Object.entries(cgroups)) tree.write(`${cgroup}/cpuset.cpus.effective`, `${list}\n`);
    assert.deepEqual(cpus.list(10_000), UNNAMED);
  });
});

const skip = missingCpusets();

describe('the CPUs of containers in real cgroups', { skip }, () => {
  test('are told of either driver', () => {
    for (const [pod, other] of [
      [`kubepods/pod${UID}/${ID}`, `kubepods/besteffort/pod${OTHER}/${OTHER_ID}`],
      [
        `kubepods.slice/kubepods-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`,
        `kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${OTHER.replaceAll('-', '_')}.slice/cri-containerd-${OTHER_ID}.scope`,
      ],
    ] as const) {
      using bed = new CpusetBed('pnec');
      const [own = 0, ...rest] = bed.cpus;
      bed.add(pod, String(own));
      bed.add(pod.replace(ID, 'e'.repeat(64)));
      bed.add(other, rest.join(','));
      const { cpus } = sourcesOf(bed.root, NOT_THERE, []);
      assert.deepEqual(cpus.list(0), [{ uid: UID, containerId: ID, cpu: own }]);
      assert.deepEqual(cpus.resolve(PODS, UNKNOWN, 0).get(UID), [{ container: 'testpmd', containerId: ID, cpu: own }]);
    }
  });

  test('are found among all the hierarchies of the machine', () => {
    using bed = new CpusetBed('pneh');
    const [own = 0, ...rest] = bed.cpus;
    bed.add(`kubepods/pod${UID}/${ID}`, String(own));
    bed.add(`kubepods/besteffort/pod${OTHER}/${OTHER_ID}`, rest.join(','));
    const listed = sourcesOf('/sys/fs/cgroup', NOT_THERE, []).cpus.list(0);
    assert.deepEqual(
      listed.filter(({ uid }) => uid === UID),
      [{ uid: UID, containerId: ID, cpu: own }],
    );
  });

  test('are none of containers that were given none', () => {
    using bed = new CpusetBed('pnen');
    bed.add(`kubepods/pod${UID}/${ID}`);
    bed.add(`kubepods/besteffort/pod${OTHER}/${OTHER_ID}`);
    assert.deepEqual(sourcesOf(bed.root).cpus.list(0), []);
  });
});
