import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { writeCaFile } from '../../../apiserver/tls/write-ca-file.js';

const CA = '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----';

test('everybody may read it, whatever stood there and whatever the umask', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-ca-'));
  const file = join(directory, 'ca.crt');
  await writeFile(file, 'old', { mode: 0o600 });
  const umask = process.umask(0o077);
  try {
    await writeCaFile(file, CA);
  } finally {
    process.umask(umask);
  }
  assert.equal(await readFile(file, 'utf8'), `${CA}\n`);
  assert.equal((await stat(file)).mode & 0o777, 0o644);
  assert.deepEqual(await readdir(directory), ['ca.crt']);
  await rm(directory, { recursive: true });
});

test('what a link leads to stays as it is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-ca-'));
  const [file, other] = [join(directory, 'ca.crt'), join(directory, 'other')];
  await writeFile(other, 'of somebody else');
  await symlink(other, file);
  await writeCaFile(file, CA);
  assert.deepEqual([await readFile(other, 'utf8'), await readFile(file, 'utf8')], ['of somebody else', `${CA}\n`]);
  await rm(directory, { recursive: true });
});

test('what is no file is left alone, and nothing stays beside it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-ca-'));
  await mkdir(join(directory, 'ca.crt'));
  await assert.rejects(writeCaFile(join(directory, 'ca.crt'), CA), {
    name: 'StartError',
    message: /^--write-ca-file: .*ca\.crt is no regular file$/,
  });
  assert.deepEqual(await readdir(directory), ['ca.crt']);
  await rm(directory, { recursive: true });
});
