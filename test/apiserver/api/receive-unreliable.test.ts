// An interface that counts less than its pod receives (eBPF host routing): what it received is absent, for a reason of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status, Table } from '../../../openapi/kubernetes.js';
import type { Explanation, PodNetwork } from '../../../openapi/podnet-api.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const RECEIVE = 'network_receive_bytes_per_second';
const TRANSMIT = 'network_transmit_bytes_per_second';
const ROOT = '/apis/podnet.dev/v1alpha1';

const net1 = (second: number) =>
  interfaceReport({
    ...{ name: 'net1', network: 'n3', nadNamespace: 'telco', primary: false, identity: '1/4' },
    readings: [readingOf(1_000 * second)],
  });

/** web-0, whose eth0 is unreliable from its third second on and counts on all the same, and web-1, which is well. */
async function fixture(): Promise<TestServer> {
  const server = createTestServer();
  for (const second of [1, 2, 3]) {
    const eth0 = interfaceReport({ readings: [readingOf(100 * second)] });
    const unreliable = second < 3 ? eth0 : { ...eth0, receiveUnreliable: true };
    const pods = [
      podReport({ interfaces: [unreliable, net1(second)] }),
      podReport({ name: 'web-1', uid: 'uid-web-1', interfaces: [eth0] }),
    ];
    const { body } = await server.push(nodeReport(second * 1_000, { pods }));
    assert.deepEqual(body.rejected, []);
    server.clock.advance(1_000);
  }
  return server;
}

async function valuesOf(server: TestServer, metric: string, metricLabelSelector = ''): Promise<string[]> {
  const { body } = await server.get(metricPath('*', metric, { metricLabelSelector }));
  return body.items.map(({ describedObject, value }) => `${describedObject.name}=${value}`);
}

test('what such a pod receives is absent, what it transmits is not', async () => {
  const server = await fixture();
  assert.deepEqual(await valuesOf(server, RECEIVE), ['web-1=100']);
  assert.deepEqual(await valuesOf(server, TRANSMIT), ['web-0=1100', 'web-1=100']);
  assert.deepEqual(await valuesOf(server, RECEIVE, 'network=n3'), ['web-0=1k']);
  const { statusCode, body } = await server.get<Status>(metricPath('web-0', RECEIVE));
  assert.equal(statusCode, 404);
  assert.match(body.message, /: its interface counts less than the pod receives \(eBPF host routing\)$/);
});

test('a sum with such a pod is absent, not too small', async () => {
  const server = await fixture();
  const ofNamespace = (metric: string) =>
    server.get<Status>(`/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/metrics/${metric}`);
  assert.match((await ofNamespace(RECEIVE)).body.message, /: 1 of 2 pods have samples$/);
  assert.equal((await ofNamespace(TRANSMIT)).statusCode, 200);
});

test('explain names such an interface', async () => {
  const server = await fixture();
  const { body } = await server.get<Explanation>(`${ROOT}/namespaces/default/explain/${RECEIVE}`);
  const [web0] = body.pods;
  assert.deepEqual([web0?.reason, web0?.value], ['receive_unreliable', undefined]);
  assert.deepEqual(
    web0?.interfaces.map(({ name, value, reason }) => [name, value ?? reason]),
    [
      ['eth0', 'receive_unreliable'],
      ['net1', '1k'],
    ],
  );
});

test('its podnetwork has no receive rates, and says why', async () => {
  const server = await fixture();
  const { body } = await server.get<PodNetwork>(`${ROOT}/namespaces/default/podnetworks/web-0.eth0`);
  assert.equal(body.receiveUnreliable, true);
  assert.deepEqual(Object.keys(body.rates ?? {}), [
    ...['transmitBytes', 'transmitPackets', 'transmitErrors', 'transmitPacketsDropped'],
  ]);
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { body: table } = await server.get<Table>(`${ROOT}/podnetworks?fieldSelector=pod%3Dweb-0`, { accept });
  assert.deepEqual(table.rows[0]?.cells.slice(0, 4), ['web-0.eth0', 'default', '<receive_unreliable>', '100 B/s']);
});

test('counts that are known to be too small are not on /metrics', async () => {
  const server = await fixture();
  const linesOf = async (family: string) => (await server.get(`/metrics?family=${family}&namespace=default`)).text;
  assert.doesNotMatch(await linesOf('podnet_interface_receive_bytes_total'), /pod="web-0",interface="eth0"/);
  assert.match(await linesOf('podnet_interface_transmit_bytes_total'), /pod="web-0",interface="eth0"/);
  const flags = await linesOf('podnet_interface_receive_unreliable');
  assert.equal(flags.split('\n').filter((line) => line.startsWith('podnet_')).length, 1);
  assert.match(flags, /pod="web-0",interface="eth0".* 1\n/);
});

test('an interface that is reliable again answers after two samples', async () => {
  const server = await fixture();
  const push = (second: number) => {
    const eth0 = interfaceReport({ readings: [readingOf(100 * second)] });
    return server.push(nodeReport(second * 1_000, { pods: [podReport({ interfaces: [eth0, net1(second)] })] }));
  };
  await push(4);
  await push(5);
  assert.deepEqual(await valuesOf(server, RECEIVE, 'interface=eth0,window=1s'), ['web-0=100']);
});
