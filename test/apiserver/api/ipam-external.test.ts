// IP addresses of all nodes together on external.metrics.k8s.io, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IPAM_FIGURES } from '../../../metrics/ipam/figures.js';
import type { Status } from '../../../openapi/kubernetes.js';
import type { ExternalMetricValueList } from '../../../openapi/metric-values.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { everythingTold, ipamReport, shrinking } from '../../support/ipam-reports.js';

const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1/namespaces';
/** Long enough up that there is an hour of history. */
const START_MS = 10_000_000;

type Reported = Parameters<typeof ipamReport>;

async function push(server: TestServer, node: string, second: number, told: Reported[1], more: Reported[2] = {}) {
  const report = ipamReport(START_MS + second * 1_000, told, { node, bootId: `boot-${node}`, ...more });
  const { statusCode, body } = await server.push(report);
  assert.deepEqual([statusCode, body.rejected], [200, []], JSON.stringify(body));
}

/** Three nodes report every second for five of them. */
async function fixture(told: (second: number, i: number) => Reported[1], more: Reported[2] = {}): Promise<TestServer> {
  const server = createTestServer();
  for (const second of [0, 1, 2, 3, 4]) {
    for (const [i, node] of ['node-a', 'node-b', 'node-c'].entries()) {
      await push(server, node, second, told(second, i), more);
    }
    server.clock.advance(1_000);
  }
  return server;
}

async function asked(server: TestServer, metric: string, selector = '', namespace = 'podnet-system') {
  const query = selector === '' ? '' : `?${new URLSearchParams({ labelSelector: selector }).toString()}`;
  return server.get<ExternalMetricValueList & Pick<Status, 'message'>>(`${EXTERNAL}/${namespace}/${metric}${query}`);
}

/** The value, or the code and message of the refusal. */
async function valueOf(server: TestServer, metric: string, selector = '', namespace = 'podnet-system') {
  const { statusCode, body } = await asked(server, metric, selector, namespace);
  if (statusCode !== 200) return `${statusCode} ${body.message}`;
  assert.equal(body.items.length, 1);
  return body.items[0]?.value ?? '';
}

test('a total is one item, of all nodes, without a window', async () => {
  const server = await fixture((_, i) => ({ awscni_assigned_ip_addresses: 10 + i }));
  const { statusCode, body } = await asked(server, 'ipam_assigned_ip_addresses');
  assert.equal(statusCode, 200, body.message);
  assert.deepEqual(body, {
    kind: 'ExternalMetricValueList',
    apiVersion: 'external.metrics.k8s.io/v1beta1',
    metadata: {},
    items: [
      {
        ...{ metricName: 'ipam_assigned_ip_addresses', metricLabels: {} },
        ...{ timestamp: '2026-11-21T00:00:04Z', value: '33' },
      },
    ],
  });
});

test('a counter is the growth of all nodes per second, over the window', async () => {
  const server = await fixture((second, i) => ({ awscni_add_ip_req_count: 100 * i + second * second }));
  const { body } = await asked(server, 'ipam_add_ip_req_per_second', 'window=2s');
  const [item] = body.items;
  assert.deepEqual([item?.value, item?.window, item?.metricLabels], ['18', 2, { window: '2s' }]);
  assert.equal(await valueOf(server, 'ipam_add_ip_req_per_second'), '12');
});

test('every figure answers, of nodes that tell everything', async () => {
  const server = await fixture(everythingTold, {
    source: { pools: [{ labels: {}, samples: shrinking(START_MS, 28, 0.01) }] },
  });
  for (const { metricName } of IPAM_FIGURES) {
    assert.match(await valueOf(server, metricName), /^\d+[mukM]?$/, metricName);
  }
  assert.equal(await valueOf(server, 'ipam_aws_api_latency_seconds'), '25m', 'the highest, and no sum');
  assert.equal(await valueOf(server, 'ipam_free_ip_addresses'), '84');
});

test('a total is whole or absent: one node that fell silent, and there is none', async () => {
  const server = await fixture(() => ({}));
  assert.equal(await valueOf(server, 'ipam_free_ip_addresses'), '84');
  server.clock.advance(14_000);
  for (const node of ['node-a', 'node-c']) await push(server, node, 19, {});
  server.clock.advance(2_000);
  for (const metric of ['ipam_free_ip_addresses', 'ipam_add_ip_req_per_second', 'ipam_eni_max']) {
    assert.match(
      await valueOf(server, metric),
      /^404 the server could not find the metric ipam_\w+ in the namespace podnet-system: 2 of 3 nodes report their IP addresses$/,
    );
  }
});

test('an ipamd that does not answer its agent leaves no total, and one that is not there is none of it', async () => {
  const server = await fixture(() => ({}));
  const pushProblem = async (node: string, second: number, problem: string) => {
    await push(server, node, second, {}, { source: { takenAt: START_MS + 4_000, problem } });
  };
  for (let second = 5; second < 25; second++) {
    await push(server, 'node-a', second, {});
    await push(server, 'node-b', second, {});
    await pushProblem('node-c', second, 'unreachable');
    server.clock.advance(1_000);
  }
  assert.match(await valueOf(server, 'ipam_ip_max'), /^404 .*: 2 of 3 nodes report their IP addresses$/);
  const nothing = { families: [], leftOut: [], pools: [], problem: 'not_found' };
  const ipam = [{ name: 'awscni' as const, intervalMs: 1_000, ...nothing }];
  await push(server, 'node-d', 25, {}, { ipam });
  await push(server, 'node-c', 25, {});
  assert.equal(await valueOf(server, 'ipam_ip_max'), '120');
});

test('without nodes that report there is no total, and not 0', async () => {
  assert.match(await valueOf(createTestServer(), 'ipam_eni_max'), /^404 .*: no node reports its IP addresses$/);
});

test('a node that does not tell its share leaves no total of it, and of the others', async () => {
  const server = await fixture(() => ({}));
  const families = [{ name: 'awscni_ip_max', type: 'gauge' as const, samples: [{ labels: {}, value: 40 }] }];
  await push(server, 'node-b', 5, {}, { source: { families, leftOut: ['awscni_eni_max'] } });
  assert.equal(await valueOf(server, 'ipam_ip_max'), '120');
  assert.match(await valueOf(server, 'ipam_eni_max'), /^404 .*: not every node tells it$/);
});

test('the time of a total is that of its oldest reading', async () => {
  const server = await fixture(() => ({}));
  for (const node of ['node-a', 'node-b']) await push(server, node, 5, {});
  const { body } = await asked(server, 'ipam_ip_max');
  assert.equal(body.items[0]?.timestamp, '2026-11-21T00:00:04Z');
});

test('totals answer in the namespaces for figures of the cluster alone', async () => {
  const server = await fixture(() => ({}));
  const said = await valueOf(server, 'ipam_ip_max', '', 'shop');
  assert.match(
    said,
    /^403 IP addresses of the cluster are not served here: the namespace shop is none of --cluster-metrics-namespaces$/,
  );
});

const SELECTORS: readonly (readonly [string, string, RegExp])[] = [
  ['ipam_ip_max', '!node', /^120$/],
  ['ipam_ip_max', 'node=node-a', /^404 .* with selector node=node-a: a total of the cluster is one series, without /],
  ['ipam_ip_max', 'colour=red', /^404 .*: a total of the cluster is one series/],
  ['ipam_ip_max', 'window=30s', /^400 labelSelector: window: ipam_ip_max is as it is at present/],
  ['ipam_ip_max', 'quantile=p99', /^400 labelSelector: quantile: only metrics of latency have quantiles$/],
  ['ipam_aws_api_latency_seconds', 'quantile=p99', /^400 labelSelector: quantile: ipam_aws_api_latency_seconds is the/],
  ['ipam_add_ip_req_per_second', 'window=1h', /^400 labelSelector: window: 1h is longer than the history kept/],
];
for (const [metric, selector, said] of SELECTORS) {
  test(`the total ${metric} by the selector ${selector}`, async () => {
    assert.match(await valueOf(await fixture(() => ({})), metric, selector), said);
  });
}

test('an unknown name is told what is served', async () => {
  const said = await valueOf(createTestServer(), 'ipam_nope');
  assert.match(
    said,
    /^404 .* ipam_nope; served are network_receive_bytes_per_second, .*ipam_ip_max,.* ipam_exhaustion_/,
  );
});
