import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extract as extractFrom } from '../../../cli/migrate/extract.js';

const extract = (text: string) => extractFrom(text, () => []);

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

test('every data source that speaks PromQL is one, and library panels of an export are read', () => {
  const panel = (type: string, uid = 'x') => ({ datasource: { type, uid }, targets: [{ expr: type }] });
  const model = { targets: [{ expr: 'element' }] };
  const panels = [
    panel('grafana-amazonprometheus-datasource'),
    panel('victoriametrics-metrics-datasource'),
    panel('victoriametrics-logs-datasource'),
    panel('loki'),
    panel('datasource', '-- Mixed --'),
  ];
  const { found, problems } = extract(
    JSON.stringify({ title: 'd', panels: [...panels, { libraryPanel: { uid: 'a' } }], __elements: { a: { model } } }),
  );
  assert.deepEqual(
    found.map(({ text }) => text),
    ['grafana-amazonprometheus-datasource', 'victoriametrics-metrics-datasource', 'datasource', 'element'],
  );
  assert.deepEqual(problems, []);
});

test('rules of Grafana and of the values of charts are found', () => {
  const rules = { groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'x' }] }] };
  const data = [
    { refId: 'A', model: { expr: 'y' } },
    { refId: 'B', model: { expr: 'z', datasource: { type: 'loki' } } },
    { refId: 'C', model: { type: 'math', expression: '$A > 0' } },
  ];
  const places = (value: unknown) => extract(JSON.stringify(value)).found.map(({ place }) => place);
  assert.deepEqual(places({ groups: [{ name: 'g', rules: [{ title: 'T', data }] }] }), [
    'groups[0].rules[0].data[0].model.expr',
  ]);
  assert.deepEqual(places({ additionalPrometheusRulesMap: { a: rules } }), [
    'additionalPrometheusRulesMap.a.groups[0].rules[0].expr',
  ]);
  assert.deepEqual(places({ stack: { additionalPrometheusRules: [rules] } }), [
    'stack.additionalPrometheusRules[0].groups[0].rules[0].expr',
  ]);
});

test('dashboards in an array, and annotations as newer Grafana writes them, are found', () => {
  const annotations = {
    list: [
      { name: 'a', target: { expr: 'x' } },
      { name: 'b', expr: 'y' },
    ],
  };
  const { found } = extract(
    JSON.stringify([
      { title: 'd', panels: [], annotations },
      { title: 'e', panels: [] },
    ]),
  );
  assert.deepEqual(
    found.map(({ text, place }) => [text, place]),
    [
      ['x', '[0].annotations.list[0].target.expr'],
      ['y', '[0].annotations.list[1].expr'],
    ],
  );
});

test('metrics that an alarm reckons with are found', () => {
  const Metric = { Namespace: 'Kubernetes', MetricName: 'assignIPAddresses' };
  const Metrics = [{ Expression: 'm1 / 2' }, { MetricStat: { Metric, Stat: 'Sum' } }];
  const { found } = extract(JSON.stringify({ MetricAlarms: [{ AlarmName: 'a', Metrics }] }));
  assert.deepEqual(
    found.map(({ subject, text, alarm }) => [subject, text, alarm?.statistic]),
    [['alarm a', 'assignIPAddresses', 'Sum']],
  );
});

test('what is not read is named', () => {
  const errorsOf = (value: unknown) => extract(JSON.stringify(value)).problems.map(({ error }) => error);
  const libraryPanel = { uid: 'a', name: 'VF' };
  assert.deepEqual(errorsOf({ title: 'd', panels: [{ panels: [{ libraryPanel }] }] }), [
    'panels[0].panels[0]: is the library panel "VF", which is not in the file: export it',
  ]);
  assert.deepEqual(errorsOf({ kind: 'GrafanaDashboard', metadata: { name: 'd' }, spec: { gzipJson: 'H4sI' } }), [
    'GrafanaDashboard d: spec.gzipJson: is compressed: unpack it (base64 -d | gunzip) and name the file',
  ]);
  assert.deepEqual(errorsOf({ title: 'd', elements: {}, layout: {} }), [
    'is a dashboard of schema v2: export it as v1',
  ]);
  const nested = { kind: 'ConfigMap', data: { 'd.json': JSON.stringify({ title: 'd', panels: [{ libraryPanel }] }) } };
  assert.match(errorsOf(nested).join(), /^data\["d\.json"\]: panels\[0\]: is the library panel/);
});
