// Makes what is in the image, in a stage of the Dockerfile: two directories, each of which becomes a layer. `system` is Node with what of
// Debian it is linked with; `podnet` is the bundle, the licenses of what is in it, and an SBOM of both.
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BUNDLE, bundle } from './bundle.mjs';
import { copyNode, copyPackages, readPackages, readRelease } from './image/debian.mjs';
import { copy, normalize, write } from './image/files.mjs';
import { renderNotices } from './image/notices.mjs';
import { createSbom, packagePathOf } from './image/sbom.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const KOFFI = 'node_modules/@koromix';
/** In the image. */
const LIBRARY = 'usr/lib/podnet';
const DOCUMENTS = 'usr/share/doc/podnet';
const SBOM = 'usr/share/sbom/podnet.cdx.json';
const NOBODY = 65_534;

const { values } = parseArgs({
  options: {
    /** Root of the runtime's base image. */
    runtime: { type: 'string' },
    /** Where npm installed the production packages of the image's platform. */
    production: { type: 'string' },
    /** What `npm sbom` says of the lock file. */
    sbom: { type: 'string' },
    to: { type: 'string' },
  },
});
const { runtime, production, sbom, to } = values;
const epochSeconds = Number(process.env.SOURCE_DATE_EPOCH ?? 0);

const system = join(to, 'system');
const podnet = join(to, 'podnet');
const packages = readPackages(runtime);
copyPackages(runtime, packages, system);
const node = copyNode(runtime, system);
write(join(system, 'etc/passwd'), `root:x:0:0:root:/:/none\nnobody:x:${NOBODY}:${NOBODY}:nobody:/:/none\n`);
write(join(system, 'etc/group'), `root:x:0:\nnogroup:x:${NOBODY}:\n`);
write(join(system, 'etc/nsswitch.conf'), 'hosts: files dns\n');

const { outputs } = await bundle();
const koffi = copyProgram(join(podnet, LIBRARY));
const paths = new Set(Object.values(outputs).flatMap(packagesIn).concat(koffi));
const shipped = new Map([...paths].map((path) => [nameOf(path), join(production, path)]));
const bom = createSbom({
  ...{ shipped: [...shipped.keys()], packages, epochSeconds, release: readRelease(runtime) },
  npm: JSON.parse(readFileSync(sbom, 'utf8')),
  node: { version: node.version, sha256: sha256Of(join(system, node.path)) },
});
write(join(podnet, SBOM), `${JSON.stringify(bom, undefined, 2)}\n`);
const ofNpm = bom.components.filter((component) => shipped.has(component['bom-ref']));
write(
  join(podnet, DOCUMENTS, 'THIRD-PARTY-LICENSES'),
  renderNotices(ofNpm, (ref) => shipped.get(ref)),
);
copy(join(ROOT, 'LICENSE'), join(podnet, DOCUMENTS, 'LICENSE'));
[system, podnet].forEach((directory) => normalize(directory, epochSeconds));
console.log(`node ${node.version}, ${packages.length} packages of Debian, ${ofNpm.length} of npm`);

/** Packages of which something is in a file of the bundle: what was read and left out is not shipped. */
function packagesIn({ inputs }) {
  return Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => {
    const path = bytesInOutput > 0 ? packagePathOf(file) : undefined;
    return path === undefined ? [] : [path];
  });
}

function nameOf(path) {
  const { name, version } = JSON.parse(readFileSync(join(production, path, 'package.json'), 'utf8'));
  return `${name}@${version}`;
}

/**
 * The bundle without its source maps, with koffi's machine code for the image's platform and for glibc alone, as a program.
 * @returns the path of the package that the machine code is of
 */
function copyProgram(directory) {
  cpSync(dirname(BUNDLE), directory, {
    recursive: true,
    filter: (from) => !from.endsWith('.map') && !from.endsWith('node_modules'),
  });
  const found = existsSync(join(production, KOFFI)) ? readdirSync(join(production, KOFFI)) : [];
  const [name] = found.filter((one) => one.startsWith('koffi-linux-'));
  if (name === undefined || found.length > 1)
    throw new Error(`${join(production, KOFFI)}: ${found.join(', ') || 'nothing'}, where one for linux has to be`);
  cpSync(join(production, KOFFI, name), join(directory, KOFFI, name), {
    recursive: true,
    filter: (from) => !/\/musl_[^/]*$/.test(from),
  });
  const program = join(directory, 'podnet.mjs');
  write(program, `#!/${node.path}\n${readFileSync(program, 'utf8')}`);
  chmodSync(program, 0o755);
  mkdirSync(join(podnet, 'usr/local/bin'), { recursive: true });
  symlinkSync(`/${LIBRARY}/podnet.mjs`, join(podnet, 'usr/local/bin/podnet'));
  return `${KOFFI}/${name}`;
}

function sha256Of(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
