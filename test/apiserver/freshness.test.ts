// How fresh what is answered is, as the server's own metrics say it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestServer, metricPath, type TestServer } from '../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../support/reports.js';

const METRIC = 'network_receive_bytes_per_second';
const AGE = 'podnet_apiserver_sample_age_seconds';
const LAST = 'podnet_node_last_report_timestamp_seconds';
const EXTERNAL = `/apis/external.metrics.k8s.io/v1beta1/namespaces/default/${METRIC}`;

/** Two samples of two pods, the newer one taken when it is sent. */
async function push(server: TestServer): Promise<void> {
  for (const second of [1, 2]) {
    const pods = ['web-0', 'web-1'].map((name) =>
      podReport({ name, uid: name, interfaces: [interfaceReport({ readings: [readingOf(second * 100)] })] }),
    );
    const { statusCode, body } = await server.push(nodeReport(second * 1_000, { pods }));
    assert.equal(statusCode, 200, body.message);
    server.clock.advance(1_000);
  }
}

async function samplesOf(server: TestServer, name: string, query = ''): Promise<string[]> {
  const { text } = await server.get(`/metrics${query}`);
  return text.split('\n').filter((line) => line.startsWith(name));
}

test('the age of each value that is answered is observed, by API group', async () => {
  const server = createTestServer();
  await push(server);
  server.clock.advance(3_000);
  assert.equal((await server.get(metricPath('*', METRIC))).body.items.length, 2);
  assert.equal((await server.get(metricPath('web-0', METRIC))).body.items.length, 1);
  assert.equal((await server.get(EXTERNAL)).statusCode, 200);
  const found = await samplesOf(server, AGE);
  for (const [group, count] of [
    ['custom.metrics.k8s.io', 3],
    ['external.metrics.k8s.io', 1],
  ] as const) {
    assert.ok(found.includes(`${AGE}_count{group="${group}"} ${count}`), found.join('\n'));
    assert.ok(found.includes(`${AGE}_sum{group="${group}"} ${count * 4}`), found.join('\n'));
    assert.ok(found.includes(`${AGE}_bucket{le="2",group="${group}"} 0`), found.join('\n'));
    assert.ok(found.includes(`${AGE}_bucket{le="5",group="${group}"} ${count}`), found.join('\n'));
  }
});

test('what is not answered has no age', async () => {
  const server = createTestServer();
  await push(server);
  server.clock.advance(60_000);
  assert.equal((await server.get(metricPath('web-0', METRIC))).statusCode, 404);
  assert.deepEqual((await server.get(metricPath('*', METRIC))).body.items, []);
  assert.equal((await server.get(EXTERNAL)).statusCode, 404);
  assert.deepEqual(
    (await samplesOf(server, `${AGE}_count`)).filter((line) => !line.endsWith(' 0')),
    [],
  );
});

test('a silent agent keeps the time of its last report for as long as it is held', async () => {
  const server = createTestServer();
  const lineOf = (node: string, role: string, wallMs: number) =>
    `${LAST}{node="${node}",role="${role}"} ${wallMs / 1_000}`;
  const firstMs = server.clock.wallMs();
  await server.push(nodeReport(1_000));
  server.clock.advance(20_500);
  const secondMs = server.clock.wallMs();
  await server.push(nodeReport(1_000, { node: 'node-b', bootId: 'boot-b', role: 'probe', pods: [] }));
  const expected = [lineOf('node-a', 'node', firstMs), lineOf('node-b', 'probe', secondMs)];
  assert.deepEqual(await samplesOf(server, `${LAST}{`), expected);
  server.clock.advance(100_000);
  await server.push(nodeReport(1_000)); // nothing new in it
  assert.deepEqual(await samplesOf(server, `${LAST}{`), expected);
  assert.deepEqual(await samplesOf(server, `${LAST}{`, '?node=node-b'), expected.slice(1));
  assert.deepEqual(await samplesOf(server, `${LAST}{`, `?family=${LAST}&node=node-a`), expected.slice(0, 1));
  assert.deepEqual(await samplesOf(server, `${LAST}{`, '?namespace=default'), []);
  server.clock.advance(300_000);
  server.store.expire(server.clock.monotonicMs());
  assert.deepEqual(await samplesOf(server, `${LAST}{`), []);
});
