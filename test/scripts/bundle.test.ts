import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { makeBundle } from '../support/bundle.js';

async function buildOptions(): Promise<BuildOptions> {
  const { BUILD_OPTIONS } = (await import(join(process.cwd(), 'scripts/bundle.mjs'))) as {
    BUILD_OPTIONS: BuildOptions;
  };
  return BUILD_OPTIONS;
}

test('a bundled part loads koffi where no packages are installed', async () => {
  const shipped = await makeBundle();
  try {
    const options = await buildOptions();
    const outdir = join(dirname(shipped.file), 'test-parts');
    await build({ ...options, entryPoints: ['nodeagent/rtnetlink/libc.ts'], outdir });
    const part = pathToFileURL(join(outdir, 'libc.mjs')).href;
    const script = `import(${JSON.stringify(part)}).then(async ({ loadLibc }) => console.log((await loadLibc()).close(-1)))`;
    assert.equal(execFileSync(process.execPath, ['-e', script], { cwd: '/', encoding: 'utf8' }).trim(), '-1');
  } finally {
    await shipped.remove();
  }
});

async function metafileOf(entry: string): Promise<Metafile> {
  const { metafile } = await build({
    ...(await buildOptions()),
    ...{ entryPoints: [entry], outdir: 'dist', write: false, metafile: true },
  });
  return metafile;
}

/** The sources of some parts and of all that they import at once. */
function loadedBy({ outputs }: Metafile, entries: readonly string[]): string[] {
  const loaded = new Set<string>();
  const load = (file: string | undefined): void => {
    const output = outputs[file ?? ''];
    if (file === undefined || output === undefined || loaded.has(file)) return;
    loaded.add(file);
    for (const { path, kind } of output.imports) if (kind === 'import-statement') load(path);
  };
  for (const entry of entries) load(Object.keys(outputs).find((file) => outputs[file]?.entryPoint === entry));
  return [...loaded].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
}

/** Whatever is loaded with a program stays in its memory; what a flag asks for is loaded when it does. */
const AGENT_PACKAGES = ['commander', 'pino', 'prom-client'];
const ROLES = [
  { role: 'node', has: 'nodeagent/sweeper.ts', hasNot: 'nodeagent/probes/prober.ts', packages: AGENT_PACKAGES },
  {
    ...{ role: 'probe', has: 'nodeagent/probes/prober.ts', hasNot: 'nodeagent/sweeper.ts' },
    packages: [...AGENT_PACKAGES, 'dns-packet'].sort(),
  },
];

for (const { role, has, hasNot, packages } of ROLES) {
  test(`an agent of role ${role} loads ${packages.length} packages and what they need`, async () => {
    const sources = loadedBy(await metafileOf('cli/podnet.ts'), ['nodeagent/main.ts', `nodeagent/${role}-role.ts`]);
    assert.ok(sources.includes(has));
    assert.ok(!sources.includes(hasNot));
    const { dependencies } = JSON.parse(await readFile('package.json', 'utf8')) as { dependencies: object };
    const used = Object.keys(dependencies).filter((name) =>
      sources.some((source) => source.includes(`node_modules/${name}/`)),
    );
    assert.deepEqual(used.sort(), packages);
  });
}

test("AWS's packages are loaded by who publishes alone, and without what is not used", async () => {
  const isOfAws = (source: string) => /node_modules\/@(aws-sdk|smithy)\//.test(source);
  const server = loadedBy(await metafileOf('cli/podnet.ts'), ['apiserver/main.ts', 'apiserver/kubernetes.ts']);
  assert.ok(server.includes('apiserver/start.ts'));
  assert.deepEqual(
    server.filter((source) => isOfAws(source) || source.endsWith('publish/publisher.ts')),
    [],
  );
  const metafile = await metafileOf('apiserver/publish/create-sink.ts');
  const sink = loadedBy(metafile, ['apiserver/publish/create-sink.ts']);
  assert.ok(sink.includes('apiserver/publish/cloudwatch-sink.ts'));
  assert.deepEqual(sink.filter(isOfAws), []);
  const client = loadedBy(metafile, ['apiserver/publish/aws-client.ts']).filter(isOfAws);
  assert.ok(client.some((source) => source.endsWith('/PutMetricDataCommand.js')));
  assert.deepEqual(
    client.filter((source) => source.includes('/dist-cjs/') || source.endsWith('/GetDashboardCommand.js')),
    [],
  );
});

test('who publishes is told nothing about the Node that later versions of the SDK want', async () => {
  const { outputs } = await metafileOf('apiserver/publish/aws-client.ts');
  assert.ok(
    Object.values(outputs).some(({ inputs }) =>
      Object.keys(inputs).some((path) => path.endsWith('/emitWarningIfUnsupportedVersion.js')),
    ),
  );
  const outdir = await mkdtemp(join(tmpdir(), 'podnet-sdk-'));
  try {
    await build({ ...(await buildOptions()), entryPoints: ['apiserver/publish/aws-client.ts'], outdir });
    const part = pathToFileURL(join(outdir, 'aws-client.mjs')).href;
    const script = `process.on('warning', () => process.exit(9)); Object.defineProperty(process, 'version', { value: 'v20.19.0' });
      import(${JSON.stringify(part)}).then(({ CloudWatchClient }) => new CloudWatchClient({ region: 'eu-central-1' }))`;
    execFileSync(process.execPath, ['-e', script], { cwd: '/' });
  } finally {
    await rm(outdir, { recursive: true });
  }
});
