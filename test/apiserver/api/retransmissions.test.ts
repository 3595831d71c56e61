// The rate of what a pod counts as a whole: whatever pods add up to answers it, and nothing that would be a guess.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podLabel } from '../../../metrics/labels.js';
import type { Status } from '../../../openapi/kubernetes.js';
import type { ExternalMetricValueList } from '../../../openapi/metric-values.js';
import type { PodReport } from '../../../openapi/node-report.js';
import type { Explanation } from '../../../openapi/podnet-api.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { apiPod, createTestCluster } from '../../support/cluster.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from '../../support/reports.js';

const METRIC = 'network_tcp_retransmitted_segments_per_second';
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
const NETWORK = `${CUSTOM}/namespaces/telco/network-attachment-definitions.k8s.cni.cncf.io/sriov`;

/** web-0 and web-1 of a Deployment at 2 and 3 segments a second, host-0 on the network of the node; each with a network of telco. */
async function fixture(change: (name: string) => Partial<PodReport> = () => ({})): Promise<TestServer> {
  const workload = { kind: 'Deployment', name: 'web' };
  const names = ['web-0', 'web-1', 'host-0'];
  const cluster = createTestCluster(
    names.map((name) => apiPod({ name, uid: `uid-${name}`, labels: { app: name.slice(0, -2) }, workload })),
    [{ namespace: 'default', name: 'web', labels: {}, selector: { app: 'web' } }],
  );
  const server = createTestServer({ cluster, podLabels: [podLabel('app')] });
  for (const second of [1, 2, 3]) {
    const pods = [2, 3].map((perSecond, i) =>
      podReport({
        ...{ name: `web-${i}`, uid: `uid-web-${i}` },
        interfaces: [
          interfaceReport({ readings: [readingOf(0)] }),
          interfaceReport({ name: 'net1', network: 'sriov', nadNamespace: 'telco', primary: false, identity: '1/4' }),
        ],
        transport: [transportOf(perSecond * second)],
        ...change(`web-${i}`),
      }),
    );
    const host = podReport({ name: 'host-0', uid: 'uid-host-0', hostNetwork: true, interfaces: [] });
    const { body } = await server.push(nodeReport(second * 1_000, { pods: [...pods, host] }));
    assert.deepEqual(body.rejected, []);
    server.clock.advance(1_000);
  }
  return server;
}

const OBJECTS: readonly (readonly [string, string])[] = [
  ['/namespaces/default/pods/web-1', '3'],
  ['/namespaces/default/services/web', '5'],
  ['/namespaces/default/deployments.apps/web', '5'],
  ['/namespaces/default/metrics', '5'],
  ['/nodes/node-a', '5'],
  ['/namespaces/podnet-system/nodes/node-a', '5'],
];
for (const [path, value] of OBJECTS) {
  test(`${path} retransmits ${value} segments a second`, async () => {
    const { statusCode, body } = await (await fixture()).get(`${CUSTOM}${path}/${METRIC}`);
    assert.equal(statusCode, 200, body.message);
    assert.deepEqual(
      body.items.map((item) => [item.value, item.windowSeconds]),
      [[value, 2]],
    );
  });
}

test('retransmissions of pods are listed, by labels of the pod and over a window', async () => {
  const server = await fixture();
  const listed = async (metricLabelSelector: string) => {
    const { statusCode, body } = await server.get(metricPath('*', METRIC, { metricLabelSelector }));
    assert.equal(statusCode, 200, body.message);
    return body.items.map(({ describedObject, value, windowSeconds }) => [describedObject.name, value, windowSeconds]);
  };
  assert.deepEqual(await listed(''), [
    ['web-0', '2', 2],
    ['web-1', '3', 2],
  ]);
  assert.deepEqual(await listed('pod=web-1,window=1s'), [['web-1', '3', 1]]);
  assert.deepEqual(await listed('node=node-a,namespace=default,label_app=web,pod!=web-1'), [['web-0', '2', 2]]);
  assert.deepEqual(await listed('node=node-b'), []);
});

test('external: retransmissions are one item', async () => {
  const server = await fixture();
  for (const [namespace, selector, value] of [
    ['default', '', '5'],
    ['default', 'pod=web-0,window=1s', '2'],
    ['podnet-system', 'node=node-a', '5'],
  ] as const) {
    const url = `${EXTERNAL}/namespaces/${namespace}/${METRIC}?labelSelector=${encodeURIComponent(selector)}`;
    const { statusCode, body } = await server.get<ExternalMetricValueList>(url);
    assert.equal(statusCode, 200, selector);
    assert.deepEqual(
      body.items.map((item) => item.value),
      [value],
    );
  }
});

test('retransmissions of a network are nobody’s to know', async () => {
  const server = await fixture();
  for (const name of ['sriov', '*']) {
    const { statusCode, body } = await server.get<Status>(`${NETWORK.replace('sriov', name)}/${METRIC}`);
    assert.equal(statusCode, 404);
    assert.match(body.message, /: it is counted of a pod as a whole; served are network_receive_bytes_per_second, /);
    assert.doesNotMatch(body.message.split('served are')[1] ?? '', /retransmitted/);
  }
  assert.equal((await server.get(`${NETWORK}/network_receive_bytes_per_second`)).statusCode, 200);
});

for (const selector of ['network=sriov', 'nad_namespace!=telco', 'interface in (net1)', 'primary', '!network']) {
  test(`retransmissions by ${selector} are a 404 that says why, for every reader`, async () => {
    const server = await fixture();
    const asked = encodeURIComponent(selector);
    for (const path of [
      `${CUSTOM}/namespaces/default/pods/*/${METRIC}?metricLabelSelector=${asked}`,
      `${CUSTOM}/namespaces/default/services/web/${METRIC}?metricLabelSelector=${asked}`,
      `${EXTERNAL}/namespaces/default/${METRIC}?labelSelector=${asked}`,
      `/apis/podnet.dev/v1alpha1/namespaces/default/explain/${METRIC}?metricLabelSelector=${asked}`,
    ]) {
      const { statusCode, body } = await server.get<Status>(path);
      assert.equal(statusCode, 404, path);
      assert.match(body.message, /by \w+: it is counted of a pod as a whole, not of an interface or a network$/);
    }
  });
}

test('a sum of retransmissions is absent where one pod does not tell, and explain names it', async () => {
  const server = await fixture((name) => (name === 'web-1' ? { transport: [null] } : {}));
  const { statusCode, body } = await server.get<Status>(`${CUSTOM}/namespaces/default/services/web/${METRIC}`);
  assert.equal(statusCode, 404);
  assert.match(body.message, /: 1 of 2 pods have samples$/);
  const explained = await server.get<Explanation>(
    `/apis/podnet.dev/v1alpha1/namespaces/default/explain/${METRIC}?metricLabelSelector=window%3D1s`,
  );
  assert.deepEqual(
    explained.body.pods.map(({ name, value, reason, message }) => [name, value ?? reason, message]),
    [
      ['host-0', 'host_network', "it shares the node's network and has no traffic of its own"],
      ['web-0', '2', undefined],
      ['web-1', 'not_counted', 'its agent does not read this counter of it'],
    ],
  );
  const web0 = explained.body.pods[1];
  assert.deepEqual(web0?.interfaces, []);
  assert.deepEqual(web0.samples, [
    { ageSeconds: 2, value: 4 },
    { ageSeconds: 1, value: 6 },
  ]);
});

test('an interface that is left out or not reported costs no retransmission rate', async () => {
  const server = await fixture((name) => (name === 'web-1' ? { interfaces: [] } : {}));
  assert.equal((await server.get(`${CUSTOM}/namespaces/default/services/web/${METRIC}`)).body.items[0]?.value, '5');
});

test('the machine itself is in no sum of retransmissions', async () => {
  const server = createTestServer();
  for (const second of [1, 2]) {
    const machine = podReport({ name: 'host', uid: 'host', machine: true, transport: [transportOf(100 * second)] });
    const pods = [podReport({ transport: [transportOf(second)] }), machine];
    await server.push(nodeReport(second * 1_000, { pods }));
  }
  assert.equal((await server.get(`${CUSTOM}/namespaces/default/metrics/${METRIC}`)).body.items[0]?.value, '1');
  assert.equal((await server.get(metricPath('host', METRIC))).body.items[0]?.value, '100');
});
