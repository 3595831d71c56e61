import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extract } from '../../../cli/migrate/extract.js';

const RULES = 'groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: |\n      up\n';
const DASHBOARD = JSON.stringify({ title: 'd', panels: [{ title: 'p', targets: [{ expr: 'up' }] }] });

const indent = (text: string) => text.replace(/^(?=.)/gm, '    ');

test('a rule file in a ConfigMap is found on its line', () => {
  const text = `apiVersion: v1\nkind: ConfigMap\ndata:\n  r.yaml: |\n${indent(RULES)}`;
  const { found, problems } = extract(text);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    found.map(({ line, place, subject, text: expr }) => [line, place, subject, expr]),
    [[9, 'data["r.yaml"]: groups[0].rules[0].expr', 'record a:b (group g)', 'up\n']],
  );
});

test('rules and dashboards are found in Lists, several documents and other wrappings', () => {
  const list = JSON.stringify({
    kind: 'List',
    items: [{ kind: 'PrometheusRule', spec: { groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'x' }] }] } }],
  });
  assert.deepEqual(
    extract(`${RULES}---\n${list}`).found.map(({ place }) => place),
    ['document 1: groups[0].rules[0].expr', 'document 2: items[0].spec.groups[0].rules[0].expr'],
  );
  const wrapped = [
    DASHBOARD,
    JSON.stringify({ dashboard: JSON.parse(DASHBOARD) as unknown, meta: {} }),
    JSON.stringify({ kind: 'GrafanaDashboard', spec: { json: DASHBOARD } }),
    JSON.stringify({ kind: 'ConfigMap', data: { 'x.json': DASHBOARD } }),
    JSON.stringify({ title: 'old', rows: [{ panels: [{ title: 'p', targets: [{ expr: 'up' }] }] }] }),
  ];
  for (const text of wrapped) {
    assert.deepEqual(
      extract(text).found.map(({ subject, text: expr }) => [subject, expr]),
      [['panel "p"', 'up']],
      text,
    );
  }
});

test('a text in a ConfigMap that is no manifest is nobody’s problem', () => {
  const configMap = (key: string) => JSON.stringify({ kind: 'ConfigMap', data: { [key]: 'a: [b' } });
  assert.deepEqual(extract(configMap('script.sh')).problems, []);
  const [problem, more] = extract(configMap('rules.yaml')).problems;
  assert.match(problem?.error ?? '', /^data\["rules\.yaml"\]: /);
  assert.deepEqual([problem?.line, more], [undefined, undefined]);
});

test('aliases without end are refused', () => {
  const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`);
  const { problems } = extract(`a0: &a0 [x]\n${levels.join('\n')}\n`);
  assert.equal(problems.length, 1);
  assert.match(problems[0]?.error ?? '', /alias/i);
});

test('an object in a List is told by its name', () => {
  const metadata = { name: 'drops', namespace: 'telco' };
  const spec = { groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'x' }] }] };
  const data = { 'd.json': DASHBOARD };
  const items = [
    { kind: 'PrometheusRule', metadata, spec },
    { kind: 'ConfigMap', metadata: { name: 'd' }, data },
  ];
  assert.deepEqual(
    extract(JSON.stringify({ kind: 'List', items })).found.map(({ place }) => place),
    [
      'PrometheusRule telco/drops: spec.groups[0].rules[0].expr',
      'ConfigMap d: data["d.json"]: panels[0].targets[0].expr',
    ],
  );
});
