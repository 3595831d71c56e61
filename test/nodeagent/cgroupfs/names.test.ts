import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { containerIdOf, isForPods, isHelper, isUsualKey, podKeyOf, uidKey } from '../../../nodeagent/cgroupfs/names.js';
import { findParents } from '../../../nodeagent/cgroupfs/search.js';
import { parseCgroupPaths } from '../../../nodeagent/procfs/cgroup-paths.js';

const UID = '5d7c4364-a67f-4714-8208-4561707b093f';
const SLICE_UID = '5d7c4364_a67f_4714_8208_4561707b093f';
const STATIC_UID = '0123456789abcdef0123456789abcdef';
const ID = '7a032b444094838def3070dea9d04ad7e6d4cdc18ab814d61c3fbe18e33d79ff';

/** Recorded of a kubelet and of containerd; the others are synthetic, after the sources of kubelet, containerd, CRI-O, cri-dockerd, kata. */
const RECORDED = [
  'test/fixtures/cgroups/proc-cgroup-guaranteed-cgroupfs-v1',
  'test/fixtures/proc/containerd/8971/cgroup',
];

const LAYOUTS: readonly { readonly of: string; readonly path: string; readonly uid?: string; readonly id?: string }[] =
  [
    { of: 'cgroupfs, burstable', path: `/kubepods/burstable/pod${UID}/${ID}` },
    { of: 'cgroupfs, CRI-O', path: `/kubepods/besteffort/pod${UID}/crio-${ID}` },
    { of: 'cgroupfs, cgroup root', path: `/my/root/kubepods/pod${UID}/${ID}` },
    { of: 'cgroupfs, static pod', path: `/kubepods/burstable/pod${STATIC_UID}/${ID}`, uid: STATIC_UID },
    { of: 'cgroupfs, kind', path: `/docker/${ID}/kubelet/kubepods/besteffort/pod${UID}/${ID}` },
    {
      of: 'systemd, containerd',
      path: `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`,
    },
    { of: 'systemd, guaranteed, CRI-O', path: `/kubepods.slice/kubepods-pod${SLICE_UID}.slice/crio-${ID}.scope` },
    {
      of: 'systemd, cri-dockerd, static pod',
      path: `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${STATIC_UID}.slice/docker-${ID}.scope`,
      uid: STATIC_UID,
    },
    {
      of: 'systemd, kind',
      path: `/docker/${ID}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`,
    },
    {
      of: 'kubelet systemd, containerd cgroupfs',
      path: `/system.slice/containerd.service/kubepods-burstable-pod${SLICE_UID}.slice:cri-containerd:${ID}`,
    },
    { of: 'a manifest with a uid of its own', path: `/kubepods/podmy-own.uid/${ID}`, uid: 'my-own.uid' },
  ];

/** Lists a tree that has just these paths. */
function listOf(paths: readonly string[]): (path: string) => string[] {
  return (path) => {
    const below = paths
      .filter((one) => one.startsWith(`${path}/`))
      .map((one) => one.slice(path.length + 1).split('/')[0]);
    return [...new Set(below)].filter((name) => name !== undefined);
  };
}

describe('names of cgroups', () => {
  for (const { of, path, uid = UID, id = ID } of LAYOUTS) {
    test(`pod and container are known by their cgroup: ${of}`, () => {
      const names = path.split('/');
      assert.deepEqual(
        names.map(podKeyOf).filter((key) => key !== undefined),
        [uidKey(uid)],
      );
      assert.equal(containerIdOf(names.at(-1) ?? ''), id);
    });

    test(`the search finds where the pod is: ${of}`, () => {
      const at = path.split('/').findIndex((name) => podKeyOf(name) !== undefined);
      const parent = path.split('/').slice(0, at).join('/');
      const found = findParents({
        list: listOf([path, '/user.slice/pods', '/podman/x']),
        root: '',
        asked: new Set([uidKey(uid)]),
      });
      assert.equal(found.found, 1);
      assert.ok(found.paths.includes(parent), `${parent} in ${found.paths.join(' ')}`);
    });
  }

  test('recorded cgroups of a kubelet and of containerd are read', () => {
    const found = RECORDED.map((file) => {
      const paths = parseCgroupPaths(readFileSync(file, 'utf8'));
      return new Set(
        paths.map((path) =>
          path
            .split('/')
            .map(podKeyOf)
            .filter((key) => key !== undefined)
            .join(),
        ),
      );
    });
    assert.deepEqual(found, [new Set([UID]), new Set(['11111111-2222-4333-8444-555555555551'])]);
  });

  test('what is no cgroup of a pod has no uid', () => {
    const others = [
      'kubepods',
      'kubepods.slice',
      'kubelet-kubepods.slice',
      'burstable',
      'kubepods-burstable.slice',
      ID,
      'pod',
      'crio.service',
    ];
    assert.deepEqual(
      others.map(podKeyOf),
      others.map(() => undefined),
    );
    assert.deepEqual(
      ['podman.slice', 'pods'].map((name) => isUsualKey(podKeyOf(name) ?? '')),
      [false, false],
    );
    assert.equal(isUsualKey(uidKey(SLICE_UID)), true);
  });

  test('conmon and the overhead of kata are no containers', () => {
    const names = [
      `crio-conmon-${ID}.scope`,
      `crio-conmon-${ID}`,
      'kata_overhead',
      `crio-${ID}.scope`,
      `kata_${ID}`,
      ID,
    ];
    assert.deepEqual(names.map(isHelper), [true, true, true, false, false, false]);
  });

  test('where pods will be is known while there are none', () => {
    const paths = [
      '/kubepods',
      '/kubepods/burstable',
      '/kubepods.slice/kubepods-besteffort.slice',
      '/kubelet.slice/kubelet-kubepods.slice',
    ];
    assert.deepEqual(paths.map(isForPods), [true, true, true, true]);
    assert.deepEqual(['', '/system.slice', '/batch/burstable', '/kubepodsx'].map(isForPods), [
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('search', () => {
  const inner = `/kubepods/pod${UID}/${ID}/kubelet/kubepods/pod11111111-2222-4333-8444-555555555551/${ID}`;
  const asked = (uid: string) => ({ list: listOf([inner]), root: '', asked: new Set([uid]) });

  test('what is inside a pod is left alone where the pods are outside', () => {
    assert.deepEqual(findParents(asked(UID)), { paths: ['/kubepods'], found: 1 });
  });

  test('a node that is itself a pod has its pods inside one', () => {
    const { paths, found } = findParents(asked('11111111-2222-4333-8444-555555555551'));
    assert.equal(found, 1);
    assert.ok(paths.includes(`/kubepods/pod${UID}/${ID}/kubelet/kubepods`));
  });

  test('it ends, however deep and wide the tree is', () => {
    let lists = 0;
    const list = () => {
      lists++;
      return ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    };
    assert.deepEqual(findParents({ list, root: '', asked: new Set([UID]) }), { paths: [], found: 0 });
    assert.ok(lists <= 2 * 4_096, String(lists));
  });
});
