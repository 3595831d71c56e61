import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALERT_GROUPS, runbookOf } from '../../scripts/alerts/rendered.js';
import { knownSeries } from '../../scripts/promql/known-families.js';
import { parseQuery, within } from '../../scripts/promql/tree.js';

const DIRECTORY = 'docs/runbooks';
const SECTIONS = ['Impact', 'Look', 'Do', 'Threshold', 'Silence'];
const NAMES = [...new Set(ALERT_GROUPS.flatMap(({ alerts }) => alerts.map(({ name }) => name)))];
/** Not podnet's: what every Prometheus has of each target. */
const OF_PROMETHEUS = new Set(['up']);
/** What kubectl can do without writing. */
const READS = new Set(['get', 'describe', 'logs', 'top', 'auth']);
/** The names that the manifests give. */
const OBJECTS = ['deployment/podnet-apiserver', 'daemonset/podnet-nodeagent', 'daemonset/podnet-probe'];

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].flatMap(([, block = '']) =>
    block.split('\n').filter((line) => line !== ''),
  );
}

/** Of its headings, as they are linked to. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('every alert has its runbook, and every runbook its alert', async () => {
  const files = (await readdir(DIRECTORY)).filter((file) => file !== 'README.md');
  assert.deepEqual(files.map((file) => join(DIRECTORY, file)).sort(), NAMES.map(runbookOf).sort());
});

const known = await knownSeries();

for (const name of NAMES) {
  test(`the runbook of ${name} says all that it ought to, with queries and commands that there are`, async () => {
    const text = await readFile(runbookOf(name), 'utf8');
    assert.match(text, new RegExp(`^# ${name}\n\n\\S`));
    assert.deepEqual(
      [...text.matchAll(/^## (.*)\n\n\S/gm)].map(([, section]) => section),
      SECTIONS,
    );
    for (const query of blocks(text, 'promql')) {
      for (const selector of within(parseQuery(query), 'VectorSelector')) {
        const [series = ''] = /^\w+/.exec(selector.text) ?? [];
        assert.ok(known.has(series) || OF_PROMETHEUS.has(series), `${series} in ${query}`);
        const labels = new Set([...(known.get(series)?.labels ?? ['namespace']), 'instance', 'job', 'cluster']);
        for (const label of within(selector, 'LabelName'))
          assert.ok(labels.has(label.text), `${label.text} in ${query}`);
      }
    }
    for (const command of blocks(text, 'sh')) {
      const [program = '', ...words] = command.split(' ');
      assert.ok(program === 'kubectl' || program === 'amtool', command);
      if (program === 'kubectl') assert.ok(READS.has(words[0] === '-n' ? (words[2] ?? '') : (words[0] ?? '')), command);
      assert.doesNotMatch(
        command,
        /\blogs (?:daemonset|deployment)\//,
        'the log of any pod, not of the one in question',
      );
      for (const object of command.match(/\b(?:deployment|daemonset)\/[\w-]+/g) ?? []) {
        assert.ok(OBJECTS.includes(object), command);
      }
    }
    assert.match(text, new RegExp(`amtool silence add alertname=${name} `));
    for (const [, link = '', anchor] of text.matchAll(/\]\(([^)#]+)(?:#([^)]*))?\)/g)) {
      const linked = await readFile(join(DIRECTORY, link), 'utf8');
      if (anchor !== undefined) assert.ok(anchors(linked).includes(anchor), `${link}#${anchor}`);
    }
  });
}
