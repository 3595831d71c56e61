// Builds the image with docker or buildah, whichever is there, and says how large it is: node scripts/image.mjs --help
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Each makes an image of a Dockerfile and the present directory, and an archive of an image. */
const BUILDERS = {
  docker: {
    build: (args) => ['docker', 'build', ...args],
    save: (tag, file) => ['docker', 'save', '--output', file, tag],
    remove: (tag) => ['docker', 'image', 'rm', tag],
  },
  buildah: {
    // a layer for each COPY, as docker makes them
    build: (args, epoch) => ['buildah', 'build', '--layers', '--timestamp', epoch, ...args],
    save: (tag, file) => ['buildah', 'push', '--quiet', tag, `docker-archive:${file}:${tag}`],
    remove: (tag) => ['buildah', 'rmi', tag],
  },
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
  const directory = mkdtempSync(join(tmpdir(), 'podnet-image-'));
  const builder = BUILDERS[values.builder ?? (succeeds('docker', ['info']) ? 'docker' : 'buildah')];
  if (builder === undefined) throw new Error(`no builder "${values.builder}": docker or buildah`);
  const epoch = gitSays('log', '-1', '--format=%ct') ?? '0';
  const args = [
    ...(values.platform === undefined ? [] : ['--platform', values.platform]),
    ...[`VERSION=${version}`, `REVISION=${revision()}`, `SOURCE_DATE_EPOCH=${epoch}`, ...values['build-arg']].flatMap(
      (arg) => ['--build-arg', arg],
    ),
  ];
  const make = (name, file, more) => run(builder.build([...more, '--file', file, '--tag', name, '.'], epoch));
  const layersOf = (name, file) => {
    run(builder.save(name, file));
    return unpackArchive(file, `${file}.d`).layers.map(measureLayer);
  };
  try {
    make(tag, 'Dockerfile', args);
    const layers = layersOf(tag, join(directory, 'image.tar'));
    if (values.output !== undefined) cpSync(join(directory, 'image.tar'), values.output);
    const [context] = measureContext(`${tag}-context`);
    const figures = renderFigures(layers, context);
    process.stdout.write(figures);
    if (values.write) writeFileSync(DOCUMENT, replaceFigures(readFileSync(DOCUMENT, 'utf8'), figures));
  } finally {
    rmSync(directory, { recursive: true });
  }

  /** What the builder is sent, by its own reading of .dockerignore. */
  function measureContext(name) {
    const file = join(directory, 'Dockerfile');
    writeFileSync(file, 'FROM scratch\nCOPY . /\n');
    make(name, file, []);
    const layers = layersOf(name, join(directory, 'context.tar'));
    run(builder.remove(name));
    return layers;
  }
}

/** What of git the tree is; nothing where it is none of git's. */
function revision() {
  const commit = gitSays('rev-parse', 'HEAD');
  return commit === undefined ? '' : `${commit}${gitSays('status', '--porcelain') === '' ? '' : '-dirty'}`;
}

function gitSays(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
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
