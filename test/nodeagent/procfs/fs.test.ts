import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { ProcTooLargeError, isGone } from '../../../nodeagent/procfs/errors.js';

const CONTAINERD = 'test/fixtures/proc/containerd';

test('processes are the numbers, ascending', () => {
  assert.deepEqual(new ProcFs(CONTAINERD).pids(), [1, 8_828, 8_867, 8_937, 8_971]);
});

test('processes of one namespace have one inode, and of another another', () => {
  const procfs = new ProcFs(CONTAINERD);
  assert.equal(procfs.netInode(8_828), procfs.netInode(8_867));
  assert.notEqual(procfs.netInode(8_828), procfs.netInode(8_937));
});

test('a line that is not UTF-8 keeps its bytes as \\xNN, and costs the other lines nothing', () => {
  const text = new ProcFs('test/fixtures/proc/odd').read('10/net/dev');
  assert.ok(text.includes('bad\\xff: 2 3'));
  assert.ok(text.includes('café: 1 2'));
});

test('a process that is gone is told as the system tells it', () => {
  assert.throws(() => new ProcFs(CONTAINERD).netInode(4_711), isGone);
});

test('a file of any size up to the bound is read whole', async () => {
  const root = await mkdtemp(join(tmpdir(), 'podnet-'));
  try {
    const text = 'x'.repeat(200_000);
    await writeFile(join(root, 'large'), text);
    await writeFile(join(root, 'huge'), '');
    await truncate(join(root, 'huge'), 5 * 1024 * 1024);
    const procfs = new ProcFs(root);
    assert.equal(procfs.read('large'), text);
    assert.throws(() => procfs.read('huge'), ProcTooLargeError);
  } finally {
    await rm(root, { recursive: true });
  }
});
