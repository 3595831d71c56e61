// Figures of what pods add up to, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExternalMetricValueList, MetricValueListV1Beta2 } from '../../../openapi/metric-values.js';
import type { Status } from '../../../openapi/kubernetes.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { apiPod, createTestCluster, type TestCluster } from '../../support/cluster.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const METRIC = 'network_receive_bytes_per_second';
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
const WEB = { kind: 'Deployment', name: 'web' };

/** web-0 and web-1 of a Deployment on node-a, db-0 of another namespace on node-b; each at 100 bytes a second and 1,000 on a network of telco. */
const PODS = [
  { namespace: 'shop', name: 'web-0', node: 'node-a', labels: { app: 'web', tier: 'front' }, workload: WEB },
  { namespace: 'shop', name: 'web-1', node: 'node-a', labels: { app: 'web' }, workload: WEB },
  { namespace: 'data', name: 'db-0', node: 'node-b', labels: { app: 'db' } },
] as const;

async function pushSecond(server: TestServer, second: number, nodes = ['node-a', 'node-b']): Promise<void> {
  for (const node of nodes) {
    const pods = PODS.filter((pod) => pod.node === node).map(({ namespace, name, labels }) =>
      podReport({
        ...{ namespace, name, labels, uid: `uid-${name}` },
        interfaces: [
          interfaceReport({ readings: [readingOf(100 * second)] }),
          interfaceReport({
            ...{ name: 'net1', network: 'sriov', nadNamespace: 'telco', primary: false, identity: '1/4' },
            readings: [readingOf(1_000 * second)],
          }),
        ],
      }),
    );
    const { statusCode, body } = await server.push(nodeReport(second * 1_000, { node, bootId: `boot-${node}`, pods }));
    assert.equal(statusCode, 200, body.message);
  }
}

async function fixture(): Promise<{ server: TestServer; cluster: TestCluster }> {
  const cluster = createTestCluster(
    PODS.map(({ namespace, name, labels, ...rest }) =>
      apiPod({ namespace, name, uid: `uid-${name}`, labels, ...('workload' in rest && { workload: rest.workload }) }),
    ),
    [
      { namespace: 'shop', name: 'front', labels: { team: 'a' }, selector: { app: 'web' } },
      { namespace: 'shop', name: 'bare', labels: {} },
      { namespace: 'shop', name: 'nobody', labels: { team: 'b' }, selector: { app: 'none' } },
    ],
  );
  const server = createTestServer({ cluster });
  for (const second of [10, 11]) {
    await pushSecond(server, second);
    server.clock.advance(1_000);
  }
  return { server, cluster };
}

const OBJECTS: readonly (readonly [string, string, Record<string, string>])[] = [
  [
    `/namespaces/shop/services/front/${METRIC}`,
    '2200',
    { kind: 'Service', namespace: 'shop', name: 'front', apiVersion: 'v1' },
  ],
  [
    `/namespaces/shop/service/front/${METRIC}`,
    '2200',
    { kind: 'Service', namespace: 'shop', name: 'front', apiVersion: 'v1' },
  ],
  [
    `/namespaces/shop/deployments.apps/web/${METRIC}`,
    '2200',
    { kind: 'Deployment', namespace: 'shop', name: 'web', apiVersion: 'apps/v1' },
  ],
  [`/namespaces/shop/metrics/${METRIC}`, '2200', { kind: 'Namespace', name: 'shop', apiVersion: 'v1' }],
  [`/nodes/node-a/${METRIC}`, '2200', { kind: 'Node', name: 'node-a', apiVersion: 'v1' }],
  [`/namespaces/podnet-system/nodes/node-b/${METRIC}`, '1100', { kind: 'Node', name: 'node-b', apiVersion: 'v1' }],
  [
    `/namespaces/telco/network-attachment-definitions.k8s.cni.cncf.io/sriov/${METRIC}`,
    '3k',
    { kind: 'NetworkAttachmentDefinition', namespace: 'telco', name: 'sriov', apiVersion: 'k8s.cni.cncf.io/v1' },
  ],
  [
    `/namespaces/shop/services/front/${METRIC}?metricLabelSelector=primary%3Dtrue`,
    '200',
    { kind: 'Service', namespace: 'shop', name: 'front', apiVersion: 'v1' },
  ],
];

for (const [path, value, describedObject] of OBJECTS) {
  test(`${path} is one item, whole`, async () => {
    const { server } = await fixture();
    const { statusCode, body } = await server.get(CUSTOM + path);
    assert.equal(statusCode, 200, body.message);
    assert.deepEqual(
      body.items.map((item) => [item.value, item.describedObject]),
      [[value, describedObject]],
    );
  });
}

test('a sum is whole or absent, and says how many pods are missing', async () => {
  const { server, cluster } = await fixture();
  cluster.state.pods.push(apiPod({ namespace: 'shop', name: 'web-2', uid: 'uid-web-2', workload: WEB }));
  for (const path of [`services/front`, `deployments.apps/web`]) {
    const { statusCode, body } = await server.get<Status>(`${CUSTOM}/namespaces/shop/${path}/${METRIC}`);
    assert.equal(statusCode, 404);
    assert.match(body.message, /^the server could not find the metric .* for \S+ \w+: 2 of 3 pods have samples$/);
  }
  const { body } = await server.get(`${CUSTOM}/namespaces/shop/pods/*/${METRIC}`);
  assert.deepEqual(
    body.items.map((item) => item.describedObject.name),
    ['web-0', 'web-1'],
  );
});

test('the pods of a silent agent make sums absent, not smaller', async () => {
  const { server } = await fixture();
  for (let second = 12; second < 40; second++) {
    await pushSecond(server, second, ['node-b']);
    server.clock.advance(1_000);
  }
  const message = async (path: string) => (await server.get<Status>(path)).body.message;
  assert.match(await message(`${CUSTOM}/namespaces/shop/services/front/${METRIC}`), /: 0 of 2 pods have samples$/);
  assert.match(await message(`${CUSTOM}/nodes/node-a/${METRIC}`), /: 0 of 2 pods have samples$/);
  assert.match(
    await message(`${EXTERNAL}/namespaces/telco/${METRIC}?labelSelector=network%3Dsriov,nad_namespace%3Dtelco`),
    /: 1 of 3 pods have samples$/,
  );
  assert.equal((await server.get(`${CUSTOM}/nodes/node-b/${METRIC}`)).statusCode, 200);
});

test('a pod that shares the network of its node is no member', async () => {
  const cluster = createTestCluster([apiPod(), apiPod({ name: 'host-0', uid: 'uid-host-0' })]);
  const server = createTestServer({ cluster });
  for (const second of [1, 2]) {
    const web = podReport({ interfaces: [interfaceReport({ readings: [readingOf(second * 10)] })] });
    const host = podReport({ name: 'host-0', uid: 'uid-host-0', hostNetwork: true, interfaces: [] });
    await server.push(nodeReport(second * 1_000, { pods: [web, host] }));
  }
  const { body } = await server.get(`${CUSTOM}/namespaces/default/metrics/${METRIC}`);
  assert.equal(body.items[0]?.value, '10');
});

test('the machine itself answers by name, and is in no sum', async () => {
  const server = createTestServer();
  const external = `${EXTERNAL}/namespaces/default/${METRIC}`;
  const host = (second: number) =>
    podReport({
      ...{ name: 'host', uid: 'uid-host', machine: true },
      interfaces: [interfaceReport({ readings: [readingOf(second * 1_000)] })],
    });
  for (const second of [1, 2]) {
    const web = podReport({ interfaces: [interfaceReport({ readings: [readingOf(second * 10)] })] });
    await server.push(nodeReport(second * 1_000, { pods: [web, host(second)] }));
  }
  for (const path of [`/namespaces/default/metrics/${METRIC}`, `/nodes/node-a/${METRIC}`]) {
    const { body } = await server.get(CUSTOM + path);
    assert.equal(body.items[0]?.value, '10', path);
  }
  assert.equal((await server.get<ExternalMetricValueList>(external)).body.items[0]?.value, '10');
  const { body } = await server.get(`${CUSTOM}/namespaces/default/pods/*/${METRIC}`);
  assert.deepEqual(
    body.items.map((item) => [item.describedObject.name, item.value]),
    [
      ['host', '1k'],
      ['web-0', '10'],
    ],
  );
  assert.match((await server.get('/metrics')).text, /podnet_interface_receive_bytes_total\{.*pod="host"/);
  await server.push(nodeReport(3_000, { pods: [host(3)] }));
  const alone = await server.get<Status>(`${CUSTOM}/namespaces/default/metrics/${METRIC}`);
  assert.equal(alone.statusCode, 404, 'a machine without pods is no sum');
});

const NONE: readonly (readonly [string, RegExp])[] = [
  [`/namespaces/shop/services/bare/${METRIC}`, /: services "bare" selects no pods: it has no selector$/],
  [`/namespaces/shop/services/nobody/${METRIC}`, /: no pod of it has traffic of its own$/],
  [`/namespaces/shop/services/nope/${METRIC}`, /: services "nope" not found$/],
  [`/namespaces/shop/deployments.apps/nope/${METRIC}`, /: no pod of it has traffic of its own$/],
  [
    `/namespaces/shop/ingresses.networking.k8s.io/x/${METRIC}`,
    /; metrics are served for pods, services, deployments.apps, /,
  ],
  [`/namespaces/shop/services/front/nope`, /; served are network_/],
  [`/nodes/node-z/${METRIC}`, /: no pod of it has traffic of its own$/],
  [`/pods/web-0/${METRIC}`, /^the server could not find the metric/],
];

for (const [path, message] of NONE) {
  test(`${path} is a 404 that says why`, async () => {
    const { server } = await fixture();
    const { statusCode, body } = await server.get<Status>(CUSTOM + path);
    assert.equal(statusCode, 404);
    assert.match(body.message, message);
  });
}

test('objects are listed by the labels that the API server knows', async () => {
  const { server, cluster } = await fixture();
  cluster.named.set('shop/deployments?team=a', ['web', 'idle']);
  cluster.named.set('nodes?zone=z1', ['node-b']);
  const names = async (path: string) => {
    const { statusCode, body } = await server.get<MetricValueListV1Beta2>(CUSTOM + path);
    assert.equal(statusCode, 200);
    return body.items.map(({ describedObject, value }) => `${describedObject.name}=${value}`);
  };
  assert.deepEqual(await names(`/namespaces/shop/services/*/${METRIC}`), ['front=2200']);
  assert.deepEqual(await names(`/namespaces/shop/services/*/${METRIC}?labelSelector=team%3Db`), []);
  assert.deepEqual(await names(`/namespaces/shop/deployments.apps/*/${METRIC}`), ['web=2200']);
  assert.deepEqual(await names(`/namespaces/shop/deployments.apps/*/${METRIC}?labelSelector=team%3Da`), ['web=2200']);
  assert.deepEqual(await names(`/nodes/%2A/${METRIC}`), ['node-a=2200', 'node-b=1100']);
  assert.deepEqual(await names(`/nodes/*/${METRIC}?labelSelector=zone%3Dz1`), ['node-b=1100']);
  assert.deepEqual(await names(`/namespaces/telco/network-attachment-definitions.k8s.cni.cncf.io/*/${METRIC}`), [
    'sriov=3k',
  ]);
});

test('figures of the cluster answer in no namespace but those for them', async () => {
  const { server } = await fixture();
  const { statusCode, body } = await server.get<Status>(`${CUSTOM}/namespaces/shop/nodes/node-a/${METRIC}`);
  assert.equal(statusCode, 403);
  assert.match(body.message, /--cluster-metrics-namespaces/);
});

const EXTERNALS: readonly (readonly [string, string, string])[] = [
  ['shop', '', '2200'],
  ['shop', 'primary=true', '200'],
  ['shop', 'pod=web-1', '1100'],
  ['shop', 'network=sriov', '2k'],
  ['telco', 'network=sriov,nad_namespace=telco', '3k'],
  ['podnet-system', '', '3300'],
  ['podnet-system', 'namespace=data', '1100'],
  ['podnet-system', 'node in (node-a),window=30s', '2200'],
];

for (const [namespace, selector, value] of EXTERNALS) {
  test(`external: ${namespace} with "${selector}" is one item`, async () => {
    const { server } = await fixture();
    const query = selector === '' ? '' : `?labelSelector=${encodeURIComponent(selector)}`;
    const { statusCode, body } = await server.get<ExternalMetricValueList>(
      `${EXTERNAL}/namespaces/${namespace}/${METRIC}${query}`,
    );
    assert.equal(statusCode, 200);
    assert.deepEqual(
      body.items.map((item) => [item.metricName, item.value, item.window]),
      [[METRIC, value, 1]],
    );
  });
}

test('external: another namespace is not to be seen, whatever the selector says', async () => {
  const { server } = await fixture();
  for (const selector of ['namespace=data', 'pod=db-0', 'network=sriov,nad_namespace=telco,node=node-b']) {
    const url = `${EXTERNAL}/namespaces/shop/${METRIC}?labelSelector=${encodeURIComponent(selector)}`;
    assert.equal((await server.get(url)).statusCode, 404, selector);
  }
});

test('external: an answer says which labels its series have in common', async () => {
  const { server } = await fixture();
  const { body } = await server.get<ExternalMetricValueList>(
    `${EXTERNAL}/namespaces/shop/${METRIC}?labelSelector=${encodeURIComponent('network=sriov,interface in (net1),node notin (x)')}`,
  );
  assert.deepEqual(body, {
    kind: 'ExternalMetricValueList',
    apiVersion: 'external.metrics.k8s.io/v1beta1',
    metadata: {},
    items: [
      {
        metricName: METRIC,
        metricLabels: { network: 'sriov', interface: 'net1' },
        timestamp: '2026-11-21T00:00:01Z',
        window: 1,
        value: '2k',
      },
    ],
  });
});

test('external: a watch is refused', async () => {
  const { server } = await fixture();
  const { statusCode, body } = await server.get<Status>(`${EXTERNAL}/namespaces/shop/${METRIC}?watch=true`);
  assert.equal(statusCode, 405);
  assert.match(body.message, /^watch is not supported on resources of kind /);
});

test('a pod that the API server does not list is not there', async () => {
  const { server, cluster } = await fixture();
  cluster.state.pods = cluster.state.pods.filter(({ name }) => name !== 'web-1');
  const { body } = await server.get(`${CUSTOM}/namespaces/shop/pods/*/${METRIC}`);
  assert.deepEqual(
    body.items.map((item) => item.describedObject.name),
    ['web-0'],
  );
});

test('a pod recreated elsewhere is not its predecessor', async () => {
  const { server, cluster } = await fixture();
  cluster.state.pods = cluster.state.pods.map((pod) => (pod.name === 'web-1' ? { ...pod, uid: 'uid-new' } : pod));
  assert.equal((await server.get(`${CUSTOM}/namespaces/shop/pods/web-1/${METRIC}`)).statusCode, 404);
});

test('labels mean what the API server says they are', async () => {
  const { server, cluster } = await fixture();
  cluster.state.pods = cluster.state.pods.map((pod) =>
    pod.name === 'web-1' ? { ...pod, labels: { app: 'canary' } } : pod,
  );
  const { body } = await server.get(`${CUSTOM}/namespaces/shop/pods/*/${METRIC}?labelSelector=app%3Dcanary`);
  assert.deepEqual(
    body.items.map((item) => item.describedObject.name),
    ['web-1'],
  );
});

test('without a current list the reports stand alone', async () => {
  const { server, cluster } = await fixture();
  cluster.state.pods = [];
  assert.deepEqual((await server.get(`${CUSTOM}/namespaces/shop/pods/*/${METRIC}`)).body.items, []);
  cluster.state.isCurrent = false;
  assert.equal((await server.get(`${CUSTOM}/namespaces/shop/pods/*/${METRIC}`)).body.items.length, 2);
  assert.match((await server.get('/metrics?namespace=shop')).text, /web-0/);
});
