// What Node needs of Debian, found by dpkg's own records in the root file system of the runtime's base image.
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { copy, write } from './files.mjs';

/** The C and C++ libraries, the license of the latter (gcc-14-base), libatomic for Node 25 and later, and which Debian it is. */
const WANTED = /^(base-files|libc6|libgcc-s1|libstdc\+\+6|libatomic1|gcc-\d+-base)$/;
const NEEDED = ['base-files', 'libc6', 'libgcc-s1', 'libstdc++6'];

/** Libraries (gconv's are for iconv and audit's for ld.so, neither of which Node uses), licenses, what tells the release. */
const KEPT = [
  /^\/(usr\/)?lib(32|64)?\/(?!.*\/(gconv|audit)\/).*\.so(\.\d+)*$/,
  /^\/usr\/share\/(doc\/[^/]+(\/copyright)?|common-licenses\/.+)$/,
  /^\/(etc|usr\/lib)\/os-release$/,
  /^\/etc\/debian_version$/,
];

/** On a system with a merged /usr these are links, on which paths in dpkg's records rely. */
const MERGED = ['lib', 'lib32', 'lib64'];

/** Where node is, in the images that have it and where Debian's package puts it. */
const NODE = ['usr/local/bin/node', 'usr/bin/node'];
const NODE_LICENSE = ['usr/local/LICENSE', 'usr/share/doc/nodejs/copyright'];

/**
 * The packages of which files are taken, as dpkg's status tells of them.
 * @returns their records, and the fields of those that an SBOM is made of
 * @throws {Error} where the image is none of Debian's
 */
export function readPackages(runtime) {
  const status = join(runtime, 'var/lib/dpkg/status');
  if (!existsSync(status))
    throw new Error('RUNTIME_IMAGE has no /var/lib/dpkg/status: it has to be made of Debian packages');
  const found = readFileSync(status, 'utf8')
    .split(/\n{2,}/)
    .map((record) => ({ record: `${record.trim()}\n`, ...fieldsOf(record) }))
    .filter(({ name, status: state }) => WANTED.test(name) && state === 'install ok installed');
  const missing = NEEDED.filter((wanted) => !found.some(({ name }) => name === wanted));
  if (missing.length > 0) throw new Error(`RUNTIME_IMAGE is without the Debian packages ${missing.join(', ')}`);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function fieldsOf(record) {
  const field = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(record)?.[1] ?? '';
  const source = /^(\S+)(?: \((.+)\))?$/.exec(field('Source'));
  const version = field('Version');
  return {
    ...{ name: field('Package'), version, architecture: field('Architecture'), status: field('Status') },
    ...{ source: source?.[1] ?? field('Package'), sourceVersion: source?.[2] ?? version },
  };
}

/** `ID` and `VERSION_ID` of os-release, as `debian` and `13`. */
export function readRelease(runtime) {
  const text = readFileSync(join(runtime, 'usr/lib/os-release'), 'utf8');
  const value = (name) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID'), version: value('VERSION_ID') };
}

/** Copies what is kept of packages, and a record of each to where scanners of images without dpkg look. */
export function copyPackages(runtime, packages, to) {
  const root = realpathSync(runtime);
  for (const name of MERGED.filter((one) => lstatSync(join(root, one), { throwIfNoEntry: false })?.isSymbolicLink())) {
    const target = readlinkSync(join(root, name));
    mkdirSync(join(to, target), { recursive: true });
    symlinkSync(target, join(to, name));
  }
  for (const { name, architecture, record } of packages) {
    const lists = [`${name}.list`, `${name}:${architecture}.list`].map((list) => join(root, 'var/lib/dpkg/info', list));
    const list = lists.find((file) => existsSync(file));
    if (list === undefined)
      throw new Error(`RUNTIME_IMAGE does not tell the files of its package ${name}: no ${lists[0]}`);
    readFileSync(list, 'utf8')
      .split('\n')
      .filter((path) => KEPT.some((pattern) => pattern.test(path)))
      .forEach((path) => copyKept(root, path, to));
    write(join(to, 'var/lib/dpkg/status.d', name), record);
  }
}

/** A slim image is without documents that its records name; a path may lead through a link of a merged /usr. */
function copyKept(root, path, to) {
  if (!existsSync(dirname(join(root, path)))) return;
  const place = join(realpathSync(dirname(join(root, path))), basename(path));
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return;
  const target = join(to, relative(root, place));
  if (lstatSync(target, { throwIfNoEntry: false }) === undefined) copy(place, target);
}

/** Copies node and its license. @returns its path in the image, and the version that the program itself tells */
export function copyNode(runtime, to) {
  const at = NODE.map((path) => join(runtime, path)).find((path) => existsSync(path));
  if (at === undefined) throw new Error(`RUNTIME_IMAGE has no node at ${NODE.join(' or ')}`);
  const license = NODE_LICENSE.map((path) => join(runtime, path)).find((path) => existsSync(path));
  if (license === undefined) throw new Error(`RUNTIME_IMAGE has no license of node at ${NODE_LICENSE.join(' or ')}`);
  copy(realpathSync(at), join(to, NODE[0]));
  copy(license, join(to, 'usr/share/doc/node/LICENSE'));
  return { path: NODE[0], version: versionOf(readFileSync(at)) };
}

/** By `process.release.sourceUrl`: a program of another platform cannot be asked. */
function versionOf(program) {
  const mark = '/node-v';
  for (let at = program.indexOf(mark); at !== -1; at = program.indexOf(mark, at + 1)) {
    const version = /^\/node-v(\d+\.\d+\.\d+)\.tar\.gz/.exec(program.toString('latin1', at, at + 64))?.[1];
    if (version !== undefined) return version;
  }
  throw new Error('the node of RUNTIME_IMAGE does not tell its version: it is no release');
}
