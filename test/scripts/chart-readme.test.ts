import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentedValues, valuesTable } from '../../scripts/chart-readme.js';

const VALUES = `# Remarks to whoever edits the file.

# -- Begins every name.
nameOverride: ""

image:
  # Not of interest to users.
  # -- Where it is,
  # with its registry.
  repository: podnet
  # -- \`Always\` | \`Never\` <sometimes>
  pullPolicy: Always
# -- Nodes it runs on.
nodeSelector:
  kubernetes.io/os: linux
# -- Everything is tolerated.
tolerations:
  - operator: Exists
`;

test('a value is what has a comment with two dashes, and its default what the file has', () => {
  assert.deepEqual(documentedValues(VALUES), [
    { path: 'nameOverride', meaning: 'Begins every name.', preset: '' },
    { path: 'image.repository', meaning: 'Where it is, with its registry.', preset: 'podnet' },
    { path: 'image.pullPolicy', meaning: '`Always` | `Never` <sometimes>', preset: 'Always' },
    { path: 'nodeSelector', meaning: 'Nodes it runs on.', preset: { 'kubernetes.io/os': 'linux' } },
    { path: 'tolerations', meaning: 'Everything is tolerated.', preset: [{ operator: 'Exists' }] },
  ]);
});

test('a value without such a comment is an error that names it', () => {
  for (const text of ['image:\n  tag: ""\n', 'image:\n  # A remark.\n  tag: ""\n', 'image:\n  tag: {}\n']) {
    assert.throws(() => documentedValues(text), {
      name: 'TypeError',
      message: 'image.tag: no comment "# -- …" above it',
    });
  }
});

test('a file that is no YAML is an error', () => {
  assert.throws(() => documentedValues('a: [\n'), { name: 'YAMLParseError' });
});

test('the table has a row for each value, and Markdown is not broken by it', () => {
  assert.equal(
    valuesTable(documentedValues(VALUES)),
    [
      '| value | meaning | default |',
      '| --- | --- | --- |',
      '| `nameOverride` | Begins every name. | `""` |',
      '| `image.repository` | Where it is, with its registry. | `"podnet"` |',
      '| `image.pullPolicy` | `Always` \\| `Never` &lt;sometimes> | `"Always"` |',
      '| `nodeSelector` | Nodes it runs on. | `{"kubernetes.io/os":"linux"}` |',
      '| `tolerations` | Everything is tolerated. | `[{"operator":"Exists"}]` |',
    ].join('\n'),
  );
});

test('a long default is left to the file', () => {
  const text = `# -- Probe.\nprobe:\n  httpGet: { path: /healthz, port: 9808, host: 127.0.0.1 }\n  periodSeconds: 30\n`;
  assert.match(valuesTable(documentedValues(text)), /\| `probe` \| Probe\. \| see values\.yaml \|$/);
});
