// --compat=all on an apiserver and on an agent to which every source tells something.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { before, describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { apiserverProgram } from '../../apiserver/options.js';
import { COMPAT_NAMES, Compat } from '../../metrics/compat/compat.js';
import type { NodeView } from '../../metrics/node-families.js';
import { createAgentHttp } from '../../nodeagent/http.js';
import { nodeagentProgram } from '../../nodeagent/options.js';
import { readAwscni } from '../../nodeagent/ipam/awscni-text.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { askAgent } from '../support/agent-http.js';
import { compatView } from '../support/compat-view.js';
import { PredecessorWorld } from '../support/predecessor-world.js';
import { missing } from '../support/requirements.js';

const LINT = 'test/fixtures/compat-lint.txt';
const FORMATS = ['text/plain', 'application/openmetrics-text; version=1.0.0'];

/** Families that are there twice, series that are, and samples that two families have. */
function repetitions(text: string): string[] {
  const families = new Set<string>();
  const series = new Set<string>();
  const owners = new Map<string, string>();
  const wrong: string[] = [];
  let family = '';
  for (const line of text.split('\n')) {
    const [, typed] = /^# TYPE (\S+)/.exec(line) ?? [];
    if (typed !== undefined) {
      if (families.has(typed)) wrong.push(`family ${typed}`);
      families.add(typed);
      family = typed;
    }
    if (line === '' || line.startsWith('#')) continue;
    const one = line.slice(0, line.lastIndexOf(' '));
    if (series.has(one)) wrong.push(`series ${one}`);
    series.add(one);
    const name = one.replace(/\{.*/, '');
    if (owners.has(name) && owners.get(name) !== family) wrong.push(`name ${name}`);
    owners.set(name, family);
  }
  return wrong;
}

test('what is there twice is found', () => {
  assert.deepEqual(repetitions('# TYPE a gauge\na 1\n# TYPE a gauge\na 2\n'), ['family a', 'series a']);
  assert.deepEqual(repetitions('# TYPE a summary\na_sum 1\n# TYPE a_sum gauge\na_sum{b="c"} 2\n'), ['name a_sum']);
  assert.deepEqual(repetitions('# TYPE a gauge\na{b="c"} 1\na{b="d"} 1\n'), []);
});

test('--compat takes all for the five', () => {
  for (const parsed of [
    parseOptions(apiserverProgram('0'), ['--standalone', '--compat', 'all'], {}),
    parseOptions(nodeagentProgram('0', 'n'), ['--server', 'https://a', '--pod-source', 'netns', '--compat=all'], {}),
  ]) {
    assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
    if (parsed.kind === 'run') assert.deepEqual(parsed.options.compat, COMPAT_NAMES);
  }
  const wrong = parseOptions(apiserverProgram('0'), ['--standalone', '--compat', 'everything'], {});
  assert.deepEqual(wrong, {
    kind: 'refuse',
    errors: [`--compat: must be some of ${COMPAT_NAMES.join(', ')}, or all, not "everything"`],
  });
});

describe('all predecessors together', () => {
  const scrapes = new Map<string, string>();

  before(async () => {
    const world = new PredecessorWorld();
    await world.step();
    await world.step();
    const { families } = readAwscni(await readFile('test/fixtures/ipamd/quantiles.txt', 'utf8'));
    const view: NodeView = { ...compatView(), ipam: [{ name: 'awscni', families: [...families], pools: [] }] };
    const app = createAgentHttp({
      ...{ registry: new Registry(), problem: () => '', view: () => view, compat: new Compat(COMPAT_NAMES) },
    });
    for (const accept of FORMATS) {
      scrapes.set(`apiserver ${accept}`, (await world.server.get('/metrics', { accept })).text);
      scrapes.set(`agent ${accept}`, (await askAgent(app, '/metrics', { accept })).body);
    }
  });

  test('every source is there', () => {
    const compat = new Compat(COMPAT_NAMES);
    for (const [name, text] of scrapes) {
      const isApiserver = name.startsWith('apiserver');
      const totals = isApiserver ? compat.totals.map(({ family }) => family) : [];
      for (const family of [...compat.families, ...totals]) {
        assert.match(text, new RegExp(`^${family.name}(_bucket|_total)?(\\{| )`, 'm'), `${name}: ${family.name}`);
      }
    }
  });

  test('no two families have one name, and no series is there twice', () => {
    for (const [name, text] of scrapes) assert.deepEqual(repetitions(text), [], name);
  });

  test(
    'promtool finds nothing in podnet_*, and in the rest the names alone that are listed',
    { skip: missing('promtool') },
    async () => {
      const found = new Set<string>();
      for (const [name, input] of scrapes) {
        if (!name.endsWith('text/plain')) continue;
        const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], {
          input,
          encoding: 'utf8',
          maxBuffer: 2 ** 26,
        });
        assert.equal(status, 3, stderr); // lint, where a text that cannot be read is 1
        for (const line of stderr.split('\n')) if (line !== '') found.add(line);
      }
      const lint = `${[...found].sort().join('\n')}\n`;
      assert.doesNotMatch(lint, /^podnet_/m);
      if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(LINT, lint);
      assert.equal(lint, await readFile(LINT, 'utf8'));
    },
  );
});
