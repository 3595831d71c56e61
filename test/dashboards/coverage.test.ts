import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALERT_GROUPS } from '../../scripts/alerts/rendered.js';
import { dashboards } from '../../scripts/dashboards/rendered.js';
import { knownSeries } from '../../scripts/promql/known-families.js';

/** What no dashboard shows, and why. Whoever adds a family shows it, or says here why not. */
const NOT_SHOWN: readonly (readonly [names: RegExp, why: string])[] = [
  [
    /^podnet_vf_unattributed_/,
    'three of them show that something is nobody’s; the others say the same of other counters',
  ],
  [
    /^podnet_workload_(network_.*_errors|tcp|udp)_/,
    'of pods beyond --max-series: what their workloads do is on other panels',
  ],
  [/^podnet_ipam_cluster_/, 'totals of what is shown by node'],
  [
    /^podnet_ipam_(add|del)_ip_req_|^podnet_ipam_(ec2api_req|reconcile|connmark_\w+|aws_\w+_error)/,
    'the doings of ipamd, not its failures',
  ],
  [
    /^podnet_ipam_(assigned_ip_per_eni|total_ipv4_prefixes|ipamd_\w+|aws_api_latency_\w+)$/,
    'details of a node, for who looks into it',
  ],
  [/^podnet_apiserver_(service_account_keys|ignored_remote|denied_requests_un)/, 'for who looks into authentication'],
  [/^podnet_apiserver_cloudwatch_(published|possible)_/, 'requests and age say it'],
  [/^podnet_nodeagent_/, 'nothing to be seen while all is well; the test below says where each is told of'],
  [/^aggregator_/, 'kube-apiserver’s: an alert'],
];

const isNamed = (name: string, text: string): boolean => new RegExp(`\\b${name}\\b`).test(text);

/** Of a histogram its series, of which one is enough. */
function partsOf(name: string): string[] {
  const [, histogram] = /^(.*)_(?:bucket|count|sum)$/.exec(name) ?? [];
  return histogram === undefined ? [name] : ['bucket', 'count', 'sum'].map((part) => `${histogram}_${part}`);
}

/** Of agents those that no document explains but the list of metrics, and why. */
const NOT_EXPLAINED: Readonly<Record<string, string>> = {
  podnet_nodeagent_build_info: 'the version, for who compares nodes',
};

test('every family is on a dashboard, or it is said why not', async () => {
  const shown = JSON.stringify([...(await dashboards()).values()]);
  const alerts = JSON.stringify(ALERT_GROUPS);
  const used = new Set<RegExp>();
  const forgotten = [...(await knownSeries()).keys()].filter((name) => {
    if (partsOf(name).some((one) => isNamed(one, shown))) return false;
    const [pattern] = NOT_SHOWN.find(([names]) => names.test(name)) ?? [];
    if (pattern !== undefined) used.add(pattern);
    return pattern === undefined && !isNamed(name, alerts);
  });
  assert.deepEqual(forgotten, []);
  assert.deepEqual(
    NOT_SHOWN.flatMap(([names]) => (used.has(names) ? [] : [String(names)])),
    [],
    'these are shown by now',
  );
});

test('what an agent says of itself is told of in a document, an alert or a dashboard', async () => {
  const runbooks = (await readdir('docs/runbooks')).map((file) => join('docs/runbooks', file));
  const documents = await Promise.all(['docs/troubleshooting.md', ...runbooks].map((file) => readFile(file, 'utf8')));
  const text = [...documents, JSON.stringify(ALERT_GROUPS), JSON.stringify([...(await dashboards()).values()])].join();
  const families = [...(await knownSeries()).keys()].filter((name) => name.startsWith('podnet_nodeagent_'));
  const untold = families.filter(
    (name) => ![...partsOf(name), name.replace(/_(?:bucket|count|sum)$/, '')].some((one) => isNamed(one, text)),
  );
  assert.deepEqual(untold, Object.keys(NOT_EXPLAINED));
});
