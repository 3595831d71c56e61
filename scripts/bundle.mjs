// Makes dist/, what is shipped: podnet.mjs, and a chunk for each part that only some commands load. A part that is not loaded must not
// cost memory either, and the text of a chunk that nobody imports does not. dist/node_modules has what no bundler takes: koffi's machine
// code, for the platforms that npm installed it for, where its chunk looks for it.
// Plain JavaScript, because it runs before anything is compiled.
import { cpSync, existsSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['apiserver', 'cli', 'metrics', 'nodeagent', 'openapi', 'runtime', 'package-lock.json'];
export const BUNDLE = join(ROOT, 'dist/podnet.mjs');

const KOFFI = join('node_modules', '@koromix');

/** AWS's packages come in two forms, and the one esbuild would take is CommonJS, of which nothing that is not used can be left out. */
const awsInModules = {
  name: 'aws-in-modules',
  setup({ onResolve }) {
    onResolve({ filter: /^@(aws-sdk|smithy)\/[^/]+$/ }, ({ path: name }) => {
      const directory = realpathSync(join(ROOT, 'node_modules', name));
      const { module } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
      return { path: join(directory, module), sideEffects: false };
    });
  },
};

export const BUILD_OPTIONS = {
  absWorkingDir: ROOT,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: 'linked',
  legalComments: 'eof',
  // The lock file fixes AWS's SDK: which Node its later versions want is no matter for the terminal of who runs this one.
  define: { 'process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED': '"true"' },
  // Dependencies in CommonJS call require() for node's own modules.
  banner: {
    js: "import { createRequire as podnetRequire } from 'node:module';\nconst require = podnetRequire(import.meta.url);",
  },
  plugins: [awsInModules],
  logLevel: 'warning',
};

/** @returns esbuild's account of what is in it */
export async function bundle() {
  const { build } = await import('esbuild');
  const directory = dirname(BUNDLE);
  rmSync(directory, { recursive: true, force: true });
  const { metafile } = await build({
    ...BUILD_OPTIONS,
    ...{ entryPoints: ['cli/podnet.ts'], outdir: directory, metafile: true },
  });
  // npm has none for a platform that koffi does not know; there the agent goes without
  if (existsSync(join(ROOT, KOFFI))) cpSync(join(ROOT, KOFFI), join(directory, KOFFI), { recursive: true });
  return metafile;
}

/** Whether a source is newer than the bundle, or there is none. */
export function isStale() {
  const built = statSync(BUNDLE, { throwIfNoEntry: false });
  return built === undefined || SOURCES.some((source) => newestMs(join(ROOT, source)) > built.mtimeMs);
}

function newestMs(path) {
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
