// Queries in places that are no rule and no panel, and what names a family where nothing is read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFile } from '../../../cli/migrate/check.js';

const check = (value: unknown) => checkFile('f', typeof value === 'string' ? value : JSON.stringify(value));
const problemsOf = (value: unknown) => check(value).problems.map(({ line, error }) => [line, error]);

test('the query of a trigger of KEDA is read', () => {
  const query = 'sum(rate(sriov_vf_rx_bytes[2m]))';
  const triggers = [
    { type: 'cpu', metadata: { value: '50' } },
    { type: 'prometheus', name: 'rx', metadata: { query } },
  ];
  const { findings, problems } = check({ kind: 'ScaledObject', metadata: { name: 'upf' }, spec: { triggers } });
  assert.deepEqual(
    findings.map(({ subject, place, status, notes }) => [subject, place, status, notes[0]?.slice(0, 71)]),
    [
      [
        'trigger rx of KEDA',
        'ScaledObject upf: spec.triggers[1].metadata.query',
        'served',
        'an HPA needs no query for it: podnet answers network_receive_bytes_per_',
      ],
    ],
  );
  assert.deepEqual(problems, []);
});

test('queries in templates of an alert are read', () => {
  const annotations = {
    a: `now {{ query "sum(sriov_vf_rx_bytes{pf='p'})" | first | value | printf "%.2f" }}`,
    b: '{{ with printf "sriov_vf_rx_bytes{pf=\'%s\'}" .Labels.pf | query }}{{ . | first | value }}{{ end }}',
    c: '{{ range query `sriov_vf_tx_bytes` }}x{{ end }}',
    d: '{{ with printf "sriov_vf_rx_bytes{pf=%q}" .Labels.pf | query }}{{ end }}',
    e: '{{ with printf "up{pod=%q}" .Labels.pod | query }}{{ end }}',
    f: 'the query "sriov_vf_rx_bytes" is no action',
  };
  const { findings } = check({ groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'up', annotations }] }] });
  assert.deepEqual(
    findings.map(({ subject, expression, status }) => [subject, expression, status]),
    [
      ['alert A (group g), query in a', "sum(sriov_vf_rx_bytes{pf='p'})", 'served'],
      ['alert A (group g), query in b', "sriov_vf_rx_bytes{pf='%s'}", 'served'],
      ['alert A (group g), query in c', 'sriov_vf_tx_bytes', 'served'],
      ['alert A (group g), query in d', 'sriov_vf_rx_bytes{pf=%q}', 'unreadable'],
    ],
  );
});

test('what names a family and is nothing known is said to be unread', () => {
  const template = 'kind: AnalysisTemplate\nmetadata:\n  name: a\nspec:\n  query: sum(sriov_vf_rx_bytes)\n';
  assert.deepEqual(problemsOf(template), [
    [
      5,
      'AnalysisTemplate a: spec.query: names sriov_vf_rx_bytes and is nothing that is known here: look at it by hand',
    ],
  ]);
  const keys = { metrics: [{ sriov_vf_rx_bytes: 'rx' }, 'sriov_vf_tx_bytes', 'awscni_ip_max', 'awscni_eni_max'] };
  assert.deepEqual(problemsOf(keys), [
    [
      undefined,
      'metrics[0].sriov_vf_rx_bytes: names sriov_vf_rx_bytes, sriov_vf_tx_bytes, awscni_ip_max, … and is nothing that is known here: look at it by hand',
    ],
  ]);
  assert.deepEqual(problemsOf('just awscni_ip_max\n').length, 1);
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': 'awscni_ip_max' };
  for (const silent of [
    { kind: 'Pod', metadata: { annotations } },
    { a: 'up' },
    { a: 'xsriov_vf_rx_bytes' },
    { a: 'sriov_vf_rx_bytes_x' },
    { a: 'x:awscni_ip_max' },
  ]) {
    assert.deepEqual(problemsOf(silent), []);
  }
});

test('of a ConfigMap each file is looked at', () => {
  const text = [
    'kind: ConfigMap',
    'metadata:',
    '  name: c',
    '  annotations:',
    "    kubectl.kubernetes.io/last-applied-configuration: 'awscni_ip_max'",
    'data:',
    '  r.yaml: |',
    '    groups: [{name: g, rules: [{alert: A, expr: up}]}]',
    '  run.sh: |',
    '    #!/bin/sh',
    '    curl "$P/query?query=awscni_ip_max"',
  ].join('\n');
  assert.deepEqual(problemsOf(text), [
    [11, 'ConfigMap c: data["run.sh"]: names awscni_ip_max and is nothing that is known here: look at it by hand'],
  ]);
  assert.deepEqual(problemsOf(text.replace('query?query=awscni_ip_max', '')), []);
});

test('where something is read a text may name what it likes', () => {
  const annotations = { description: 'sriov_vf_rx_bytes is gone' };
  assert.deepEqual(problemsOf({ groups: [{ name: 'g', rules: [{ alert: 'A', expr: 'up', annotations }] }] }), []);
});

test('families of predecessors that are not looked for are not told', () => {
  assert.deepEqual(checkFile('f', 'a: awscni_ip_max', []).problems, []);
});
