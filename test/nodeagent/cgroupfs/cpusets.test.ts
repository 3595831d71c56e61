import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cpusets } from '../../../nodeagent/cgroupfs/cpusets.js';
import { CgroupFs } from '../../../nodeagent/cgroupfs/fs.js';
import { isGuaranteed } from '../../../nodeagent/cgroupfs/names.js';
import { renderCpuList } from '../../../nodeagent/sysfs/cpu-list.js';
import { cpusetTree } from '../../support/cpuset-tree.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const UID = '5d7c4364-a67f-4714-8208-4561707b093f';
const SLICE_UID = UID.replaceAll('-', '_');
const OTHER = '42f79a40-5979-4436-a4b6-3bad8a64c437';
const ID = 'a'.repeat(64);
const ID_2 = 'b'.repeat(64);

/** What is found in a tree, pods of the class Guaranteed apart from the others: `<key> <id> <set> of <set of all pods>`. */
function readAll(root: string, asked?: ReadonlySet<string>) {
  const cpusets = new Cpusets(new CgroupFs(root));
  cpusets.refresh(0, asked);
  const { guaranteed, others } = cpusets.pods();
  const read = (keys: readonly string[]) =>
    keys.flatMap((key) =>
      cpusets
        .read(key)
        .map(({ podKey, containerId = '-', cpus, podsCpus }) =>
          [podKey, containerId.slice(0, 2), renderCpuList(cpus), 'of', renderCpuList(podsCpus)].join(' '),
        )
        .sort(),
    );
  return { guaranteed: read(guaranteed), others: read(others) };
}

const GUARANTEED_AA = { guaranteed: [`${UID} aa 2-3 of 0-7`], others: [] };

describe('the sets of CPUs of containers', () => {
  for (const { of, pods, container, others = {} } of [
    { of: 'cgroupfs', pods: 'kubepods', container: `kubepods/pod${UID}/${ID}` },
    { of: 'cgroupfs, CRI-O', pods: 'kubepods', container: `kubepods/pod${UID}/crio-${ID}` },
    {
      of: 'systemd, containerd',
      pods: 'kubepods.slice',
      container: `kubepods.slice/kubepods-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`,
    },
    {
      of: 'systemd, CRI-O with conmon beside it',
      pods: 'kubepods.slice',
      container: `kubepods.slice/kubepods-pod${SLICE_UID}.slice/crio-${ID}.scope`,
      others: { [`kubepods.slice/kubepods-pod${SLICE_UID}.slice/crio-conmon-${ID_2}.scope`]: '0-1' },
    },
    {
      of: 'systemd, kind',
      pods: `docker/${ID_2}/kubelet.slice/kubelet-kubepods.slice`,
      container: `docker/${ID_2}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`,
    },
    {
      of: 'kubelet systemd, containerd cgroupfs',
      pods: 'system.slice/containerd.service',
      container: `system.slice/containerd.service/kubepods-pod${SLICE_UID}.slice:cri-containerd:${ID}`,
      others: { 'kubepods.slice': '0-7', [`kubepods.slice/kubepods-pod${SLICE_UID}.slice`]: '0-7' },
    },
  ]) {
    test(`are read where the kubelet has pods: ${of}`, () => {
      const cgroups = { [pods]: '0-7', ...others, [container]: '2-3' };
      for (const hierarchy of ['', 'unified'] as const) {
        using tree = cpusetTree({ hierarchy, cgroups });
        assert.deepEqual(readAll(tree.root), GUARANTEED_AA, hierarchy);
      }
      using tree = cpusetTree({ hierarchy: 'cpuset', file: 'cpuset.cpus', cgroups });
      assert.deepEqual(readAll(tree.root), GUARANTEED_AA);
    });
  }

  test('of other classes are told apart, by either driver', () => {
    using tree = cpusetTree({
      cgroups: {
        ...{ kubepods: '0-7', 'kubepods/burstable': '0-7', 'kubepods.slice': '0-7' },
        'kubepods.slice/kubepods-besteffort.slice': '0-7',
        [`kubepods/burstable/pod${UID}/${ID}`]: '0-5',
        [`kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${OTHER.replaceAll('-', '_')}.slice/crio-${ID_2}.scope`]:
          '0-6',
      },
    });
    const { guaranteed, others } = readAll(tree.root);
    assert.deepEqual(guaranteed, []);
    assert.deepEqual(others.sort(), [`${OTHER} bb 0-6 of 0-7`, `${UID} aa 0-5 of 0-7`]);
  });

  test('of v1 are in the hierarchy that is named for them, also a shared one', () => {
    const cgroups = { kubepods: '0-7', [`kubepods/pod${UID}/${ID}`]: '2-3' };
    using tree = cpusetTree({ hierarchy: 'cpuset', file: 'cpuset.cpus', cgroups });
    tree.write('unified/cgroup.procs', '').write('pids/cgroup.procs', '');
    assert.deepEqual(readAll(tree.root), GUARANTEED_AA);
    using shared = SysfsTree.empty().link('cpu,cpuset', tree.pathOf('cpuset')).write('memory/cgroup.procs', '');
    assert.deepEqual(readAll(shared.root), GUARANTEED_AA);
  });

  test('of v1 that were not given are those that may be used', () => {
    using tree = cpusetTree({
      hierarchy: 'cpuset',
      file: 'cpuset.cpus',
      cgroups: { kubepods: '', [`kubepods/pod${UID}/${ID}`]: '2-3' },
    });
    tree.write('cpuset/kubepods/cpuset.effective_cpus', '0-7\n');
    assert.deepEqual(readAll(tree.root), GUARANTEED_AA);
  });

  test('of v2 are those that may be used, and else those that were given', () => {
    using tree = cpusetTree({ cgroups: { kubepods: '0-7', [`kubepods/pod${UID}/${ID}`]: '2-3' } });
    tree.write(`kubepods/pod${UID}/${ID}/cpuset.cpus`, '2-3,9\n');
    assert.deepEqual(readAll(tree.root), GUARANTEED_AA);
    tree.write(`kubepods/pod${UID}/${ID}/cpuset.cpus.effective`, '\n');
    assert.deepEqual(readAll(tree.root), { guaranteed: [`${UID} aa 2-3,9 of 0-7`], others: [] });
  });

  test('are none where v2 has no cpuset controller', () => {
    using tree = SysfsTree.empty()
      .write('cgroup.procs', '')
      .directory(`kubepods.slice/kubepods-pod${SLICE_UID}.slice/${ID}`);
    assert.deepEqual(readAll(tree.root), { guaranteed: [], others: [] });
  });

  test('are none where v1 has no cpuset hierarchy, and where there are no cgroups', () => {
    using v1 = SysfsTree.empty().write('pids/cgroup.procs', '').write(`pids/kubepods/pod${UID}/${ID}/cpuset.cpus`, '1');
    assert.deepEqual(readAll(v1.root), { guaranteed: [], others: [] });
    assert.deepEqual(readAll(v1.pathOf('gone')), { guaranteed: [], others: [] });
  });

  test('are told without those of all pods where kubepods has none', () => {
    using tree = cpusetTree({
      hierarchy: 'cpuset',
      file: 'cpuset.cpus',
      cgroups: { [`kubepods/pod${UID}/${ID}`]: '1' },
    });
    assert.deepEqual(readAll(tree.root), { guaranteed: [`${UID} aa 1 of `], others: [] });
  });

  test('that are no lists of CPUs are left out', () => {
    for (const list of ['x', '1-', '3-1', '70000', '0,'.repeat(40_000)]) {
      using tree = cpusetTree({ cgroups: { kubepods: '0-7', [`kubepods/pod${UID}/${ID}`]: list } });
      assert.deepEqual(readAll(tree.root), { guaranteed: [], others: [] }, list.slice(0, 9));
    }
  });

  test('change between two rounds', () => {
    using tree = cpusetTree({ cgroups: { kubepods: '0-7', [`kubepods/pod${UID}/${ID}`]: '2-3' } });
    const cpusets = new Cpusets(new CgroupFs(tree.root));
    cpusets.refresh(0);
    assert.deepEqual(cpusets.read(UID)[0]?.cpus, [2, 3]);
    tree
      .write(`kubepods/pod${UID}/${ID}/cpuset.cpus.effective`, '4\n')
      .write('kubepods/cpuset.cpus.effective', '0-9\n');
    cpusets.refresh(1);
    assert.deepEqual(cpusets.read(UID)[0]?.cpus, [4]);
    assert.equal(cpusets.read(UID)[0]?.podsCpus.length, 10);
    tree.remove(`kubepods/pod${UID}`);
    cpusets.refresh(2);
    assert.deepEqual([cpusets.pods(), cpusets.read(UID)], [{ guaranteed: [], others: [] }, []]);
  });

  test('of a pod in a node that is itself a pod are read', () => {
    const inner = `kubepods/pod${OTHER}/${ID_2}/kubelet/kubepods`;
    using tree = cpusetTree({ cgroups: { [inner]: '0-7', [`${inner}/pod${UID}/${ID}`]: '2-3' } });
    assert.deepEqual(readAll(tree.root, new Set([UID])), GUARANTEED_AA);
  });
});

test('the class of a pod is in the path of its cgroup', () => {
  const guaranteed = [
    `/kubepods/pod${UID}`,
    `/kubepods.slice/kubepods-pod${SLICE_UID}.slice`,
    `/burstable/kubepods/pod${UID}`,
    `/x/kubepods-pod${SLICE_UID}.slice:cri-containerd:${ID}`,
    `/burstable.slice/burstable-kubepods.slice/burstable-kubepods-pod${SLICE_UID}.slice`,
  ];
  const others = [
    `/kubepods/burstable/pod${UID}`,
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${SLICE_UID}.slice`,
    `/x/kubepods-burstable-pod${SLICE_UID}.slice:cri-containerd:${ID}`,
    `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${SLICE_UID}.slice`,
  ];
  assert.deepEqual(
    guaranteed.map(isGuaranteed),
    guaranteed.map(() => true),
  );
  assert.deepEqual(
    others.map(isGuaranteed),
    others.map(() => false),
  );
});
