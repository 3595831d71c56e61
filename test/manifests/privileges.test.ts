import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { unexplainedPrivileges } from '../support/manifests/privileges.js';
import { MANIFESTS } from '../support/manifests/render.js';

async function sources(): Promise<readonly string[]> {
  const folders = ['base', 'components', 'overlays'];
  const files = await Promise.all(folders.map((folder) => readdir(join(MANIFESTS, folder), { recursive: true })));
  return files.flatMap((names, i) =>
    names.filter((name) => name.endsWith('.yaml')).map((name) => join(MANIFESTS, folders[i] ?? '', name)),
  );
}

test('every privilege in the manifests has its reason beside it', async () => {
  const files = await sources();
  assert.ok(files.length > 20);
  for (const file of files) assert.deepEqual(unexplainedPrivileges(await readFile(file, 'utf8')), [], file);
});

test('insecureSkipTLSVerify is nowhere', async () => {
  for (const file of await sources()) assert.doesNotMatch(await readFile(file, 'utf8'), /insecureSkipTLSVerify/, file);
});

test('a privilege is explained beside it, above it, or above what it is a part of, and by nothing further away', () => {
  const told = [
    ['hostPID: true # why'],
    ['# why', 'hostPID: true'],
    ['# why', 'securityContext:', '  runAsNonRoot: false', '  runAsUser: 0'],
    ['volumes:', '  # why', '  - name: cgroup', '    hostPath:', '      path: /sys/fs/cgroup'],
  ];
  for (const lines of told) assert.deepEqual(unexplainedPrivileges(lines.join('\n')), [], lines.join('\n'));
  const untold = [
    ['hostPID: true'],
    ['# of another', 'name: x', 'hostPID: true'],
    ['# of the whole', 'spec:', '  securityContext:', '    runAsUser: 0'],
    ['volumes:', '  # of the first', '  - name: a', '    emptyDir: {}', '  - name: b', '    hostPath:'],
  ];
  for (const lines of untold) assert.equal(unexplainedPrivileges(lines.join('\n')).length, 1, lines.join('\n'));
});
