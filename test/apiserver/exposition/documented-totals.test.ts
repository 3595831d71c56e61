// The query of docs/api.md for a dashboard that has the whole, where a limit keeps pods out of /metrics: promtool evaluates it over what is shown.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PodReport, Workload } from '../../../openapi/node-report.js';
import { createTestServer } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport } from '../../support/reports.js';
import { missing } from '../../support/requirements.js';

const MINUTES = 14;
/** Of a pod with three interfaces: its own, nine of each, and the two networks that one is stacked on. */
const OF_A_POD = 30;

interface Told {
  readonly name: string;
  readonly namespace: string;
  readonly workload?: Workload;
  /** What each of its two interfaces receives, bytes a second; a bond has both again. */
  readonly rate: number;
  /** It is listed until then, minutes. */
  readonly until?: number;
  /** It stands for the machine, and is in no sum. */
  readonly machine?: true;
}

const WEB: Workload = { kind: 'Deployment', name: 'web' };
const DB: Workload = { kind: 'StatefulSet', name: 'db' };

/** In the order of their creation; of `default` the first two are shown that are there. */
const PODS: readonly Told[] = [
  { name: 'web-old', namespace: 'default', workload: WEB, rate: 1_000, until: 4 },
  { name: 'web-0', namespace: 'default', workload: WEB, rate: 100 },
  { name: 'web-1', namespace: 'default', workload: WEB, rate: 20 },
  { name: 'web-2', namespace: 'default', workload: WEB, rate: 3 },
  { name: 'db-0', namespace: 'default', workload: DB, rate: 5 },
  { name: 'alone', namespace: 'default', rate: 7 },
  { name: 'web-0', namespace: 'shop', workload: DB, rate: 11 },
  { name: 'host', namespace: 'node', rate: 13, machine: true },
];

async function documentedQuery(): Promise<string> {
  const documented = await readFile('docs/api.md', 'utf8');
  const [, query] =
    /^## Too many pods for Prometheus\n(?:(?!^## )[^])*?^```promql\n([^]*?)^```/m.exec(documented) ?? [];
  assert.ok(query !== undefined, 'docs/api.md has no query');
  return query;
}

function podAt(minute: number, { name, namespace, workload, rate, machine }: Told, i: number): PodReport {
  const counted = 1e6 * (i + 1) + minute * 60 * rate;
  // No other counter grows as fast.
  const reading = Array.from({ length: 8 }, (_, column) => counted * (column + 1));
  const networks = { eth0: 'default', net1: 'n3' };
  return podReport({
    ...{
      name,
      namespace,
      uid: `${namespace}-${name}`,
      ...(workload !== undefined && { workload }),
      ...(machine && { machine }),
    },
    creationTimestamp: new Date(Date.UTC(2026, 10, 20, 10, i)).toISOString(),
    interfaces: [
      ...Object.entries(networks).map(([one, network]) => interfaceReport({ name: one, network, readings: [reading] })),
      interfaceReport({
        ...{ name: 'bond0', network: 'n9', lowerDevices: Object.keys(networks) },
        readings: [reading.map((value) => 2 * value)],
      }),
    ],
  });
}

/** What Prometheus scrapes minute by minute, as promtool takes it. */
async function scraped(): Promise<{ readonly series: string; readonly values: string }[]> {
  const server = createTestServer({ maxSeries: 2 * OF_A_POD });
  const series = new Map<string, string[]>();
  for (let minute = 0; minute <= MINUTES; minute++) {
    server.clock.advance(60_000);
    const pods = PODS.flatMap((told, i) => (minute <= (told.until ?? MINUTES) ? [podAt(minute, told, i)] : []));
    const { statusCode, body } = await server.push(nodeReport((minute + 1) * 60_000, { intervalMs: 60_000, pods }));
    assert.equal(statusCode, 200, body.message);
    const { text } = await server.get('/metrics');
    for (const line of text.split('\n')) {
      if (!/^podnet_(pod|interface|workload)_/.test(line)) continue;
      const at = line.lastIndexOf(' ');
      const values = series.get(line.slice(0, at)) ?? Array.from({ length: minute }, () => '_');
      series.set(line.slice(0, at), [...values, line.slice(at + 1)]);
    }
    for (const values of series.values()) if (values.length === minute) values.push('stale');
  }
  return [...series].map(([name, values]) => ({ series: name, values: values.join(' ') }));
}

/** By namespace and workload, bytes a second. */
type Rates = readonly (readonly [namespace: string, workload: string, rate: number])[];

async function evaluate(query: string, input: readonly object[], rates: Rates): Promise<void> {
  const expression = {
    expr: `round(${query}, 0.001)`,
    eval_time: `${MINUTES}m`,
    exp_samples: rates.map(([namespace, workload, value]) => ({
      labels: `{namespace="${namespace}"${workload === '' ? '' : `, workload="${workload}"`}}`,
      value,
    })),
  };
  const directory = await mkdtemp(join(tmpdir(), 'podnet-totals-'));
  const file = join(directory, 'test.yml');
  const tests = [{ interval: '1m', input_series: input, promql_expr_test: [expression] }];
  await writeFile(file, JSON.stringify({ evaluation_interval: '1m', tests })); // which is YAML
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
  await rm(directory, { recursive: true });
  assert.equal(status, 0, stdout + stderr);
}

test('the documented query has every pod once, shown or not', { skip: missing('promtool') }, async () => {
  const input = await scraped();
  const shown = input.flatMap(({ series }) => /^podnet_pod_info\{.*pod="([^"]+)"/.exec(series)?.[1] ?? []);
  assert.deepEqual(shown.sort(), ['host', 'web-0', 'web-0', 'web-1', 'web-old'], 'one web-* gave its place to another');
  // For longer than the range of the query the first has been gone, and the third in its place.
  await evaluate(await documentedQuery(), input, [
    ['default', '', 14],
    ['default', 'db', 10],
    ['default', 'web', 246],
    ['shop', 'db', 22],
  ]);
});
