// An interface whose virtual function is not proven to count: nothing is known of it, and that is no zero.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status, Table } from '../../../openapi/kubernetes.js';
import type { Explanation, PodNetwork } from '../../../openapi/podnet-api.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { net1 } from '../../support/device-reports.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const METRIC = 'network_transmit_bytes_per_second';
const ROOT = '/apis/podnet.dev/v1alpha1';

/** web-0, whose net1 counted for two seconds and is unproven since, and web-1, which is well. */
async function fixture(seconds = 3): Promise<TestServer> {
  const server = createTestServer();
  for (let second = 1; second <= seconds; second++) {
    const eth0 = interfaceReport({ readings: [readingOf(100 * second)] });
    const told = second < 3 ? net1(1_000 * second) : net1(0, { unproven: true, readings: [null] });
    const pods = [
      podReport({ interfaces: [eth0, told] }),
      podReport({ name: 'web-1', uid: 'uid-web-1', interfaces: [eth0] }),
    ];
    const { body } = await server.push(nodeReport(second * 1_000, { pods }));
    assert.deepEqual(body.rejected, []);
    server.clock.advance(1_000);
  }
  return server;
}

test('a pod with an interface that is not proven to count has no figure, and says why', async () => {
  const server = await fixture();
  const { statusCode, body } = await server.get<Status>(metricPath('web-0', METRIC));
  assert.equal(statusCode, 404);
  assert.match(body.message, /: its virtual function is not proven to count: the driver gives zeros or nothing$/);
  const { body: list } = await server.get(metricPath('*', METRIC));
  assert.deepEqual(
    list.items.map(({ describedObject, value }) => `${describedObject.name}=${value}`),
    ['web-1=100'],
  );
  const { body: other } = await server.get(metricPath('web-0', METRIC, { metricLabelSelector: 'interface=eth0' }));
  assert.equal(other.items[0]?.value, '100');
});

test('a sum with such a pod is absent', async () => {
  const server = await fixture();
  const url = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/metrics/${METRIC}`;
  assert.match((await server.get<Status>(url)).body.message, /: 1 of 2 pods have samples$/);
});

test('what it counted before is shown no more', async () => {
  const linesOf = async (server: TestServer) =>
    (await server.get('/metrics?family=podnet_interface_transmit_bytes_total')).text;
  assert.match(await linesOf(await fixture(2)), /pod="web-0",interface="net1"/);
  const text = await linesOf(await fixture(3));
  assert.doesNotMatch(text, /interface="net1"/);
  assert.match(text, /pod="web-0",interface="eth0"/);
});

test('its podnetwork and explain have the reason', async () => {
  const server = await fixture();
  const { body } = await server.get<PodNetwork>(`${ROOT}/namespaces/default/podnetworks/web-0.net1`);
  assert.equal(body.rates, undefined);
  assert.deepEqual(body.absent, {
    reason: 'unproven',
    message: 'its virtual function is not proven to count: the driver gives zeros or nothing',
  });
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { body: table } = await server.get<Table>(`${ROOT}/podnetworks?fieldSelector=interface%3Dnet1`, { accept });
  assert.deepEqual(table.rows[0]?.cells.slice(0, 3), ['web-0.net1', 'telco/sriov', '<unproven>']);
  const { body: explained } = await server.get<Explanation>(`${ROOT}/namespaces/default/explain/${METRIC}`);
  assert.deepEqual(
    explained.pods.map(({ name, reason }) => [name, reason]),
    [
      ['web-0', 'unproven'],
      ['web-1', undefined],
    ],
  );
});
