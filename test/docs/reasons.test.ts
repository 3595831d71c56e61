// Why a figure is absent is told by a word; each of them is explained.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ABSENCES } from '../../apiserver/store/figure.js';
import { SKIP_REASONS, VF_COUNTER_ABSENCES } from '../../openapi/report-terms.js';

test('docs/api.md explains every reason for which a rate is absent', () => {
  const document = readFileSync('docs/api.md', 'utf8');
  const unexplained = [...Object.keys(ABSENCES), ...VF_COUNTER_ABSENCES].filter(
    (reason) => !document.includes(`\`${reason}\``),
  );
  assert.deepEqual(unexplained, []);
});

test('docs/api.md says why an agent cannot read a pod in the words of explain', () => {
  const rows = readFileSync('docs/api.md', 'utf8').replaceAll(/ +/g, ' ');
  for (const [reason, text] of Object.entries(SKIP_REASONS))
    assert.ok(rows.includes(`| \`${reason}\` | ${text} |`), reason);
});
