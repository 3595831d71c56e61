import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CriClient } from '../../../nodeagent/cri/client.js';
import { containersOf, sandboxesOf, versionOf } from '../../../nodeagent/cri/responses.js';
import { eventually } from '../../support/programs.js';
import { missing } from '../../support/requirements.js';

const signal = new AbortController().signal;

/** An empty one, with all that it keeps in a directory of its own. */
async function startContainerd() {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-cri-ctd-'));
  const socketPath = join(directory, 'containerd.sock');
  const config = `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt"]
[grpc]
address = "${socketPath}"
[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${directory}/bin"
conf_dir = "${directory}/net.d"
`;
  await writeFile(join(directory, 'config.toml'), config);
  const child = spawn('containerd', ['--config', join(directory, 'config.toml'), '--log-level', 'warn'], {
    stdio: 'ignore',
  });
  const ended = once(child, 'close');
  return {
    socketPath,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
      await rm(directory, { recursive: true });
    },
  };
}

test('a real containerd answers, and knows no sandbox', { skip: missing('root', 'containerd') }, async () => {
  await using containerd = await startContainerd();
  const client = new CriClient({ socketPath: containerd.socketPath });
  try {
    const version = await eventually(
      () => client.version(signal).then(versionOf, () => (client.disconnect(), undefined)),
      (seen) => seen !== undefined,
    );
    assert.equal(version?.name, 'containerd');
    assert.match(version.version, /^\d+\.\d+/);
    assert.deepEqual(sandboxesOf(await client.listPodSandboxes(signal)), []);
    assert.deepEqual(containersOf(await client.listContainers(signal)), []);
    await assert.rejects(client.podSandboxStatus('0'.repeat(64), signal), { name: 'GrpcError', isNotFound: true });
  } finally {
    client.disconnect();
  }
});
