// promtool plays an hour of what two nodes print, and evaluates the alerts of net-exporter's users and ours beside them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { Compat } from '../../../metrics/compat/compat.js';
import { renderNode, type NodeView, type ProbesView } from '../../../metrics/node-families.js';
import { dialView, dnsView, nodeWithProbes, ntpView, probeRow, serviceDialView } from '../../support/probe-view.js';
import { missing } from '../../support/requirements.js';

const RULES = resolve('test/fixtures/net-exporter-rules.yml');
const COMPAT = new Compat(['net-exporter']);
const MINUTES = 60;
/** When what a test is about begins. */
const ONSET = 20;

/** Probes a minute at the default intervals of 5 s, 15 s and 60 s. */
const PER_MINUTE = { dial: 12, dns: 4, ntp: 1 };

/** A node whose probes go well until ONSET, and then as told. */
interface Scenario {
  /** Share of the probes that fail. */
  readonly failing?: Partial<typeof PER_MINUTE>;
  readonly dialSeconds?: number;
  /** Times a minute that it could not be learnt what to probe. */
  readonly internalErrors?: number;
}

function probesAt(minute: number, { failing = {}, dialSeconds = 0.000_6, internalErrors = 0 }: Scenario): ProbesView {
  const before = Math.min(minute, ONSET);
  const after = minute - before;
  const split = (kind: keyof typeof PER_MINUTE) => {
    const failed = after * PER_MINUTE[kind] * (failing[kind] ?? 0);
    return { failed, good: after * PER_MINUTE[kind] - failed, usual: before * PER_MINUTE[kind] };
  };
  const [dial, dns, ntp] = [split('dial'), split('dns'), split('ntp')];
  const dialed = probeRow(
    'dial',
    [
      [0.000_6, dial.usual],
      [dialSeconds, dial.good],
    ],
    { timeout: dial.failed },
  );
  const row = probeRow('dns', [[0.002, dns.usual + dns.good]], { timeout: dns.failed });
  const exchanged = probeRow('ntp', [[0.02, ntp.usual + ntp.good]], { timeout: ntp.failed });
  return {
    dials: [dialView({ row: dialed }), serviceDialView()],
    dns: [dnsView({ row }), dnsView({ row, protocol: 'tcp' })],
    ntp: [ntpView({ row: exchanged })],
    internalErrors: { dial: after * internalErrors, dns: after * internalErrors },
  };
}

/** What is printed of a good node and of one with the scenario, minute by minute, as promtool takes it. */
function inputSeries(scenario: Scenario): object[] {
  const series = new Map<string, string[]>();
  for (let minute = 0; minute <= MINUTES; minute++) {
    const views: NodeView[] = [
      nodeWithProbes(probesAt(minute, {}), 'good'),
      nodeWithProbes(probesAt(minute, scenario), 'bad'),
    ];
    const text = views.map((view) => [...renderNode(view), ...COMPAT.render(view)].join('')).join('');
    for (const line of text.trimEnd().split('\n')) {
      const at = line.lastIndexOf(' ');
      const values = series.get(line.slice(0, at)) ?? [];
      series.set(line.slice(0, at), [...values, line.slice(at + 1)]);
    }
  }
  return [...series].map(([name, values]) => ({ series: name, values: values.join(' ') }));
}

interface Wanted {
  /** Alerts that fire at the end. */
  readonly firing: readonly (readonly [alert: string, node: string])[];
  /** Alerts that were not even pending. */
  readonly never?: readonly string[];
  /** Expressions with the one value that they have at the end. */
  readonly values?: Readonly<Record<string, number>>;
}

async function evaluate(input: readonly object[], { firing, never = [], values = {} }: Wanted): Promise<void> {
  const expressions = [
    {
      expr: 'group by (alertname, node) (ALERTS{alertstate="firing"})',
      exp_samples: firing.map(([alert, node]) => ({ labels: `{alertname="${alert}", node="${node}"}`, value: 1 })),
    },
    ...never.map((alert) => ({
      expr: `count_over_time(ALERTS{alertname="${alert}"}[${MINUTES}m])`,
      exp_samples: [],
    })),
    ...Object.entries(values).map(([expr, value]) => ({ expr, exp_samples: [{ labels: '{}', value }] })),
  ].map((expression) => ({ ...expression, eval_time: `${MINUTES}m` }));
  const text = {
    ...{ rule_files: [RULES], evaluation_interval: '1m' },
    tests: [{ interval: '1m', input_series: input, promql_expr_test: expressions }],
  };
  const directory = await mkdtemp(join(tmpdir(), 'podnet-rules-'));
  const file = join(directory, 'test.yml');
  await writeFile(file, JSON.stringify(text)); // which is YAML
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
  await rm(directory, { recursive: true });
  assert.equal(status, 0, stdout + stderr);
}

const BLIND = 'Network95thPercentileLatencyTooHigh';
const NODE_EXPORTER = ['HighNumberOfAllocatedSockets', 'HighNumberOfOrphanedSockets', 'SYNRetransmissionRateTooHigh'];

describe('alerts over the series of net-exporter', { skip: missing('promtool') }, () => {
  test('where all goes well none fires', () => evaluate(inputSeries({}), { firing: [], never: [BLIND] }));

  // Fault of net-exporter: NetworkErrorRateTooHigh stays silent in an outage, for its counter does.
  test('in an outage theirs fire, and so do ours', () =>
    evaluate(inputSeries({ failing: { dial: 1, dns: 1, ntp: 1 }, internalErrors: 3 }), {
      firing: [
        ['DNSCheckErrorRateTooHigh', 'bad'],
        ['DNSErrorRateTooHigh', 'bad'],
        ['DialsFail', 'bad'],
        ['LookupsFail', 'bad'],
        ['NetworkCheckErrorRateTooHigh', 'bad'],
        ['NetworkErrorRateTooHigh', 'bad'],
      ],
      never: [BLIND, ...NODE_EXPORTER],
      values: { 'sum(increase(ntp_sync_error_total{node="bad"}[15m])) > bool 14': 1 },
    }));

  // Fault of net-exporter: its last bucket is 16 ms, and no quantile is higher.
  test('of slow dials ours tells, and theirs cannot', () =>
    evaluate(inputSeries({ dialSeconds: 0.8 }), {
      firing: [['DialsSlow', 'bad']],
      never: [BLIND],
      values: {
        'histogram_quantile(0.95, sum by (le) (irate(network_latency_seconds_bucket{node="bad"}[15m])))': 0.016,
      },
    }));

  test('theirs fire for a few failures, which ours let pass', () =>
    evaluate(inputSeries({ failing: { dial: 0.05, dns: 0.5 } }), {
      firing: [
        ['DNSErrorRateTooHigh', 'bad'],
        ['NetworkErrorRateTooHigh', 'bad'],
      ],
      never: ['LookupsFail', 'DialsFail'],
    }));

  test('those over the series of node-exporter go on with those', () =>
    evaluate(
      [
        { series: 'node_netstat_TcpExt_TCPSynRetrans{node="bad"}', values: `0+240x${MINUTES}` },
        { series: 'node_sockstat_TCP_alloc{node="bad"}', values: `26000x${MINUTES}` },
        { series: 'node_sockstat_TCP_orphan{node="bad"}', values: `15000x${MINUTES}` },
      ],
      { firing: NODE_EXPORTER.map((alert) => [alert, 'bad'] as const) },
    ));
});

test('every alert is evaluated in the documentation, and ours stand there as they were tested', async () => {
  const [rules, documented] = await Promise.all([
    readFile(RULES, 'utf8'),
    readFile('docs/migrate/net-exporter.md', 'utf8'),
  ]);
  for (const [, alert = ''] of rules.matchAll(/- alert: (\w+)/g)) assert.ok(documented.includes(alert), alert);
  const [, block = 'none'] = /<!-- rules: podnet -->\n\n```yaml\ngroups:\n([^]*?)```/.exec(documented) ?? [];
  assert.ok(rules.endsWith(block), block);
});
