import { appendFile, chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execute } from './execute.js';

/** Of the base images that the Dockerfile names. */
const SUITE = 'trixie';
const PACKAGES = ['base-files', 'gcc-14-base', 'libc6', 'libgcc-s1', 'libstdc++6'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const APT_USER = 42; // _apt, of base-passwd

/**
 * Makes a root file system of Debian packages, with dpkg's records of them, as a base image of Debian has it, but for whatever those packages
 * do not need. They come from where the machine has its own, of another suite; nothing of it is installed.
 */
export async function makeDebianRoot(root: string, work: string): Promise<void> {
  const debs = await download(work);
  const records = join(root, 'var/lib/dpkg');
  await mkdir(join(records, 'info'), { recursive: true });
  for (const deb of debs) {
    await execute('dpkg-deb', ['--extract', deb, root]);
    await record(deb, records);
  }
}

async function download(work: string): Promise<string[]> {
  const debs = join(work, 'debs');
  for (const path of ['debs', 'lists/partial', 'cache/archives/partial'])
    await mkdir(join(work, path), { recursive: true });
  await chmod(work, 0o755); // apt downloads as a user of its own
  await chown(debs, APT_USER, 0);
  const sources = join(work, 'sources.list');
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${await mirror()} ${SUITE} main\n`);
  const settings = {
    ...{ 'Dir::Etc::sourcelist': sources, 'Dir::Etc::sourceparts': '-', 'Dir::State::lists': join(work, 'lists') },
    ...{ 'Dir::Cache': join(work, 'cache'), 'APT::Update::Error-Mode': 'any', 'Acquire::Languages': 'none' },
    'Acquire::Retries': '3',
  };
  const options = ['-qq', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  await execute('apt-get', [...options, 'update']);
  await execute('apt-get', [...options, 'download', ...PACKAGES], { cwd: debs });
  return (await readdir(debs)).sort().map((name) => join(debs, name));
}

/** Where the machine has its own packages from. */
async function mirror(): Promise<string> {
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const format = '$(REPO_URI) $(RELEASE)';
  const targets = await execute('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const found = targets.split('\n').find((line) => line.endsWith(` ${codename ?? ''}`));
  if (codename === undefined || found === undefined)
    throw new Error(`apt has no source of ${codename ?? 'this machine'}`);
  return found.split(' ')[0] ?? '';
}

/** What dpkg would write down when it installs a package. */
async function record(deb: string, records: string): Promise<void> {
  const control = await execute('dpkg-deb', ['--field', deb]);
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(control)?.[1] ?? '';
  await appendFile(
    join(records, 'status'),
    control.trim().replace(/^(Package: .*)$/m, '$1\nStatus: install ok installed') + '\n\n',
  );
  const listed = await execute('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -t', 'sh', deb]);
  const paths = listed
    .split('\n')
    .flatMap((path) => (path === '' ? [] : [path.replace(/^\./, '').replace(/\/$/, '') || '/.']));
  const name = field('Multi-Arch') === 'same' ? `${field('Package')}:${field('Architecture')}` : field('Package');
  await writeFile(join(records, 'info', `${name}.list`), `${paths.join('\n')}\n`);
}
