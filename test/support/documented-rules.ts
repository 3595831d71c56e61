import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

/** A rule of docs/compat.md as it stands there, indented for where it goes: below a scrape. */
export async function documentedRule(name: string): Promise<string> {
  const documented = await readFile('docs/compat.md', 'utf8');
  const [, rule] = new RegExp(`<!-- rule: ${name} -->\\s+\`\`\`yaml\\n([^]*?)\`\`\``).exec(documented) ?? [];
  assert.ok(rule !== undefined, name);
  return `  metric_relabel_configs:\n${rule.replace(/^(?=.)/gm, '  ')}`;
}
