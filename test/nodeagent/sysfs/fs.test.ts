import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ifReadable } from '../../../nodeagent/sysfs/errors.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

describe('a file of sysfs', () => {
  test('is read whole, in pages', () => {
    using tree = SysfsTree.empty();
    const sysfs = new SysFs(tree.root);
    for (const size of [0, 1, 4_095, 4_096, 4_097, 8_192, 65_536]) {
      tree.write('file', 'x'.repeat(size));
      assert.equal(sysfs.read('file').length, size);
    }
  });

  test('is not read where it is larger than a small one', () => {
    using tree = SysfsTree.empty();
    for (const size of [65_537, 70_000, 1_000_000]) {
      tree.write('file', 'x'.repeat(size));
      assert.throws(() => new SysFs(tree.root).read('file'), {
        code: 'NODEAGENT_SYSFS_UNFIT',
        message: /^file: larger/,
      });
    }
  });

  test('that is a directory, a pipe or a device is none', () => {
    using tree = SysfsTree.empty();
    tree.directory('directory').fifo('fifo').link('zero', '/dev/zero');
    for (const path of ['directory', 'fifo', 'zero']) {
      assert.throws(() => new SysFs(tree.root).read(path), { code: 'NODEAGENT_SYSFS_UNFIT' }, path);
    }
  });

  test('is read through a link only where that is wanted', () => {
    using tree = SysfsTree.empty();
    tree.write('file', '1\n').link('link', 'file');
    const sysfs = new SysFs(tree.root);
    assert.equal(sysfs.read('link'), '1\n');
    assert.equal(sysfs.readUnlinked('file'), '1\n');
    assert.throws(() => sysfs.readUnlinked('link'), { code: 'ELOOP' });
  });

  test('has the errors of the system', () => {
    using tree = SysfsTree.empty();
    tree.link('loop', 'loop').link('dangling', 'nowhere').write('file', '');
    const sysfs = new SysFs(tree.root);
    assert.throws(() => sysfs.read('loop'), { code: 'ELOOP' });
    assert.throws(() => sysfs.list('dangling'), { code: 'ENOENT' });
    assert.throws(() => sysfs.linkName('file'), { code: 'EINVAL' });
    assert.throws(() => sysfs.list('file/below'), { code: 'ENOTDIR' });
  });
});

describe('what is in sysfs', () => {
  test('is told by name, and links by the name they lead to', () => {
    using tree = SysfsTree.empty();
    tree
      .directory('device/net')
      .link('device/driver', '../../bus/pci/drivers/igb')
      .link('alias', 'device')
      .write('file', '');
    const sysfs = new SysFs(tree.root);
    assert.deepEqual(sysfs.list('device').sort(), ['driver', 'net']);
    assert.equal(sysfs.linkName('device/driver'), 'igb');
    assert.deepEqual(
      ['device', 'alias', 'file', 'missing'].map((path) => sysfs.isDirectory(path)),
      [true, false, false, false],
    );
    assert.deepEqual(
      ['device', 'alias', 'device/driver', 'missing'].map((path) => sysfs.exists(path)),
      [true, true, false, false],
    );
  });
});

describe('an error of a read', () => {
  const failing = (code: string) => (): string => {
    throw Object.assign(new Error(code), { code });
  };

  test('is an answer where it is one of the file', () => {
    for (const code of ['ENOENT', 'EACCES', 'EIO', 'ENODEV', 'EOPNOTSUPP', 'NODEAGENT_SYSFS_UNFIT']) {
      assert.equal(ifReadable(failing(code)), undefined);
    }
  });

  test('is thrown on where the agent has run out of files', () => {
    assert.throws(() => ifReadable(failing('EMFILE')), { code: 'EMFILE' });
    assert.throws(() =>
      ifReadable(() => {
        throw new TypeError('a bug');
      }),
    );
  });
});
