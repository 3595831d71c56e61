import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { NetnsScan } from '../../../nodeagent/inventory/netns-scan.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';

/** A copy of the recorded procfs that a test may change. */
async function withProc(
  use: (root: string, scan: NetnsScan, inodeOf: (pid: number) => number) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'podnet-proc-'));
  try {
    await cp('test/fixtures/proc/containerd', root, { recursive: true, verbatimSymlinks: true });
    const procfs = new ProcFs(root);
    await use(root, new NetnsScan(procfs), (pid) => procfs.netInode(pid));
  } finally {
    await rm(root, { recursive: true });
  }
}

const pidsOf = (scan: NetnsScan, nowMs: number, inode: number) =>
  scan
    .scan(nowMs)
    .get(inode)
    ?.processes.map(({ pid }) => pid);

/** Moves a process into the namespace of another. */
async function move(root: string, pid: number, to: number): Promise<void> {
  await rm(join(root, String(pid), 'net'), { recursive: true });
  await symlink(`../${to}/net`, join(root, String(pid), 'net'));
}

test('a young process that moves to another namespace is found there at the next scan', async () => {
  await withProc(async (root, scan, inodeOf) => {
    assert.deepEqual(pidsOf(scan, 0, inodeOf(8_937)), [8_937, 8_971]);
    await move(root, 8_867, 8_937);
    assert.deepEqual(pidsOf(scan, 1_000, inodeOf(8_937)), [8_867, 8_937, 8_971]);
  });
});

test('a settled one is looked at every ten seconds, or when it was found to be elsewhere', async () => {
  await withProc(async (root, scan, inodeOf) => {
    scan.scan(0);
    scan.scan(10_000);
    await move(root, 8_867, 8_937);
    assert.deepEqual(pidsOf(scan, 15_000, inodeOf(8_937)), [8_937, 8_971]);
    assert.deepEqual(pidsOf(scan, 20_000, inodeOf(8_937)), [8_867, 8_937, 8_971]);
    await move(root, 8_867, 8_828);
    scan.forget(8_867);
    assert.deepEqual(pidsOf(scan, 21_000, inodeOf(8_828)), [8_828, 8_867]);
  });
});

test('a process that ends, or whose namespaces are gone, is left out', async () => {
  await withProc(async (root, scan, inodeOf) => {
    scan.scan(0);
    await rm(join(root, '8867'), { recursive: true });
    await rm(join(root, '8971', 'net'), { recursive: true }); // a zombie
    assert.deepEqual(pidsOf(scan, 1_000, inodeOf(8_828)), [8_828]);
    assert.deepEqual(pidsOf(scan, 2_000, inodeOf(8_937)), [8_937]);
  });
});
