import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build, type BuildOptions } from 'esbuild';
import { makeBundle } from '../support/bundle.js';

test('a bundled part loads koffi where no packages are installed', async () => {
  const shipped = await makeBundle();
  try {
    const { BUILD_OPTIONS } = (await import(join(process.cwd(), 'scripts/bundle.mjs'))) as {
      BUILD_OPTIONS: BuildOptions;
    };
    const outdir = join(dirname(shipped.file), 'test-parts');
    await build({ ...BUILD_OPTIONS, entryPoints: ['nodeagent/rtnetlink/libc.ts'], outdir });
    const part = pathToFileURL(join(outdir, 'libc.mjs')).href;
    const script = `import(${JSON.stringify(part)}).then(async ({ loadLibc }) => console.log((await loadLibc()).close(-1)))`;
    assert.equal(execFileSync(process.execPath, ['-e', script], { cwd: '/', encoding: 'utf8' }).trim(), '-1');
  } finally {
    await shipped.remove();
  }
});
