import assert from 'node:assert/strict';
import { rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { build } from 'esbuild';
import { run } from '../../support/bundle.js';
import { PlayedNode, startCriServer } from '../../support/cri-server.js';
import { makeSocketDirectory } from '../../support/grpc-server.js';

/** As scripts/bundle.mjs does it. */
async function bundleClient(outdir: string): Promise<void> {
  await build({
    stdin: {
      contents: `import { CriClient } from './nodeagent/cri/client.js';
const client = new CriClient({ socketPath: process.argv[2] });
console.log(JSON.stringify(await client.version(new AbortController().signal)));
client.disconnect();`,
      resolveDir: process.cwd(),
      sourcefile: 'entry.ts',
    },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  });
}

test('a bundle asks a runtime, and then ends', async () => {
  await using directory = await makeSocketDirectory();
  const outdir = await mkdtemp(join(tmpdir(), 'podnet-cri-bundle-'));
  const server = await startCriServer(directory.socketPath, new PlayedNode().handlers());
  try {
    await bundleClient(outdir);
    const program = run(process.execPath, [join(outdir, 'stdin.mjs'), directory.socketPath]);
    assert.equal(await program.ended, 0, program.error());
    assert.match(program.out(), /"runtime_name":"played"/);
  } finally {
    server.stop();
    await rm(outdir, { recursive: true });
  }
});
