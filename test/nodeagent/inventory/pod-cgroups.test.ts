import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CgroupFs } from '../../../nodeagent/cgroupfs/fs.js';
import { PodProcesses } from '../../../nodeagent/inventory/pod-processes.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { CgroupBed, missingCgroups, realHierarchies } from '../../support/cgroups.js';

const A = 'aaaaaaaa-0000-4000-8000-000000000003';
const B = 'bbbbbbbb-0000-4000-8000-000000000004';
const ID = 'c'.repeat(64);
const PROGRAM = fileURLToPath(new URL('../../support/locate-pods.js', import.meta.url));
const AS_NOBODY = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];

interface Told {
  readonly found: Record<string, number | string>;
  readonly state: { readonly by: string; readonly off?: string };
  readonly counts: { readonly walked: number };
}

/** What an agent started by a command sees. */
function locateBy(command: readonly string[], root: string): Told {
  const args = [...command, process.execPath, PROGRAM, root, A, B];
  return JSON.parse(execFileSync('env', args, { encoding: 'utf8' })) as Told;
}

const skip = missingCgroups();

for (const [number, hierarchy] of (skip === false ? realHierarchies() : []).entries()) {
  describe(`an agent that reads ${hierarchy}`, { skip }, () => {
    const withPods = async (
      name: string,
      use: (root: string, expected: Record<string, number>) => void,
    ): Promise<void> => {
      await using bed = new CgroupBed(`pc${number}${name}`, hierarchy);
      const expected = { [A]: bed.addNetns('a'), [B]: bed.addNetns('b') };
      await bed.start(`kubepods/burstable/pod${A}/${ID}`, 'a');
      await bed.start(`kubepods.slice/kubepods-pod${B.replaceAll('-', '_')}.slice/crio-${ID}.scope`, 'b');
      use(bed.root, expected);
    };

    test('sees as user 65534 without a capability what root sees', async () => {
      await withPods('n', (root, expected) => {
        const [asRoot, asNobody] = [locateBy([], root), locateBy(AS_NOBODY, root)];
        assert.deepEqual(asRoot.found, expected);
        assert.deepEqual(asNobody, asRoot);
        assert.deepEqual(asNobody.state, { by: 'tree' });
      });
    });

    test('without the pid namespace of the node walks its /proc', async () => {
      await withPods('w', (root, expected) => {
        const told = locateBy(['unshare', '--pid', '--fork', ...AS_NOBODY], root);
        assert.deepEqual(told.found, expected);
        assert.equal(told.state.by, 'walk');
        assert.equal(told.state.off, 'not_permitted');
        assert.ok(told.counts.walked > 0);
      });
    });

    test('in a cgroup namespace of its own walks the same', async () => {
      await withPods('g', (root, expected) => {
        assert.deepEqual(locateBy(['unshare', '--pid', '--cgroup', '--fork'], root).found, expected);
      });
    });

    test('without the /proc of the node sees no pod, and none of its own processes for one', async () => {
      await withPods('o', (root) => {
        const told = locateBy(['unshare', '--pid', '--fork', '--mount-proc'], root);
        assert.deepEqual(told.found, { [A]: 'no_process', [B]: 'no_process' });
      });
    });

    test('without a cgroup tree walks /proc, and says what is missing', async () => {
      const empty = await mkdtemp(join(tmpdir(), 'podnet-cgroups-'));
      try {
        await withPods('x', (_, expected) => {
          for (const root of [empty, join(empty, 'none')]) {
            const told = locateBy([], root);
            assert.deepEqual(told.found, expected);
            assert.deepEqual([told.state.by, told.state.off], ['walk', 'not_found']);
          }
        });
      } finally {
        await rm(empty, { recursive: true });
      }
    });
  });
}

test('a pod without a cgroup of its own is found by what the runtime says', { skip }, async () => {
  const [hierarchy = ''] = realHierarchies();
  await using bed = new CgroupBed('pch', hierarchy);
  const a = bed.addNetns('a');
  const sandbox = await bed.start('k8s.io/sandbox', 'a');
  const pods = new PodProcesses({ procfs: new ProcFs('/proc'), cgroupfs: new CgroupFs(bed.root) });
  const located = pods.locate([{ uid: A, cgroupUid: A }], 0, () => sandbox.pid).get(A);
  assert.ok(located !== undefined);
  // where other tests' pods have cgroups at this moment, a process outside of them is not taken for one
  if ('netns' in located) assert.equal(located.netns.inode, a);
  else assert.equal(located.absence, 'no_process');
});

test('where process 1 is hidden no pod is given a namespace', async () => {
  const procfs = await mkdtemp(join(tmpdir(), 'podnet-proc-'));
  try {
    const pods = new PodProcesses({ procfs: new ProcFs(procfs), cgroupfs: new CgroupFs(procfs) });
    const located = pods.locate([{ uid: A, cgroupUid: A }], 0).get(A);
    assert.ok(located !== undefined && 'absence' in located);
    assert.equal(located.absence, 'not_readable');
    assert.equal(pods.state.off, 'not_permitted');
  } finally {
    await rm(procfs, { recursive: true });
  }
});
