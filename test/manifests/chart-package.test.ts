// The chart as it is handed on: what helm makes of its directory.
import assert from 'node:assert/strict';
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { run } from '../support/bundle.js';
import { CHART, helm } from '../support/helm.js';
import { missing } from '../support/requirements.js';

const CI = join(CHART, 'ci');

describe('the chart', { skip: missing('helm', 'tar') }, () => {
  test('is packaged with every file that its README leads to, and helm has nothing to say of it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-chart-'));
    try {
      const { code, error } = await helm(['package', CHART, '--destination', directory]);
      assert.equal(code, 0, error);
      assert.doesNotMatch(error, /symbolic link/);
      const [archive = ''] = await readdir(directory);
      const tar = run('tar', ['-xzf', join(directory, archive), '-C', directory]);
      assert.equal(await tar.ended, 0, tar.error());
      const packaged = join(directory, 'podnet');
      const readme = await readFile(join(packaged, 'README.md'), 'utf8');
      const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
      assert.ok(links.length > 5, links.join());
      for (const target of links) await access(join(packaged, target));
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('passes helm lint', async () => {
    const { code, out } = await helm(['lint', '--strict', CHART, ...['--values', join(CI, 'everything-values.yaml')]]);
    assert.equal(code, 0, out);
  });
});

test('the version of the chart and of what it installs is that of package.json', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const chart = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([chart['version'], chart['appVersion']], [version, version]);
});
