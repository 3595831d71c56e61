import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'yaml';
import { checkFile } from '../../../cli/migrate/check.js';
import type { FileReport } from '../../../cli/migrate/finding.js';

interface Rule {
  readonly seriesQuery: string;
  readonly metricsQuery: string;
  readonly seriesFilters?: readonly Readonly<Record<string, string>>[];
  readonly name?: Readonly<Record<string, string>>;
}

const check = (...rules: readonly Rule[]): FileReport => checkFile('f', JSON.stringify({ rules }));
const podnetOf = (rule: Rule) => check(rule).findings.map(({ podnet }) => podnet);
const notesOf = (rule: Rule) => check(rule).findings.flatMap(({ notes }) => notes);
const hpaNote = (metrics: string) =>
  `an HPA needs no query for it: podnet answers ${metrics} on custom.metrics.k8s.io (docs/migrate/prometheus-adapter.md has the selectors)`;

const RATE = 'sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)';

test('the documented rule becomes the documented one', async () => {
  const page = await readFile('docs/migrate/prometheus-adapter.md', 'utf8');
  const blocks = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);
  const [theirs = '', ours = ''] = blocks;
  const [rule] = (parse(ours) as { rules: Rule[] }).rules;
  assert.ok(rule !== undefined);
  const { findings } = checkFile('f', theirs);
  assert.deepEqual(
    findings.map(({ podnet, status, line }) => [podnet, status, line]),
    [
      [rule.seriesQuery, 'served', 2],
      [rule.metricsQuery.replace(/\s+/g, ' ').replace(/(?<=\() | (?=\))/g, ''), 'served', 5],
    ],
  );
  assert.ok(findings[0]?.wrong.some((text) => text.startsWith('container!="POD" drops the series')));
  assert.ok(findings[1]?.notes.includes(hpaNote('network_receive_bytes_per_second')));
});

test('a matcher that drops the sandbox is told in a template, too', () => {
  const metricsQuery = 'sum(rate(<<.Series>>{<<.LabelMatchers>>,container!="POD"}[2m])) by (<<.GroupBy>>)';
  const [series, query] = check({ seriesQuery: 'container_network_receive_bytes_total', metricsQuery }).findings;
  const tells = (wrong: readonly string[] = []) => wrong.some((text) => text.includes('container!="POD"'));
  assert.deepEqual([tells(series?.wrong), tells(query?.wrong)], [false, true]);
  assert.match(query?.podnet ?? '', /rate\(<<\.Series>>\{<<\.LabelMatchers>>\}\[2m\]\)/);
});

test('what a template joins with an info is looked for among pods', () => {
  const metricsQuery =
    'sum(rate(<<.Series>>[2m]) * on (node, pciAddr) group_left(pod) sriov_kubepoddevice{<<.LabelMatchers>>}) by (<<.GroupBy>>)';
  assert.deepEqual(podnetOf({ seriesQuery: 'sriov_vf_rx_packets{pf!=""}', metricsQuery }), [
    'podnet_vf_receive_packets_total{pf!=""}',
    RATE,
  ]);
  assert.deepEqual(podnetOf({ seriesQuery: 'sriov_vf_rx_packets', metricsQuery: RATE }), [
    '{__name__=~"podnet_vf_(unattributed_)?receive_packets_total"}',
    'sum(rate({__name__=~"podnet_vf_(unattributed_)?receive_packets_total", <<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)',
  ]);
});

test('a rule over addresses is of nodes, and over what is no rate', () => {
  const metricsQuery = 'avg(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)';
  const rule = { seriesQuery: 'awscni_total_ip_addresses', metricsQuery };
  assert.deepEqual(podnetOf(rule), ['podnet_ipam_total_ip_addresses', metricsQuery]);
  assert.ok(notesOf(rule).includes(hpaNote('ipam_total_ip_addresses')));
  const latency = { seriesQuery: 'network_latency_seconds_bucket', metricsQuery: RATE };
  assert.ok(notesOf(latency).includes(hpaNote('network_dial_latency_seconds')));
});

test('a rule of several series is judged by those that its filters leave', () => {
  const seriesQuery = '{__name__=~"^container_network_.*",pod!=""}';
  const all = check({ seriesQuery, metricsQuery: RATE }).findings[1];
  assert.match(all?.podnet ?? '', /rate\(<<\.Series>>/);
  assert.match(all?.notes[0] ?? '', /_bytes_per_second, network_receive_packets_per_second, .*, … on custom/);
  const isNot = [{ isNot: '_total$' }];
  assert.equal(check({ seriesQuery, metricsQuery: RATE, seriesFilters: isNot }).findings[1]?.with.length, 1);
  const one = check({ seriesQuery, metricsQuery: RATE, seriesFilters: [{ is: 'receive_bytes_total$' }] }).findings;
  assert.match(one[0]?.why.join() ?? '', /: it can be one of podnet_interface_receive_bytes_total, …$/);
  assert.equal(one[1]?.notes[0], hpaNote('network_receive_bytes_per_second'));
  assert.deepEqual(check({ seriesQuery, metricsQuery: RATE, seriesFilters: [{ is: 'cpu' }] }).findings, []);
  const mixed = check({
    seriesQuery: '{__name__=~"sriov_vf_rx_bytes|container_network_receive_bytes_total"}',
    metricsQuery: RATE,
  });
  assert.match(mixed.findings[1]?.why.join() ?? '', /of several kinds/);
});

test('a template that names its series is an expression like any other', () => {
  const metricsQuery =
    'sum(rate(container_network_receive_bytes_total{namespace="<<index .LabelValuesByName "namespace">>",interface="net1"}[2m]))';
  const { findings, others } = check({ seriesQuery: 'up', metricsQuery });
  assert.deepEqual(
    findings.map(({ podnet }) => podnet),
    [
      'sum(rate(podnet_interface_receive_bytes_total{namespace="<<index .LabelValuesByName "namespace">>", interface="net1"}[2m]))',
    ],
  );
  assert.equal(others, 1);
  assert.equal(check({ seriesQuery: 'http_requests_total', metricsQuery: RATE }).others, 2);
});

test('a query that does not parse is told where it stands', () => {
  const { findings } = check({ seriesQuery: 'sriov_vf_rx_bytes{', metricsQuery: RATE });
  assert.deepEqual(
    findings.map(({ status, expression }) => [status, expression]),
    [['unreadable', 'sriov_vf_rx_bytes{']],
  );
  const template = check({ seriesQuery: 'sriov_vf_rx_bytes', metricsQuery: '<<if .x>>a<<end>>' });
  assert.deepEqual(
    template.findings.map(({ status }) => status),
    ['served', 'unreadable'],
  );
});

test('rules in the values of a chart are found', () => {
  const rules = { custom: [{ seriesQuery: 'sriov_vf_rx_bytes', metricsQuery: RATE }] };
  const { findings } = checkFile('f', JSON.stringify({ 'prometheus-adapter': { rules } }));
  assert.deepEqual(
    findings.map(({ place }) => place),
    ['prometheus-adapter.rules.custom[0].seriesQuery', 'prometheus-adapter.rules.custom[0].metricsQuery'],
  );
});
