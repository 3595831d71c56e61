import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const WITHOUT_DESCRIPTORS = `
  const [file] = process.argv.slice(1);
  const { ownFamilies } = await import(file);
  const { openSync } = await import('node:fs');
  try {
    for (;;) openSync('/dev/null');
  } catch {
    process.exitCode = ownFamilies().size;
  }`;

test('where no file descriptor is left nothing is learnt of address families, and nothing thrown', async () => {
  const file = new URL('../../../nodeagent/probes/server-address.js', import.meta.url).href;
  const node = [process.execPath, '--input-type=module', '-e', WITHOUT_DESCRIPTORS, file];
  await assert.doesNotReject(promisify(execFile)('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...node]));
});
