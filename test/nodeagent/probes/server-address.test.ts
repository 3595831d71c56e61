import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parseServer } from '../../../nodeagent/probes/server-address.js';

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

test('a server is called the same however it is written, with its port where that is not the usual one', () => {
  const labelsOf = (...texts: readonly string[]) => texts.map((text) => parseServer(text, 53)?.label);
  assert.deepEqual(labelsOf('NS.example.', 'ns.example', 'ns.example:53'), new Array(3).fill('ns.example'));
  assert.deepEqual(labelsOf('10.96.0.10', '10.96.0.10:5353'), ['10.96.0.10', '10.96.0.10:5353']);
  assert.deepEqual(labelsOf('FD00::A', '[fd00::a]:53', '[fd00::a]:54'), ['fd00::a', 'fd00::a', '[fd00::a]:54']);
  assert.deepEqual(
    labelsOf('10.96.0', '[10.96.0.10]', '[::1', 'a b', '', 'ns.example:0', '10.0.0.1:65536'),
    new Array(7).fill(undefined),
  );
});
