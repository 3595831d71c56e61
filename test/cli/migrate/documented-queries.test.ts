// docs/migrate/ and `podnet migrate` say the same of every query.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { checkFile } from '../../../cli/migrate/check.js';
import { COMPAT_NAMES } from '../../../metrics/compat/compat.js';

/** Rows of the table of queries: theirs, what is said of it, podnet's own. */
function rowsOf(page: string): { theirs: string; said: string; ours: string | undefined }[] {
  const [, section = ''] = /\n## Queries\n([^]*?)\n## /.exec(page) ?? [];
  return section.split('\n').flatMap((line) => {
    const [, theirs = '', said = '', ours = ''] = line.split(/(?<!\\)\|/);
    const code = (cell: string) => /`([^`]+)`/.exec(cell)?.[1];
    const query = code(theirs);
    return query === undefined || query.startsWith('*') ? [] : [{ theirs: query, said, ours: code(ours) }];
  });
}

for (const name of COMPAT_NAMES) {
  test(`the queries of ${name} are documented as they are suggested`, async () => {
    const rows = rowsOf(await readFile(`docs/migrate/${name}.md`, 'utf8'));
    assert.ok(rows.length >= 3);
    for (const { theirs, said, ours } of rows) {
      const text = JSON.stringify({ groups: [{ name: 'g', rules: [{ alert: 'A', expr: theirs }] }] });
      const [finding] = checkFile('f', text).findings;
      assert.ok(finding !== undefined, theirs);
      assert.equal(finding.podnet?.replace(/^\(([^()]*|sum\(.*)\)$/, '$1'), ours, theirs);
      if (said.includes('unchanged')) assert.equal(finding.status, 'served', theirs);
      else assert.equal(finding.status, 'change', theirs);
    }
  });
}
