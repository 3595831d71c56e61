import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricValueListV1Beta1 } from '../../../openapi/metric-values.js';
import { podLabel } from '../../../metrics/labels.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const RECEIVE = 'network_receive_bytes_per_second';
const TRANSMIT = 'network_transmit_bytes_per_second';

const eth0 = (value: number) => interfaceReport({ network: 'cbr0', readings: [readingOf(value)] });
const net1 = (value: number) =>
  interfaceReport({
    name: 'net1',
    network: 'n3',
    nadNamespace: 'telco',
    primary: false,
    identity: '4026532177/4',
    readings: [readingOf(value)],
  });

/** Two pods on two networks, sampled twice, a second apart: web-0 at 100 and 1,000 bytes a second, web-1 at 200 and 2,000. */
async function serverWithPods(overrides: Parameters<typeof createTestServer>[0] = {}): Promise<TestServer> {
  const server = createTestServer(overrides);
  for (const second of [10, 11]) {
    const pods = [0, 1].map((i) =>
      podReport({
        name: `web-${i}`,
        uid: `uid-${i}`,
        labels: { app: 'web', 'statefulset.kubernetes.io/pod-name': `web-${i}` },
        interfaces: [eth0(100 * (i + 1) * second), net1(1_000 * (i + 1) * second)],
      }),
    );
    assert.equal((await server.push(nodeReport(second * 1_000, { pods }))).statusCode, 200);
    server.clock.advance(1_000);
  }
  return server;
}

async function values(
  server: TestServer,
  pod: string,
  query: Record<string, string> = {},
  metric = RECEIVE,
): Promise<Record<string, string>> {
  const { statusCode, body } = await server.get(metricPath(pod, metric, query));
  assert.equal(statusCode, 200, body.message);
  return Object.fromEntries(body.items.map(({ describedObject, value }) => [describedObject.name, value]));
}

test('a list is as the HPA reads it, field for field', async () => {
  const server = await serverWithPods();
  const { headers, body } = await server.get(
    metricPath('*', RECEIVE, { metricLabelSelector: 'network=n3,window=30s' }),
  );
  assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  assert.deepEqual(body, {
    kind: 'MetricValueList',
    apiVersion: 'custom.metrics.k8s.io/v1beta2',
    metadata: {},
    items: ['web-0', 'web-1'].map((name, i) => ({
      describedObject: { kind: 'Pod', namespace: 'default', name, apiVersion: 'v1' },
      metric: { name: RECEIVE, selector: { matchLabels: { network: 'n3', window: '30s' } } },
      timestamp: '2026-11-21T00:00:01Z',
      windowSeconds: 1,
      value: ['1k', '2k'][i],
    })),
  });
});

test('v1beta1 has the same in its own fields', async () => {
  const server = await serverWithPods();
  const { body } = await server.get<MetricValueListV1Beta1>(metricPath('web-0', RECEIVE, {}, 'v1beta1'));
  assert.deepEqual(body, {
    kind: 'MetricValueList',
    apiVersion: 'custom.metrics.k8s.io/v1beta1',
    metadata: {},
    items: [
      {
        describedObject: { kind: 'Pod', namespace: 'default', name: 'web-0', apiVersion: 'v1' },
        metricName: RECEIVE,
        timestamp: '2026-11-21T00:00:01Z',
        window: 1,
        value: '1100',
        selector: null,
      },
    ],
  });
});

test('without a metric selector a pod is the sum of its interfaces', async () => {
  const server = await serverWithPods();
  assert.deepEqual(await values(server, '*'), { 'web-0': '1100', 'web-1': '2200' });
  assert.deepEqual(await values(server, '%2A', {}, TRANSMIT), { 'web-0': '1100', 'web-1': '2200' });
  assert.deepEqual(await values(server, 'web-1'), { 'web-1': '2200' });
});

const SELECTORS: readonly (readonly [string, Record<string, string>])[] = [
  ['network=n3', { 'web-0': '1k', 'web-1': '2k' }],
  ['network in (cbr0,n3)', { 'web-0': '1100', 'web-1': '2200' }],
  ['network notin (n3)', { 'web-0': '100', 'web-1': '200' }],
  ['network!=n3', { 'web-0': '100', 'web-1': '200' }],
  ['primary=true', { 'web-0': '100', 'web-1': '200' }],
  ['nad_namespace=telco', { 'web-0': '1k', 'web-1': '2k' }],
  ['nad_namespace=', { 'web-0': '100', 'web-1': '200' }],
  ['interface=net1,node=node-a,namespace=default,pod=web-1', { 'web-1': '2k' }],
  ['network=nope', {}],
  ['colour=red', {}],
  ['!colour,network=n3', { 'web-0': '1k', 'web-1': '2k' }],
];

for (const [metricLabelSelector, expected] of SELECTORS) {
  test(`metricLabelSelector ${metricLabelSelector}`, async () => {
    assert.deepEqual(await values(await serverWithPods(), '*', { metricLabelSelector }), expected);
  });
}

test('labelSelector chooses pods, by any of their labels', async () => {
  const server = await serverWithPods();
  assert.deepEqual(
    await values(server, '*', { labelSelector: 'app=web,statefulset.kubernetes.io/pod-name in (web-1)' }),
    { 'web-1': '2200' },
  );
  assert.deepEqual(await values(server, '*', { labelSelector: 'app=db' }), {});
});

test('a chosen pod label is a label of the series too', async () => {
  const server = await serverWithPods({ podLabels: [podLabel('statefulset.kubernetes.io/pod-name')] });
  assert.deepEqual(
    await values(server, '*', { metricLabelSelector: 'label_statefulset_kubernetes_io_pod_name=web-1' }),
    { 'web-1': '2200' },
  );
});

test('selector values are the aliases of what Kubernetes does not allow', async () => {
  const server = createTestServer();
  for (const second of [1, 2]) {
    const item = interfaceReport({ name: 'eth0:1', readings: [readingOf(second * 10)] });
    await server.push(nodeReport(second * 1_000, { pods: [podReport({ interfaces: [item] })] }));
  }
  assert.deepEqual(await values(server, '*', { metricLabelSelector: 'interface=eth0_1' }), { 'web-0': '10' });
});

test('the window chooses how much of the history counts', async () => {
  const server = createTestServer();
  for (const [second, value] of [
    [0, 0],
    [100, 1_000],
    [110, 2_000],
  ] as const) {
    await server.push(nodeReport(1_000 + second * 1_000, { pods: [podReport({ interfaces: [eth0(value)] })] }));
    server.clock.advance(second === 0 ? 100_000 : 10_000);
  }
  assert.deepEqual(await values(server, '*', { metricLabelSelector: 'window=10s' }), { 'web-0': '100' });
  assert.deepEqual(await values(server, '*'), { 'web-0': '100' });
  assert.deepEqual(await values(server, '*', { metricLabelSelector: 'window in (5m)' }), { 'web-0': '18182m' });
});

const BAD_REQUESTS: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  [
    'labelSelector',
    { labelSelector: 'a===b' },
    /^labelSelector: unable to parse requirement: found '=', expected: identifier$/,
  ],
  [
    'metricLabelSelector',
    { metricLabelSelector: 'network=a/b' },
    /^metricLabelSelector: unable to parse requirement: values\[0\]\[network\]: Invalid value: "a\/b"/,
  ],
  ['a window without a unit', { metricLabelSelector: 'window=30' }, /^metricLabelSelector: window: want one duration/],
  ['two windows', { metricLabelSelector: 'window in (30s,1m)' }, /want one duration/],
  ['a negated window', { metricLabelSelector: 'window!=30s' }, /want one duration/],
  ['a window of nothing', { metricLabelSelector: 'window=0s' }, /want one duration/],
  [
    'a window beyond the history',
    { metricLabelSelector: 'window=10m' },
    /window: 10m is longer than the history kept, 5m$/,
  ],
  ['a quantile of a counter', { metricLabelSelector: 'quantile=0.99' }, /only metrics of latency have quantiles/],
  ['a limit that is no number', { limit: 'abc' }, /^limit: not a number: "abc"$/],
  ['another fieldSelector', { fieldSelector: 'metadata.name=other' }, /^fieldSelector: only metadata\.name=web-0/],
];

for (const [what, query, message] of BAD_REQUESTS) {
  test(`${what} is a 400 with the reason`, async () => {
    const { statusCode, body } = await (await serverWithPods()).get(metricPath('web-0', RECEIVE, query));
    assert.equal(statusCode, 400);
    assert.equal(body.reason, 'BadRequest');
    assert.match(body.message, message);
  });
}

test('an unknown metric is a 404 that names it and those that are served', async () => {
  const { statusCode, body } = await (await serverWithPods()).get(metricPath('*', 'network_receive_bits'));
  assert.equal(statusCode, 404);
  assert.equal(body.reason, 'NotFound');
  assert.match(
    body.message,
    /^the server could not find the metric network_receive_bits for pods; served are network_receive_bytes_per_second, /,
  );
});

test('a pod without a value is a 404 by name and left out of a list', async () => {
  const server = await serverWithPods();
  const { statusCode, body } = await server.get(metricPath('web-0', RECEIVE, { metricLabelSelector: 'network=nope' }));
  assert.equal(statusCode, 404);
  assert.equal(
    body.message,
    `the server could not find the metric ${RECEIVE} for pods web-0 with selector network=nope: none of its series matches the metric selector`,
  );
  assert.equal(
    (await server.get(metricPath('web-7', RECEIVE))).body.message,
    `the server could not find the metric ${RECEIVE} for pods web-7`,
  );
  assert.deepEqual(
    (await server.get('/apis/custom.metrics.k8s.io/v1beta2/namespaces/other/pods/*/' + RECEIVE)).body.items,
    [],
  );
});

test('no answer to a metric request carries Retry-After or a redirect', async () => {
  const server = await serverWithPods();
  for (const path of [
    metricPath('*', RECEIVE),
    metricPath('web-7', RECEIVE),
    metricPath('*', 'x'),
    `${metricPath('*', RECEIVE)}/`,
  ]) {
    const { statusCode, headers } = await server.get(path);
    assert.equal(headers['retry-after'], undefined);
    assert.ok(statusCode === 200 || statusCode === 404, path);
  }
});
