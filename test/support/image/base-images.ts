import { constants } from 'node:fs';
import { copyFile, cp, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { makeDebianRoot } from './debian-root.js';
import { execute } from './execute.js';

/** Node 24 LTS, as nodejs.org has it; npm checks it against the registry's own record. */
const NODE_VERSION = '24.21.0';
const BUSYBOX = '/bin/busybox'; // of busybox-static
/** What npm and the Dockerfile run. */
const AUTHORITIES = 'etc/authorities.pem';
const APPLETS = ['sh', 'env', 'echo', 'sed'];

export const BUILD_IMAGE = 'localhost/podnet-test/build';
export const RUNTIME_IMAGE = 'localhost/podnet-test/runtime';

/** Where nothing can be pulled: base images like those that the Dockerfile names, of Debian's packages, Node's own program and this machine's npm. */
export async function makeBaseImages(directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  const runtime = join(directory, 'runtime');
  await mkdir(runtime);
  await Promise.all([makeDebianRoot(runtime, join(directory, 'apt')), addNode(runtime, join(directory, 'node'))]);
  const commit = async (root: string, image: string, more: readonly string[]): Promise<void> => {
    const file = join(directory, 'Dockerfile');
    await writeFile(file, ['FROM scratch', 'COPY . /', 'ENV PATH=/usr/local/bin:/usr/bin', ...more, ''].join('\n'));
    await execute('buildah', ['build', '--quiet', '--file', file, '--tag', image, root], { env });
  };
  await commit(runtime, RUNTIME_IMAGE, []);
  await commit(runtime, BUILD_IMAGE, await addBuildTools(runtime));
  await rm(runtime, { recursive: true });
}

async function addNode(root: string, work: string): Promise<void> {
  const name = `node-linux-${process.arch}`;
  await mkdir(work);
  await execute('npm', ['pack', '--silent', '--pack-destination', work, `${name}@${NODE_VERSION}`]);
  await execute('tar', ['-xf', join(work, `${name}-${NODE_VERSION}.tgz`), '-C', work]);
  const unpacked = join(work, 'package');
  await mkdir(join(root, 'usr/local/bin'), { recursive: true });
  await copyFile(join(unpacked, 'bin/node'), join(root, 'usr/local/bin/node'), constants.COPYFILE_FICLONE);
  await copyFile(join(unpacked, 'LICENSE'), join(root, 'usr/local/LICENSE'));
}

/** A shell and npm, and what the machine needs to reach npm's registry. @returns what the Dockerfile says of it */
async function addBuildTools(root: string): Promise<string[]> {
  await copyFile(BUSYBOX, join(root, 'usr/local/bin/busybox'));
  for (const applet of APPLETS) await symlink('/usr/local/bin/busybox', join(root, 'usr/bin', applet));
  const npm = join(root, 'usr/local/lib/node_modules/npm');
  await cp(resolve(dirname(await realpath((await execute('sh', ['-c', 'command -v npm'])).trim())), '..'), npm, {
    recursive: true,
  });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities === undefined) return ['ENV HOME=/root'];
  await copyFile(authorities, join(root, AUTHORITIES));
  return ['ENV HOME=/root', `ENV NODE_EXTRA_CA_CERTS=/${AUTHORITIES}`];
}
