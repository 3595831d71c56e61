// IP addresses of nodes on custom.metrics.k8s.io, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IPAM_FIGURES } from '../../../metrics/ipam/figures.js';
import type { MetricValueListV1Beta1 } from '../../../openapi/metric-values.js';
import type { Status } from '../../../openapi/kubernetes.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { createTestCluster, type TestCluster } from '../../support/cluster.js';
import { GAUGES, everythingTold, ipamReport, shrinking } from '../../support/ipam-reports.js';
import { nodeReport } from '../../support/reports.js';

const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
/** Long enough up that there is an hour of history. */
const START_MS = 10_000_000;

type Reported = Parameters<typeof ipamReport>;

/** Each node reports every second: what it tells, by the seconds since the first report. */
async function fixture(
  nodes: Readonly<Record<string, (second: number) => Reported[1]>>,
  { source = {}, seconds = [0, 1, 2, 3, 4] }: { source?: NonNullable<Reported[2]>['source']; seconds?: number[] } = {},
): Promise<{ server: TestServer; cluster: TestCluster }> {
  const cluster = createTestCluster();
  const server = createTestServer({ cluster });
  for (const second of seconds) {
    for (const [node, told] of Object.entries(nodes)) {
      const report = ipamReport(START_MS + second * 1_000, told(second), { node, bootId: `boot-${node}`, source });
      const { statusCode, body } = await server.push(report);
      assert.deepEqual([statusCode, body.rejected], [200, []], JSON.stringify(body));
    }
    server.clock.advance(1_000);
  }
  return { server, cluster };
}

const selected = (selector: string): string =>
  selector === '' ? '' : `?${new URLSearchParams({ metricLabelSelector: selector }).toString()}`;

/** The value, or the code and message of the refusal. */
async function asked(server: TestServer, node: string, metric: string, selector = ''): Promise<string> {
  const { statusCode, body } = await server.get(`${CUSTOM}/nodes/${node}/${metric}${selected(selector)}`);
  if (statusCode !== 200) return `${statusCode} ${body.message}`;
  assert.equal(body.items.length, 1);
  return body.items[0]?.value ?? '';
}

async function listed(server: TestServer, metric: string, query = ''): Promise<string[]> {
  const { statusCode, body } = await server.get(`${CUSTOM}/nodes/*/${metric}${query}`);
  assert.equal(statusCode, 200, body.message);
  return body.items.map(({ describedObject: { name }, value }) => `${name}=${value}`);
}

test('a count is as it is at present: it has a time, and no window', async () => {
  const { server } = await fixture({ 'node-a': () => ({}) });
  const { statusCode, body } = await server.get(`${CUSTOM}/nodes/node-a/ipam_assigned_ip_addresses`);
  assert.equal(statusCode, 200, body.message);
  assert.deepEqual(body.items, [
    {
      describedObject: { kind: 'Node', name: 'node-a', apiVersion: 'v1' },
      metric: { name: 'ipam_assigned_ip_addresses', selector: null },
      timestamp: '2026-11-21T00:00:04Z',
      value: '12',
    },
  ]);
});

test('v1beta1 has no window of a count either, and one of a rate', async () => {
  const { server } = await fixture({ 'node-a': (second) => ({ awscni_add_ip_req_count: 100 + 5 * second }) });
  const of = async (metric: string) => {
    const path = `/apis/custom.metrics.k8s.io/v1beta1/namespaces/podnet-system/nodes/node-a/${metric}`;
    return (await server.get<MetricValueListV1Beta1>(path)).body.items.map(({ describedObject: _, ...one }) => one);
  };
  const same = { timestamp: '2026-11-21T00:00:04Z', selector: null };
  assert.deepEqual(await of('ipam_ip_max'), [{ metricName: 'ipam_ip_max', value: '40', ...same }]);
  assert.deepEqual(await of('ipam_add_ip_req_per_second'), [
    { metricName: 'ipam_add_ip_req_per_second', window: 4, value: '5', ...same },
  ]);
});

test('a counter is the rate at which it grew over the window', async () => {
  const counts = [100, 100, 150, 20, 30];
  const { server } = await fixture({ 'node-a': (second) => ({ awscni_add_ip_req_count: counts[second] ?? 0 }) });
  const metric = 'ipam_add_ip_req_per_second';
  assert.equal(await asked(server, 'node-a', metric, 'window=1s'), '10');
  assert.equal(await asked(server, 'node-a', metric, 'window=2s'), '15', 'a restart counts what came after it');
  assert.equal(await asked(server, 'node-a', metric), '20');
  const { body } = await server.get(`${CUSTOM}/nodes/node-a/${metric}${selected('window=2s')}`);
  assert.equal(body.items[0]?.windowSeconds, 2);
  assert.deepEqual(body.items[0]?.metric.selector, { matchLabels: { window: '2s' } });
});

test('a counter with labels counts the samples of all of them', async () => {
  const { server } = await fixture({
    'node-a': (second) => ({
      awscni_del_ip_req_count: [
        [{ reason: 'PodDeleted' }, 2 * second],
        [{ reason: 'SetupNSFailed' }, second],
      ],
    }),
  });
  assert.equal(await asked(server, 'node-a', 'ipam_del_ip_req_per_second'), '3');
});

test('one reading is no rate, and not 0', async () => {
  const { server } = await fixture({ 'node-a': () => ({ awscni_add_ip_req_count: 7 }) }, { seconds: [0] });
  const said = await asked(server, 'node-a', 'ipam_add_ip_req_per_second');
  assert.match(said, /^404 .* for nodes node-a: its ipamd does not tell it, or was not read twice within the window$/);
});

test('a latency is in seconds, less than a milli included; without calls there is none', async () => {
  const told = (value: number) => ({
    awscni_aws_api_latency_ms: [[{ api: 'A', error: 'false', status: '200', quantile: '0.99' }, value] as const],
  });
  const { server } = await fixture({
    'node-a': () => told(181.25),
    'node-b': () => told(0.0625),
    'node-c': () => ({}),
  });
  const metric = 'ipam_aws_api_latency_seconds';
  assert.deepEqual(await listed(server, metric), ['node-a=181250u', 'node-b=63u']);
  assert.match(await asked(server, 'node-c', metric), /^404 .* node-c: its ipamd tells of no call to AWS$/);
});

test('exhaustion is when the addresses that can be given run out, in seconds', async () => {
  const pools = (perSecond: number) => [{ labels: {}, samples: shrinking(START_MS, 28, perSecond) }];
  const of = async (perSecond: number) => {
    const { server } = await fixture({ 'node-a': () => ({}) }, { source: { pools: pools(perSecond) }, seconds: [0] });
    return asked(server, 'node-a', 'ipam_exhaustion_seconds');
  };
  assert.equal(await of(0.01), '2800');
  assert.match(
    await of(0),
    /^404 .*: its addresses do not become fewer, are not told, or not known for half an hour yet$/,
  );
});

test('every figure answers, of a node that tells everything', async () => {
  const pools = [{ labels: {}, samples: shrinking(START_MS, 28, 0.01) }];
  const { server } = await fixture({ 'node-a': everythingTold, 'node-b': everythingTold }, { source: { pools } });
  for (const { metricName } of IPAM_FIGURES) {
    assert.deepEqual(
      (await listed(server, metricName)).map((one) => one.replace(/=.*/, '')),
      ['node-a', 'node-b'],
      metricName,
    );
  }
});

test('a list has every node that tells, by name, and labels of nodes choose among them', async () => {
  const { server, cluster } = await fixture({
    'node-b': () => ({ awscni_assigned_ip_addresses: 3 }),
    'node-c': () => ({}),
    'node-a': () => ({ awscni_assigned_ip_addresses: 0 }),
  });
  const metric = 'ipam_assigned_ip_addresses';
  assert.deepEqual(await listed(server, metric), ['node-a=0', 'node-b=3', 'node-c=12']);
  cluster.named.set('nodes?pool=big', ['node-c', 'node-b', 'unknown']);
  assert.deepEqual(await listed(server, metric, '?labelSelector=pool%3Dbig'), ['node-b=3', 'node-c=12']);
  assert.deepEqual(await listed(server, metric, '?labelSelector=pool%3Dsmall'), []);
  assert.deepEqual(await listed(server, metric, selected('node=node-b')), ['node-b=3']);
  assert.deepEqual(await listed(server, metric, selected('eni=eni-1')), []);
});

const SELECTORS: readonly (readonly [string, string, RegExp])[] = [
  ['ipam_ip_max', 'node=node-a', /^40$/],
  ['ipam_ip_max', 'node!=node-b', /^40$/],
  ['ipam_ip_max', '!eni', /^40$/],
  ['ipam_ip_max', 'node=node-b', /^404 .* with selector node=node-b: none of its series matches the metric selector$/],
  ['ipam_ip_max', 'eni=eni-1', /^404 .*: none of its series matches/],
  ['ipam_ip_max', 'window=1m', /^400 metricLabelSelector: window: ipam_ip_max is as it is at present, only a rate /],
  ['ipam_free_ip_addresses', 'window', /^400 metricLabelSelector: window: /],
  ['ipam_ip_max', 'quantile=p99', /^400 metricLabelSelector: quantile: only metrics of latency have quantiles$/],
  ['ipam_add_ip_req_per_second', 'window=1', /^400 metricLabelSelector: window: want one duration with its unit/],
  ['ipam_add_ip_req_per_second', 'window=1h', /^400 metricLabelSelector: window: 1h is longer than the history kept/],
  ['ipam_aws_api_latency_seconds', 'quantile=p50', /^400 .*: ipam_aws_api_latency_seconds is the 99th percentile, /],
  ['ipam_ip_max', 'a===b', /^400 metricLabelSelector: unable to parse requirement/],
];
for (const [metric, selector, said] of SELECTORS) {
  test(`${metric} by the selector ${selector}`, async () => {
    const { server } = await fixture({ 'node-a': () => ({}), 'node-b': () => ({}) });
    assert.match(await asked(server, 'node-a', metric, selector), said);
  });
}

const NOTHING_KNOWN =
  /^404 .*: nothing is known at present of the IP addresses that it has: no agent reports for it, or /;

test('of a node that nobody knows, and of one without ipamd, nothing is known', async () => {
  const { server } = await fixture({ 'node-a': () => ({}) });
  await server.push(nodeReport(1_000, { node: 'node-p' }));
  const nothing = { families: [], leftOut: [], pools: [] };
  const ipam = [{ name: 'awscni' as const, intervalMs: 1_000, problem: 'not_found', ...nothing }];
  await server.push(nodeReport(1_000, { node: 'node-q', ipam }));
  for (const node of ['nobody', 'node-p', 'node-q']) {
    assert.match(await asked(server, node, 'ipam_ip_max'), NOTHING_KNOWN, node);
  }
  assert.deepEqual(await listed(server, 'ipam_ip_max'), ['node-a=40']);
});

test('a node that fell silent has no addresses, and not those it had', async () => {
  const { server } = await fixture({ 'node-a': () => ({}) });
  server.clock.advance(60_000);
  assert.match(await asked(server, 'node-a', 'ipam_assigned_ip_addresses'), NOTHING_KNOWN);
  assert.deepEqual(await listed(server, 'ipam_assigned_ip_addresses'), []);
});

test('a family that was left out is not 0, and costs the others nothing', async () => {
  const { server } = await fixture(
    { 'node-a': () => ({}) },
    {
      source: {
        families: [{ name: 'awscni_ip_max', type: 'gauge', samples: [{ labels: {}, value: GAUGES.awscni_ip_max }] }],
        leftOut: ['awscni_assigned_ip_addresses', 'awscni_reconcile_count'],
      },
    },
  );
  assert.equal(await asked(server, 'node-a', 'ipam_ip_max'), '40');
  assert.match(await asked(server, 'node-a', 'ipam_assigned_ip_addresses'), /^404 .*: its ipamd does not tell it$/);
  assert.match(await asked(server, 'node-a', 'ipam_free_ip_addresses'), /^404 .*: its ipamd does not tell how many/);
  assert.match(await asked(server, 'node-a', 'ipam_reconcile_per_second'), /^404 .*: its ipamd does not tell it, or /);
});

test('they are metrics of nodes alone, and an unknown name is told what is served', async () => {
  const { server } = await fixture({ 'node-a': () => ({}) });
  const refused = async (path: string) => {
    const { statusCode, body } = await server.get<Status>(`${CUSTOM}/${path}`);
    assert.equal(statusCode, 404);
    return body.message;
  };
  const ofNodes = /ipam_ip_max .*: it is known of nodes; served are network_receive_bytes_per_second, (?!.*ipam_)/;
  assert.match(await refused('namespaces/podnet-system/pods/*/ipam_ip_max'), ofNodes);
  assert.match(await refused('namespaces/podnet-system/metrics/ipam_ip_max'), ofNodes);
  assert.match(
    await refused('nodes/node-a/ipam_nope'),
    /; served are .*network_dial_latency_seconds, ipam_eni_allocated,/,
  );
});

test('below a namespace they answer where figures of the cluster do', async () => {
  const { server } = await fixture({ 'node-a': () => ({}) });
  const of = (namespace: string) => server.get<Status>(`${CUSTOM}/namespaces/${namespace}/nodes/node-a/ipam_ip_max`);
  assert.equal((await of('podnet-system')).statusCode, 200);
  const { statusCode, body } = await of('shop');
  assert.equal(statusCode, 403);
  assert.match(body.message, /^metrics of nodes are not served here: the namespace shop is none of --cluster-metrics-/);
});
