// What the kernel grants to an agent that shares the pid namespace of its node: docs/security.md relies on it.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { NOBODY } from '../support/agent-pod.js';
import { missing } from '../support/requirements.js';

const AS_NOBODY = [
  ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'],
  ...['--inh-caps=-all', '--bounding-set=-all'],
];

describe('the pid namespace of a node', { skip: missing('root', 'setpriv', 'umount') }, () => {
  test('the pids of the node show environments and take signals of its own user alone', async () => {
    const asNobody = ['setpriv', ...AS_NOBODY];
    const looks = ['cat "/proc/$1/cmdline" > /dev/null', 'cat "/proc/$1/environ" > /dev/null', 'kill -0 "$1"'];
    const allowedOn = async (command: readonly string[]): Promise<boolean[]> => {
      const child = spawn('env', [...command, 'sh', '-c', 'echo; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        await once(child.stdout, 'data');
        const scripts = looks.map((look) => [...asNobody, 'sh', '-c', look, 'sh', String(child.pid)]);
        return scripts.map((args) => spawnSync('env', args).status === 0);
      } finally {
        child.kill('SIGKILL');
      }
    };
    assert.deepEqual(await allowedOn([]), [true, false, false]);
    assert.deepEqual(await allowedOn(asNobody), [true, true, true]);
  });

  test('a new mount of procfs, as a container has it, hides nothing that another one hides', () => {
    const hostPath = mkdtempSync(join(tmpdir(), 'podnet-proc-'));
    chmodSync(hostPath, 0o755);
    const script = 'mount -o remount,hidepid=2 /proc && mount -t proc proc "$1" && shift && "$@"; true';
    const look = [
      'setpriv',
      ...AS_NOBODY,
      'sh',
      '-c',
      'echo "$(test -e /proc/1; echo $?) $(test -e "$1/1"; echo $?)"',
      'sh',
    ];
    const args = ['--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c', script, 'sh', hostPath, ...look, hostPath];
    try {
      assert.equal(execFileSync('unshare', args, { encoding: 'utf8' }), '1 0\n');
    } finally {
      rmdirSync(hostPath);
    }
  });
});
