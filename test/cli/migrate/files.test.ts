import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { FileError, readText } from '../../../cli/migrate/files.js';

test('a standard input that fails is a file that cannot be read', async () => {
  const failing = new Readable({
    read() {
      this.destroy(new Error('EISDIR: illegal operation on a directory, read'));
    },
  });
  await assert.rejects(readText('-', failing, { maxBytes: 10 }), (error) => {
    assert.ok(error instanceof FileError);
    assert.match(error.message, /^EISDIR/);
    return true;
  });
});
