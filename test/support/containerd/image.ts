import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { IMAGE, type Places } from './config.js';

const execute = promisify(execFile);
const BUSYBOX = '/bin/busybox'; // of busybox-static
const APPLETS = ['sh', 'sleep'];
/** Also what a sandbox runs, as its pause. */
const ENTRYPOINT = ['/bin/sleep', '2147483647'];

/** Gives containerd an image, so that pods can have it. */
export async function importArchive(socket: string, archive: string): Promise<void> {
  await execute('ctr', ['-a', socket, '-n', 'k8s.io', 'images', 'import', archive]);
}

/** Makes an image of one static binary and gives it to containerd: nothing is pulled. */
export async function importImage({ directory, socket }: Places): Promise<void> {
  const made = join(directory, 'image');
  await mkdir(join(made, 'rootfs/bin'), { recursive: true });
  await copyFile(BUSYBOX, join(made, 'rootfs/bin/busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(made, 'rootfs/bin', applet));
  await execute('tar', ['-C', join(made, 'rootfs'), '-cf', join(made, 'layer.tar'), '.']);
  const layer = createHash('sha256')
    .update(await readFile(join(made, 'layer.tar')))
    .digest('hex');
  const config = {
    ...{
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Entrypoint: ENTRYPOINT, Env: ['PATH=/bin'] },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  };
  await writeFile(join(made, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [IMAGE], Layers: ['layer.tar'] }];
  await writeFile(join(made, 'manifest.json'), JSON.stringify(manifest));
  await execute('tar', ['-C', made, '-cf', join(made, 'image.tar'), 'manifest.json', 'config.json', 'layer.tar']);
  await importArchive(socket, join(made, 'image.tar'));
  await rm(made, { recursive: true });
}
