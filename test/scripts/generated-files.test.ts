import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { generatedFiles } from '../../scripts/generated-files.js';
import { VERSION } from '../../runtime/version.js';

for (const [path, wanted] of await generatedFiles()) {
  test(`${path} is as generated from the code`, async () => {
    assert.equal(await readFile(path, 'utf8'), wanted, 'run npm run generate');
  });
}

test('the version is that of package.json', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  assert.equal(VERSION, version);
});

test('the lock file names no host', async () => {
  assert.doesNotMatch(await readFile('package-lock.json', 'utf8'), /"resolved"/);
});
