import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const PAGES = 'docs/migrate';

/** Everything that is said of predecessors. */
export async function migrationDocs(): Promise<string> {
  const pages = (await readdir(PAGES)).sort().map((page) => join(PAGES, page));
  return (await Promise.all(['docs/compat.md', ...pages].map((page) => readFile(page, 'utf8')))).join('\n');
}

/** A rule of those pages as it stands there, indented for where it goes: below a scrape. */
export async function documentedRule(name: string): Promise<string> {
  const pattern = new RegExp(`<!-- rule: ${name} -->\\s+\`\`\`yaml\\n([^]*?)\`\`\``);
  const [, rule] = pattern.exec(await migrationDocs()) ?? [];
  assert.ok(rule !== undefined, name);
  const [indent = ''] = /^ */.exec(rule) ?? [];
  const lines = rule.split('\n').map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line.trim()));
  return `  metric_relabel_configs:\n${lines.join('\n').replace(/^(?=.)/gm, '  ')}`;
}
