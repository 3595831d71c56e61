// The shipped rules, evaluated by promtool over made-up series: each alert fires when it ought to, and at no other time.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { ALERT_GROUPS } from '../../scripts/alerts/rendered.js';
import { missing } from '../support/requirements.js';
import { growing, handedOver, LASTS, steady, type AlertCase } from './alert-series.js';
import { IPAM_CASES, LATENCY_CASES, POD_CASES } from './node-alert-cases.js';
import { promtool, RULES, testRules, type RuleTest, type Series } from './promtool.js';
import { AGENT_CASES, SERVER_CASES } from './server-alert-cases.js';

const CASES = [...SERVER_CASES, ...AGENT_CASES, ...POD_CASES, ...LATENCY_CASES, ...IPAM_CASES];
const ALERTS = ALERT_GROUPS.flatMap(({ alerts }) => alerts);
/** It alone is about what is not there at all. */
const ABSENT = 'PodnetDown';
/** It fires for what is absent, of what every replica says of itself. */
const UNHANDED = 'PodnetSeriesAbsent';
/** Minutes after which a series that ended is no more. */
const STALE_AFTER = 7;
const SCRAPED: Series = ['podnet_apiserver_build_info{instance="a",version="1"}', `1x${3 * LASTS}`];
const FIRING = 'count by (alertname, severity) (ALERTS{alertstate="firing"})';

const firing = ({ alert, severity }: Pick<AlertCase, 'alert' | 'severity'>): string =>
  `{alertname="${alert}", severity="${severity}"}`;

const minutesOf = (text: string): number => Number.parseInt(text) * (text.endsWith('h') ? 60 : 1);

function ruleOf({ alert, severity }: AlertCase) {
  const found = ALERTS.find((one) => one.name === alert && one.severity === severity);
  assert.ok(found, `no alert ${alert} of severity ${severity}`);
  return found;
}

/** Minutes for which a rule looks back: for so long what counts from 0 has no whole rate. */
const rangeOf = ({ expr }: { readonly expr: string }): number =>
  Math.max(0, ...[...expr.matchAll(/\[(\d+[mh])\]/g)].map(([, length = '']) => minutesOf(length)));

/** Of the others those that the same reason sets off, by name: their own cases count how many. */
const alone = ({ alert, severity, labels }: AlertCase): string =>
  `count(ALERTS{alertstate="firing",alertname="${alert}",severity="${severity}"${labels === '' ? '' : `,${labels}`}})`;

function testsOf(one: AlertCase): RuleTest[] {
  const { alert, severity, also = [], fires, quiet } = one;
  const rule = ruleOf(one);
  const [holds, range] = [minutesOf(rule.for), rangeOf(rule)];
  // no longer than it takes: promtool evaluates every rule in every minute of each
  const lasts = holds + range + 10;
  const lasting = (series: readonly Series[]): Series[] =>
    series.map(([name, values]) => [name, values.replace(/x\d+$/, `x${lasts}`)]);
  const others = `count by (alertname) (ALERTS{alertstate="firing",alertname!~"${[...also, alert].join('|')}"})`;
  const name = `${alert} (${severity})`;
  return [
    {
      name: `${name} fires, and nothing else does`,
      series: [SCRAPED, ...lasting(fires)],
      expected: [
        ...(holds >= 2 ? [{ expr: alone(one), minute: holds - 1, samples: {} }] : []),
        { expr: alone(one), minute: lasts, samples: { '{}': 1 } },
        { expr: others, minute: lasts, samples: {} },
        { expr: FIRING, minute: lasts + range + STALE_AFTER, samples: {} },
      ],
    },
    {
      name: `${name} does not fire just below`,
      series: [SCRAPED, ...lasting(quiet)],
      expected: [Math.ceil(lasts / 2), lasts].map((minute) => ({
        expr: `ALERTS{alertstate="firing",alertname="${alert}",severity="${severity}"}`,
        minute,
        samples: {},
      })),
    },
  ];
}

describe('alerts', { skip: missing('promtool') }, () => {
  test('promtool has nothing to say of the rules', () => {
    const { status, text } = promtool('check', 'rules', RULES);
    assert.equal(status, 0, text);
    assert.match(text, new RegExp(`${ALERTS.length} rules found`));
  });

  test('each fires when it ought to, not before its time, not just below, and not without data', async () => {
    const { status, text } = await testRules(CASES.flatMap(testsOf));
    assert.equal(status, 0, text);
  });

  test('none ends, and none begins anew, when another replica shows the series of the cluster', async () => {
    const handed = CASES.filter((one) => ruleOf(one).expr.includes('last_over_time(') && one.alert !== UNHANDED);
    assert.notEqual(handed.length, 0);
    const tests = handed.map((one): RuleTest => {
      const rule = ruleOf(one);
      const minute = Math.max(6, minutesOf(rule.for) + rangeOf(rule) + 1);
      return {
        name: one.alert,
        interval: '15s',
        series: [SCRAPED, ...one.fires.map((series) => handedOver(series, minute + 5))],
        expected: [minute, minute + 1].map((at) => ({ expr: alone(one), minute: at, samples: { '{}': 1 } })),
      };
    });
    const { status, text } = await testRules(tests);
    assert.equal(status, 0, text);
  });

  test('packets of a VLAN are not added to those below it while both have a rate', async () => {
    const pod = 'node="n1",namespace="shop",pod="web-0"';
    const retransmissions = { alert: 'PodTcpRetransmissions', severity: 'warning' } as const;
    // more than enough: in a gap a rate is too small, and their ratio is not
    const series = [
      growing(`podnet_tcp_retransmitted_segments_total{${pod}}`, 11),
      growing(`podnet_interface_transmit_packets_total{${pod},interface="eth0"}`, 200),
      growing(`podnet_interface_transmit_packets_total{${pod},interface="eth0.7"}`, 200),
      steady(`podnet_interface_stacked_info{${pod},interface="eth0.7",network="default"}`, 1),
    ];
    const { status, text } = await testRules([
      {
        name: 'four minutes without a scrape',
        interval: '15s',
        series: [SCRAPED, ...series.map((one) => handedOver(one, 25, 240))],
        // held for fifteen minutes, those without a scrape among them
        expected: [20, 21, 22].map((minute) => ({ expr: FIRING, minute, samples: { [firing(retransmissions)]: 1 } })),
      },
    ]);
    assert.equal(status, 0, text);
  });

  test('an agent that the server forgets is told of while its node is there', async () => {
    const reported = (role: string, labels = ''): string =>
      `podnet_node_last_report_timestamp_seconds{node="n1",role="${role}"${labels}}`;
    const others = Array.from({ length: 10 }, (_, i) => [reported('probe').replace('n1', `o${i}`), '0+60x80'] as const);
    const prober = { alert: 'PodnetProbeSilent', severity: 'warning' } as const;
    const agent = { alert: 'PodnetAgentSilent', severity: 'warning' } as const;
    const heard = (role: string): Series => [reported(role), '0+60x80'];
    // held for five minutes
    const forgotten = (role: string): Series => [reported(role), '0x5'];
    const quiet = [3, 4, 5, 6, 7, 8, 9, 10, 11].map((minute) => ({ expr: FIRING, minute, samples: {} }));
    const { status, text } = await testRules([
      {
        name: 'prober alone',
        series: [SCRAPED, ...others, forgotten('probe'), heard('node')],
        expected: [
          { expr: FIRING, minute: 3, samples: {} },
          ...[5, 9, 60].map((minute) => ({ expr: FIRING, minute, samples: { [firing(prober)]: 1 } })),
          { expr: FIRING, minute: 75, samples: {} },
        ],
      },
      {
        name: 'prober where there is no other agent',
        series: [SCRAPED, ...others, forgotten('probe')],
        expected: [
          { expr: FIRING, minute: 5, samples: { [firing(prober)]: 1 } },
          { expr: FIRING, minute: 9, samples: {} },
        ],
      },
      {
        name: 'agent of a node without pods',
        series: [SCRAPED, ...others, heard('probe'), forgotten('node')],
        expected: [
          { expr: FIRING, minute: 8, samples: {} },
          ...[11, 60].map((minute) => ({ expr: FIRING, minute, samples: { [firing(agent)]: 1 } })),
          { expr: FIRING, minute: 75, samples: {} },
        ],
      },
      { name: 'node', series: [SCRAPED, ...others, forgotten('probe'), [reported('node'), '0x6']], expected: quiet },
      {
        name: 'scraped with labels of the replica',
        series: [
          SCRAPED,
          ...['node', 'probe'].flatMap((role): Series[] => [
            [reported(role, ',instance="a"'), '0+60x5'],
            [reported(role, ',instance="b"'), '_x6 360+60x70'],
          ]),
        ],
        expected: quiet,
      },
    ]);
    assert.equal(status, 0, text);
  });

  test('agents that both replicas hear are told as many as they are', async () => {
    const { expr } = ruleOf({ alert: 'PodnetSeriesAbsent', severity: 'critical', labels: '', fires: [], quiet: [] });
    const nodes = ['a', 'b'].map((one): Series => [`podnet_apiserver_nodes{instance="${one}",state="fresh"}`, '3x20']);
    const { status, text } = await testRules([
      { name: 'three', series: [SCRAPED, ...nodes], expected: [{ expr, minute: 10, samples: { '{}': 3 } }] },
    ]);
    assert.equal(status, 0, text);
  });

  test('where nothing is scraped the one that says so fires, and no other', async () => {
    const down = { alert: ABSENT, severity: 'critical' } as const;
    const { status, text } = await testRules([
      {
        name: 'nothing',
        series: [],
        expected: [
          { expr: FIRING, minute: 4, samples: {} },
          { expr: FIRING, minute: LASTS, samples: { [firing(down)]: 1 } },
        ],
      },
      { name: 'scraped', series: [SCRAPED], expected: [{ expr: FIRING, minute: LASTS, samples: {} }] },
    ]);
    assert.equal(status, 0, text);
  });

  test('a rule that does not fire as a test says is found out', async () => {
    const [first] = SERVER_CASES;
    assert.ok(first);
    const wrong: RuleTest = {
      name: 'wrong',
      series: [SCRAPED, ...first.quiet],
      expected: [{ expr: alone(first), minute: LASTS, samples: { '{}': 1 } }],
    };
    assert.notEqual((await testRules([wrong])).status, 0);
  });
});

test('every alert has a case, and every case its alert', () => {
  const rules = ALERTS.map(({ name, severity }) => firing({ alert: name, severity }));
  const cases = CASES.map(firing);
  assert.deepEqual([...cases, firing({ alert: ABSENT, severity: 'critical' })].sort(), rules.sort());
});

test('the operator gets the same rules as Prometheus', async () => {
  const [plain, operated] = await Promise.all(
    [RULES, 'manifests/components/prometheus-operator/rules.yaml'].map(
      async (path) => parse(await readFile(path, 'utf8')) as Record<string, unknown>,
    ),
  );
  assert.ok(plain && operated);
  assert.deepEqual(Object.keys(operated), ['apiVersion', 'kind', 'metadata', 'spec']);
  assert.deepEqual(operated['spec'], { groups: plain['groups'] });
  assert.deepEqual([operated['apiVersion'], operated['kind']], ['monitoring.coreos.com/v1', 'PrometheusRule']);
});
