import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { podName, readNetnsNames } from '../../../nodeagent/inventory/netns-names.js';
import { createNetnsPods, type NetnsPodsDeps } from '../../../nodeagent/inventory/netns-pods.js';
import { NetnsScan } from '../../../nodeagent/inventory/netns-scan.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { copyProcTree } from '../../support/proc-tree.js';

function podsOf(tree: string, describe?: NonNullable<NetnsPodsDeps['describe']>) {
  const procfs = new ProcFs(`test/fixtures/proc/${tree}`);
  const scan = new NetnsScan(procfs);
  const deps = { procfs, scan, bootId: 'boot', runNetns: '/nonexistent' };
  return createNetnsPods(describe === undefined ? deps : { ...deps, describe });
}

test('each namespace is one pod, named by its container; the one of process 1 is host', () => {
  const pods = podsOf('containerd').pods(0);
  assert.deepEqual(
    pods.map(({ namespace, name, machine, netns }) => [
      namespace,
      name,
      machine,
      netns?.processes.map(({ pid }) => pid),
    ]),
    [
      ['default', 'host', true, [1]],
      ['default', '5eff39ce41c3', undefined, [8_828, 8_867]],
      ['default', '0ef4182d7de3', undefined, [8_937, 8_971]],
    ],
  );
});

test('the uid is the boot and the inode, the creation that of the oldest process', () => {
  const pod = podsOf('containerd').pods(0)[1];
  assert.equal(pod?.uid, `boot-${pod?.netns?.inode ?? ''}`);
  assert.equal(pod?.creationTimestamp, new Date(1_795_000_000_000 + 1_929_920).toISOString());
});

test('a namespace that got the inode of one that went is another pod', async () => {
  const root = await mkdtemp(join(tmpdir(), 'podnet-proc-'));
  try {
    await cp('test/fixtures/proc/containerd', root, { recursive: true, verbatimSymlinks: true });
    const procfs = new ProcFs(root);
    const source = createNetnsPods({ procfs, scan: new NetnsScan(procfs), bootId: 'boot', runNetns: '/nonexistent' });
    const [, first] = source.pods(0);
    // Both processes end, and another one has the namespace with their inode.
    await rename(join(root, '8828'), join(root, '9000'));
    await rm(join(root, '8867'), { recursive: true });
    await writeFile(join(root, '9000/cgroup'), '0::/\n');
    const second = source.pods(1_000).find(({ netns }) => netns?.inode === first?.netns?.inode);
    assert.deepEqual([second?.name, second?.uid], ['sleep-9000', `${first?.uid ?? ''}-1`]);
    assert.equal(source.pods(2_000).find(({ name }) => name === 'sleep-9000')?.uid, second?.uid);
  } finally {
    await rm(root, { recursive: true });
  }
});

test('outside a container a namespace is named by its oldest process', () => {
  assert.deepEqual(
    podsOf('odd')
      .pods(0)
      .map(({ name }) => name),
    ['odd-10', 'bonded-20', 'cut-30'],
  );
});

test('a description gives labels, workload and networks', () => {
  const attachments = new Map([['eth1', { network: 'n3', nadNamespace: 'telco', isDefault: false }]]);
  const workload = { kind: 'StatefulSet', name: 'upf' };
  const pods = podsOf('containerd', (name) =>
    name === 'host' ? undefined : { labels: { app: name }, workload, attachments },
  ).pods(0);
  assert.deepEqual(
    pods.map(({ labels }) => labels['app']),
    [undefined, '5eff39ce41c3', '0ef4182d7de3'],
  );
  assert.deepEqual(pods[1]?.workload, workload);
  assert.equal(pods[1]?.attachments, attachments);
});

test('any text becomes a name that a pod may have', () => {
  assert.deepEqual(['Web_Server (1)', '...', 'x'.repeat(100), 'déjà-vu'].map(podName), [
    'web-server-1',
    'unnamed',
    'x'.repeat(63),
    'd-j--vu',
  ]);
});

test('the names of namespaces are read once, by inode', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-netns-'));
  try {
    for (const name of ['a', 'b']) await writeFile(join(directory, name), '');
    const names = readNetnsNames(directory);
    for (const name of ['a', 'b']) {
      const { ino, ctimeMs } = await stat(join(directory, name));
      assert.deepEqual(names.get(ino), { name, identity: `${ino}-${ctimeMs}` });
    }
    assert.equal(readNetnsNames(join(directory, 'none')).size, 0);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a named namespace whose processes were all replaced is the same pod', async () => {
  await using tree = await copyProcTree('containerd');
  const runNetns = join(tree.root, 'run-netns');
  await mkdir(runNetns);
  await writeFile(join(runNetns, 'upf'), '');
  const { ino } = await stat(join(runNetns, 'upf'));
  await mkdir(join(tree.root, '8828/ns'));
  await symlink(`net:[${ino}]`, join(tree.root, '8828/ns/net'));
  const procfs = new ProcFs(tree.root);
  const source = createNetnsPods({ procfs, scan: new NetnsScan(procfs), bootId: 'boot', runNetns });
  const first = source.pods(0).find(({ name }) => name === 'upf');
  assert.ok(first !== undefined);
  await rm(join(tree.root, '8867'), { recursive: true });
  await rename(join(tree.root, '8828'), join(tree.root, 'away'));
  assert.equal(
    source.pods(1_000).some(({ name }) => name === 'upf'),
    false,
  );
  await rename(join(tree.root, 'away'), join(tree.root, '9000'));
  const again = source.pods(2_000).find(({ name }) => name === 'upf');
  assert.deepEqual({ ...again, netns: undefined }, { ...first, netns: undefined });
  assert.deepEqual(again?.netns?.processes, [{ pid: 9_000 }]);
});
