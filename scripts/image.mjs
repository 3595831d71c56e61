// Builds the image with docker or buildah, whichever is there, and says how large it is: node scripts/image.mjs --help
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureLayer, unpackArchive } from './image/archive.mjs';
import { renderFigures, replaceFigures } from './image/figures.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENT = join(ROOT, 'docs/image.md');
const HELP = `Usage: node scripts/image.mjs [options]

  --builder <docker|buildah>   default: docker, if its daemon answers, else buildah
  --tag <name>                 default: podnet:<version of package.json>
  --platform <os/arch>         one; default: this machine's
  --build-arg <name=value>     such as BUILD_IMAGE, RUNTIME_IMAGE, SOURCE; may be given again
  --output <file>              keep the image as an archive that docker, podman, ctr and skopeo read
  --write                      put the sizes into docs/image.md
`;

/** As images call it. */
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

/** How each makes an image of a Dockerfile and the present directory, and an archive of an image. */
const BUILDERS = {
  docker: () => ({
    build: ['docker', 'build'],
    save: (tag, file) => ['docker', 'save', '--output', file, tag],
    remove: ['docker', 'image', 'rm'],
  }),
  buildah: (epoch) => ({
    // a layer for each COPY, as docker makes them; of a build for another platform buildah 1.28 forgets its own
    build: ['buildah', 'build', '--layers', '--timestamp', epoch, '--build-arg', `BUILDPLATFORM=linux/${ARCHITECTURE}`],
    save: (tag, file) => ['buildah', 'push', '--quiet', tag, `docker-archive:${file}:${tag}`],
    remove: ['buildah', 'rmi'],
  }),
};

const { values } = parseArgs({
  options: {
    builder: { type: 'string' },
    tag: { type: 'string' },
    platform: { type: 'string' },
    'build-arg': { type: 'string', multiple: true, default: [] },
    output: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else main();

function main() {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const tag = values.tag ?? `podnet:${version}`;
  const epoch = gitSays('log', '-1', '--format=%ct') ?? '0';
  const builder = chooseBuilder(epoch);
  const given = [`VERSION=${version}`, `REVISION=${revision()}`, `SOURCE_DATE_EPOCH=${epoch}`, ...values['build-arg']];
  const platform = values.platform === undefined ? [] : ['--platform', values.platform];
  const directory = mkdtempSync(join(tmpdir(), 'podnet-image-'));
  try {
    const archive = join(directory, 'image.tar');
    builder.make(tag, 'Dockerfile', [...platform, ...given.flatMap((arg) => ['--build-arg', arg])]);
    builder.save(tag, archive);
    if (values.output !== undefined) cpSync(archive, values.output);
    const figures = renderFigures(measure(archive), measureContext(builder, `${tag}-context`, directory));
    process.stdout.write(figures);
    if (values.write) writeFileSync(DOCUMENT, replaceFigures(readFileSync(DOCUMENT, 'utf8'), figures));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function chooseBuilder(epoch) {
  const name = values.builder ?? (succeeds('docker', ['info']) ? 'docker' : 'buildah');
  const create = BUILDERS[name];
  if (create === undefined) throw new Error(`no builder "${name}": docker or buildah`);
  const { build, save, remove } = create(epoch);
  return {
    make: (tag, dockerfile, args) => run([...build, ...args, '--file', dockerfile, '--tag', tag, '.']),
    save: (tag, file) => run(save(tag, file)),
    remove: (tag) => run([...remove, tag]),
  };
}

function measure(archive) {
  return unpackArchive(archive, `${archive}.d`).map(measureLayer);
}

/** What the builder is sent, by its own reading of .dockerignore. */
function measureContext(builder, tag, directory) {
  const dockerfile = join(directory, 'Dockerfile');
  const archive = join(directory, 'context.tar');
  writeFileSync(dockerfile, 'FROM scratch\nCOPY . /\n');
  builder.make(tag, dockerfile, []);
  builder.save(tag, archive);
  builder.remove(tag);
  const [context] = measure(archive);
  return context;
}

/** What of git the tree is; nothing where it is none of git's. */
function revision() {
  const commit = gitSays('rev-parse', 'HEAD');
  return commit === undefined ? '' : `${commit}${gitSays('status', '--porcelain') === '' ? '' : '-dirty'}`;
}

function gitSays(...args) {
  // of a checkout that belongs to another user, as CI's may, git tells nothing otherwise
  const { status, stdout } = spawnSync('git', ['-c', `safe.directory=${resolve(ROOT)}`, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** What the builder prints goes to standard error, so that the figures stand alone. */
function run([command, ...args]) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? `ended with ${status}`}`);
}
