// podnet migrate as it is run, over files as users of each predecessor have them.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import { COMPAT_NAMES } from '../../../metrics/compat/compat.js';
import { run } from '../../support/bundle.js';

const FIXTURES = 'test/fixtures/migrate';

interface Outcome {
  readonly code: number | string;
  readonly out: string;
  readonly error: string;
}

async function migrate(...args: readonly string[]): Promise<Outcome> {
  return withInput('', ...args);
}

async function withInput(input: string, ...args: readonly string[]): Promise<Outcome> {
  const program = run(process.execPath, ['build/cli/podnet.js', 'migrate', ...args]);
  program.child.stdin.end(input);
  const code = await program.ended;
  return { code, out: program.out(), error: program.error() };
}

async function assertGolden(name: string, text: string): Promise<void> {
  const golden = `test/golden/migrate.${name}`;
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, text);
  assert.equal(text, await readFile(golden, 'utf8'));
}

async function inDirectory(act: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-migrate-'));
  try {
    await act(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('podnet migrate', { concurrency: 2 }, () => {
  for (const name of COMPAT_NAMES) {
    test(`every expression over ${name} is told what becomes of it`, async () => {
      const hasJson = name === 'network-metrics-daemon' || name === 'cni-metrics-helper';
      const files = [`${FIXTURES}/${name}.yaml`, ...(hasJson ? [`${FIXTURES}/${name}.json`] : [])];
      const { code, out, error } = await migrate('--check', '--from', name, ...files);
      assert.equal(error, '');
      assert.equal(code, name === 'network-metrics-daemon' ? 2 : 1); // one expression of it has a typing error
      await assertGolden(`${name}.txt`, out);
    });
  }

  test('JSON says what the text says', async () => {
    const { code, out } = await migrate('--check', '--json', `${FIXTURES}/net-exporter.yaml`);
    assert.equal(code, 1);
    await assertGolden('net-exporter.json', out);
  });

  test('what cannot be read is named with its place, and the rest is read', async () => {
    await inDirectory(async (directory) => {
      const missing = join(directory, 'missing.yaml');
      const binary = join(directory, 'binary.yaml');
      await writeFile(binary, Buffer.from([0xff, 0xfe, 0x00]));
      const { code, out } = await migrate('--check', missing, directory, binary, `${FIXTURES}/broken.yaml`);
      assert.equal(code, 2);
      assert.match(out, /missing\.yaml: cannot be read: ENOENT/);
      assert.ok(out.includes(`${directory}: cannot be read: is a directory`));
      assert.match(out, /binary\.yaml: cannot be read: is no text in UTF-8/);
      assert.match(out, /broken\.yaml:8: cannot be read: /);
      assert.match(out, /broken\.yaml:5: alert A \(group good\)/);
      assert.match(out, /podnet_dial_errors_total/);
      assert.match(out, /^1 expression in 4 files: .* could not be read\.$/m);
    });
  });

  test('the exit code is 0 where nothing has to be done', async () => {
    const rules = (expr: string) => JSON.stringify({ groups: [{ name: 'g', rules: [{ alert: 'A', expr }] }] });
    const codeOf = async (expr: string) => (await withInput(rules(expr), '--check', '-')).code;
    assert.equal(await codeOf('up == 0'), 0);
    assert.equal(await codeOf('podnet_node_suspect_ratio > 0.5'), 0);
    assert.equal(await codeOf('awscni_ip_max > 5'), 1);
    assert.equal(await codeOf('awscni_ip_max >'), 2);
  });

  test('no input is no success', async () => {
    for (const input of ['', ' \n']) {
      const { code, out } = await withInput(input, '--check', '-');
      assert.equal(code, 2);
      assert.match(out, /^-: cannot be read: is empty: did the command before it fail\?$/m);
    }
    const shell = run('sh', ['-c', `"${process.execPath}" build/cli/podnet.js migrate --check - < test`]);
    assert.equal(await shell.ended, 2);
    assert.match(shell.out(), /^-: cannot be read: is a directory: name its files$/m);
  });

  test('--from looks for the series of these predecessors alone', async () => {
    const shim = await migrate('--check', '--from', 'net-exporter', `${FIXTURES}/prometheus-network-shim.yaml`);
    assert.equal(shim.code, 0);
    assert.match(shim.out, /: \d+ of others, left alone\.$/m);
  });

  test('without --check or without a file it says how it is used', async () => {
    const unchecked = await migrate(`${FIXTURES}/net-exporter.yaml`);
    assert.deepEqual(
      [unchecked.code, unchecked.error],
      [2, 'podnet migrate: --check: has to be given: nothing else can be done\n'],
    );
    const fileless = await migrate('--check');
    assert.equal(fileless.code, 2);
    assert.match(fileless.error, /missing required argument 'files'/);
    const help = await migrate('--help');
    assert.equal(help.code, 0);
    assert.match(help.out, /Usage: podnet migrate \[options\] <files\.\.\.>/);
  });

  test('too many files, and one that is too large, are refused', async () => {
    const file = `${FIXTURES}/net-exporter.yaml`;
    const many = await migrate('--check', '--max-files', '1', file, file);
    assert.deepEqual([many.code, many.out], [2, '']);
    assert.match(many.error, /2 files are more than --max-files, 1/);
    const large = await migrate('--check', '--max-file-size', '100', file);
    assert.equal(large.code, 2);
    assert.match(large.out, /is larger than --max-file-size, 100 bytes/);
  });

  test('a file cannot move the cursor', async () => {
    const rules = JSON.stringify({
      groups: [{ name: 'g', rules: [{ alert: 'A\u001b[2J', expr: 'awscni_ip_max # \u001b[2J' }] }],
    });
    const { out } = await withInput(rules, '--check', '-');
    assert.match(out, /alert A\?\[2J/);
    assert.ok(!out.includes('\u001b'));
  });
});

test('what the documentation shows is what is printed', async () => {
  const documented = await readFile('docs/compat.md', 'utf8');
  const [, shown = 'none'] =
    /\$ podnet migrate --check --from net-exporter network\.rules\.yml\n([^]*?)```/.exec(documented) ?? [];
  const rules =
    'groups:\n- name: network\n  rules:\n  - alert: NetworkErrorRateTooHigh\n    expr: rate(network_dial_error_total[15m]) > 0.002\n';
  const { out } = await withInput(rules, '--check', '--from', 'net-exporter', '-');
  assert.equal(out.replace(/^-(?=:)/gm, 'network.rules.yml').trim(), shown.trim());
});
