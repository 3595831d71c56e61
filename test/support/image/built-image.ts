import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { BUILD_IMAGE, makeBaseImages, RUNTIME_IMAGE } from './base-images.js';
import { execute } from './execute.js';

/** Not of a registry. */
export const TAG = 'localhost/podnet:test';
/** In memory: a hundred thousand small files, and overlays, which a container's own file system would not take. 1.6 GB are used. */
const STORAGE_SIZE = '4g';

/** The part of an image's configuration that is looked at; https://github.com/opencontainers/image-spec, config.md. */
export interface ImageConfig {
  readonly User?: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly StopSignal?: string;
  readonly Volumes?: object;
  readonly ExposedPorts?: object;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface ImageFile {
  /** Without a slash in front, and for a directory with one behind. */
  readonly path: string;
  /** As `ls` shows it, `-rwxr-xr-x`. */
  readonly mode: string;
  readonly owner: string;
}

/** The image of this tree, made by the Dockerfile and scripts/image.mjs on base images that need no registry. */
export class BuiltImage {
  readonly #directory: string;

  private constructor(
    directory: string,
    /** What scripts/image.mjs said of it. */
    readonly figures: string,
    readonly config: ImageConfig,
    /** Of all its layers, the lower ones first. */
    readonly layers: readonly (readonly ImageFile[])[],
  ) {
    this.#directory = directory;
  }

  /** @param tell how long what took */
  static async build(tell: (text: string) => void): Promise<BuiltImage> {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-image-test-'));
    await execute('mount', ['-t', 'tmpfs', '-o', `size=${STORAGE_SIZE},mode=755`, 'tmpfs', directory]);
    try {
      const env = await environment(directory);
      const timed = async <T>(what: string, work: Promise<T>): Promise<T> => {
        const beganMs = performance.now();
        return work.finally(() => tell(`${what}: ${((performance.now() - beganMs) / 1_000).toFixed(1)} s`));
      };
      await timed('base images', makeBaseImages(directory, env));
      const figures = await timed('image', build(archiveIn(directory), env));
      const unpacked = join(directory, 'image');
      const { config, layers } = await unpack(archiveIn(directory), unpacked);
      const root = rootIn(directory);
      await mkdir(root);
      const listed: ImageFile[][] = [];
      for (const layer of layers) {
        listed.push(filesOf(await execute('tar', ['--numeric-owner', '-tvf', layer])));
        await execute('tar', ['-xf', layer, '-C', root]);
      }
      await rm(unpacked, { recursive: true });
      return new BuiltImage(directory, figures, config, listed);
    } catch (error) {
      await remove(directory);
      throw error;
    }
  }

  /** As `docker save` would write it. */
  get archive(): string {
    return archiveIn(this.#directory);
  }

  /** Its root file system, unpacked. */
  get root(): string {
    return rootIn(this.#directory);
  }

  get files(): readonly ImageFile[] {
    return this.layers.flat();
  }

  read(path: string): Promise<string> {
    return readFile(join(this.root, path), 'utf8');
  }

  async remove(): Promise<void> {
    await remove(this.#directory);
  }
}

const archiveIn = (directory: string): string => join(directory, 'image.tar');
const rootIn = (directory: string): string => join(directory, 'root');

/** Nothing of the machine's own images is seen or changed; RUN is a chroot, which takes no runtime. */
async function environment(directory: string): Promise<NodeJS.ProcessEnv> {
  const storage = join(directory, 'storage.conf');
  const places = ['graphroot', 'runroot'].map((name) => `${name} = "${join(directory, name)}"`);
  await writeFile(storage, ['[storage]', 'driver = "overlay"', ...places, ''].join('\n'));
  return { ...process.env, CONTAINERS_STORAGE_CONF: storage, BUILDAH_ISOLATION: 'chroot', TMPDIR: directory };
}

async function build(archive: string, env: NodeJS.ProcessEnv): Promise<string> {
  const bases = [`BUILD_IMAGE=${BUILD_IMAGE}`, `RUNTIME_IMAGE=${RUNTIME_IMAGE}`].flatMap((arg) => ['--build-arg', arg]);
  // documents are refreshed as golden files are
  const write = process.env['UPDATE_GOLDEN'] === '1' ? ['--write'] : [];
  const args = ['--builder', 'buildah', '--tag', TAG, ...bases, '--output', archive, ...write];
  return execute(process.execPath, ['scripts/image.mjs', ...args], { env });
}

async function unpack(archive: string, to: string): Promise<{ config: ImageConfig; layers: string[] }> {
  await mkdir(to);
  await execute('tar', ['-xf', archive, '-C', to]);
  const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(to, name), 'utf8'));
  const [image] = (await json('manifest.json')) as { Config: string; Layers: string[] }[];
  if (image === undefined) throw new Error(`${archive} has no image`);
  const { config } = (await json(image.Config)) as { config: ImageConfig };
  return { config, layers: image.Layers.map((layer) => join(to, layer)) };
}

/** As `tar -tv` prints them: mode, owner, size, day, time, path. */
function filesOf(listed: string): ImageFile[] {
  return [...listed.matchAll(/^(\S+)\s+(\S+)\s+\S+ \S+ \S+ (.+)$/gm)].map(([, mode = '', owner = '', name = '']) => ({
    ...{ mode, owner },
    path: name.replace(/^\.?\//, '').replace(/ (->|link to) .*$/, ''),
  }));
}

async function remove(directory: string): Promise<void> {
  await execute('umount', ['--lazy', directory]); // overlays of a build that failed may still be in it
  await rmdir(directory);
}
