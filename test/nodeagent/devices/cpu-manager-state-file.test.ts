import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import { CpuManagerStateFile } from '../../../nodeagent/devices/cpu-manager-state-file.js';
import type { SourceOff } from '../../../nodeagent/source-states.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

const RECORDED = readFileSync('test/fixtures/kubelet/cpu_manager_state', 'utf8');
const OTHER = RECORDED.replace('testpmd', 'other99');
const MINUTE_MS = 60_000;

/** A file and what is said of it: `up`, or why not. */
function fileIn(tree: SysfsTree, path = tree.pathOf('cpu_manager_state')) {
  const told: string[] = [];
  const states = {
    up: () => void told.push('up'),
    off: (_: string, reason: SourceOff, detail?: string) => void told.push(`${reason}: ${detail ?? ''}`),
  };
  const file = new CpuManagerStateFile({ path, states });
  const containers = (nowMs = 0) =>
    [...(file.current(nowMs)?.entries.values() ?? [])].flatMap((one) => [...one.keys()]);
  return { path, told, containers, file };
}

/** As the kubelet does (pkg/kubelet/util/store/filestore.go). */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Root may read everything. */
function asNobody(act: () => void): void {
  const own = process.geteuid?.() ?? 0;
  if (own === 0) process.seteuid?.(65_534);
  try {
    act();
  } finally {
    if (own === 0) process.seteuid?.(own);
  }
}

describe('the file of the CPU manager', () => {
  test('is read again when the kubelet has replaced it', () => {
    using tree = SysfsTree.empty();
    const { path, told, containers } = fileIn(tree);
    replace(path, RECORDED);
    assert.deepEqual(containers(), ['testpmd']);
    replace(path, OTHER);
    assert.deepEqual(containers(), ['other99']);
    assert.ok(told.every((one) => one === 'up'));
  });

  test('is read once while it is the same, and once a minute', () => {
    using tree = SysfsTree.empty();
    const { path, file } = fileIn(tree);
    replace(path, RECORDED);
    const first = file.current(0);
    assert.equal(file.current(MINUTE_MS - 1), first);
    const again = file.current(MINUTE_MS);
    assert.notEqual(again, first);
    assert.deepEqual(again, first);
  });

  test('is read within a minute where its times do not move', () => {
    using tree = SysfsTree.empty();
    const { path, containers } = fileIn(tree);
    for (const text of [RECORDED, OTHER]) {
      writeFileSync(path, text);
      utimesSync(path, 1, 1);
      containers();
    }
    assert.deepEqual(containers(MINUTE_MS), ['other99']);
  });

  test('that is not there is no failure, and comes into use when it is', () => {
    using tree = SysfsTree.empty();
    const { path, told, containers } = fileIn(tree);
    assert.deepEqual(containers(), []);
    assert.match(told.at(-1) ?? '', /^not_found: /);
    replace(path, RECORDED);
    assert.deepEqual(containers(), ['testpmd']);
    assert.equal(told.at(-1), 'up');
  });

  test('that went is not gone on with', () => {
    using tree = SysfsTree.empty();
    const { path, told, containers } = fileIn(tree);
    replace(path, RECORDED);
    containers();
    rmSync(path);
    assert.deepEqual(containers(), []);
    assert.match(told.at(-1) ?? '', /^not_found: /);
  });

  test('below a file is not there either', () => {
    using tree = SysfsTree.empty();
    const { told, containers } = fileIn(tree.write('a', ''), tree.pathOf('a/b'));
    assert.deepEqual(containers(), []);
    assert.match(told.at(-1) ?? '', /^not_found: /);
  });

  test('that is not ours to read says so', () => {
    using tree = SysfsTree.empty();
    const { path, told, containers } = fileIn(tree);
    replace(path, RECORDED);
    chmodSync(path, 0);
    asNobody(() => assert.deepEqual(containers(), []));
    assert.match(told.at(-1) ?? '', /^not_permitted: /);
  });

  test('that was cut or is garbage tells nothing', () => {
    using tree = SysfsTree.empty();
    for (const text of ['', RECORDED.slice(0, 60), '\0'.repeat(4_096), 'x'.repeat(1024 * 1024)]) {
      const { path, told, containers } = fileIn(tree);
      replace(path, RECORDED);
      containers();
      replace(path, text);
      assert.deepEqual(containers(), []);
      assert.match(told.at(-1) ?? '', /^failed: .*not a checkpoint of a known version$/);
    }
  });

  test('that is larger than a mebibyte is not read', () => {
    using tree = SysfsTree.empty();
    const { path, told, containers } = fileIn(tree);
    replace(path, RECORDED + ' '.repeat(1024 * 1024));
    assert.deepEqual(containers(), []);
    assert.match(told.at(-1) ?? '', /^failed: .*larger than 1048576 bytes$/);
  });

  test('that is a FIFO or a directory is not waited for', () => {
    using tree = SysfsTree.empty();
    execFileSync('mkfifo', [tree.pathOf('fifo')]);
    for (const path of [tree.pathOf('fifo'), tree.directory('directory').pathOf('directory')]) {
      const { told, containers } = fileIn(tree, path);
      assert.deepEqual(containers(), []);
      assert.match(told.at(-1) ?? '', /^failed: .*not a file$/);
    }
  });

  test('that is mounted by itself and was replaced is not believed', () => {
    using tree = SysfsTree.empty();
    const path = join(tree.root, 'cpu_manager_state');
    writeFileSync(path, RECORDED);
    const mounted = openSync(path, 'r');
    try {
      const { told, containers } = fileIn(tree, `/proc/self/fd/${mounted}`); // like a bind mount, it stays the same inode
      assert.deepEqual(containers(), ['testpmd']);
      replace(path, OTHER);
      assert.deepEqual(containers(), []);
      assert.match(told.at(-1) ?? '', /^failed: .*mount its directory instead$/);
    } finally {
      closeSync(mounted);
    }
  });
});
