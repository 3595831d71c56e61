import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../../../../openapi/kubernetes.js';
import type { Explanation } from '../../../../openapi/podnet-api.js';
import { createTestServer, metricPath, type TestServer } from '../../../support/app.js';
import { apiPod, createTestCluster } from '../../../support/cluster.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../../support/reports.js';

const METRIC = 'network_receive_bytes_per_second';
const path = (query = '') => `/apis/podnet.dev/v1alpha1/namespaces/default/explain/${METRIC}${query}`;

/** web-0 is well; web-1 has one sample; web-2 is reported by nobody; host-0 shares the node's network. */
async function fixture(): Promise<TestServer> {
  const names = ['web-0', 'web-1', 'web-2', 'host-0'];
  const cluster = createTestCluster(names.map((name) => apiPod({ name, uid: `uid-${name}` })));
  const server = createTestServer({ cluster });
  for (const second of [1, 2, 3]) {
    const web0 = podReport({
      uid: 'uid-web-0',
      interfaces: [
        interfaceReport({ readings: [readingOf(100 * second)] }),
        interfaceReport({
          ...{ name: 'net1', network: 'n3', nadNamespace: 'telco', primary: false, identity: '1/4' },
          readings: [readingOf(1_000 * second)],
        }),
        interfaceReport({
          ...{ name: 'vlan7', network: '', primary: false, identity: '1/5', lowerDevices: ['net1'] },
          readings: [readingOf(900 * second)],
        }),
      ],
    });
    const web1 = podReport({ name: 'web-1', uid: 'uid-web-1' });
    const host = podReport({ name: 'host-0', uid: 'uid-host-0', hostNetwork: true, interfaces: [] });
    await server.push(nodeReport(second * 1_000, { pods: second === 3 ? [web0, web1, host] : [web0, host] }));
    server.clock.advance(1_000);
  }
  return server;
}

test('every pod considered is explained by the code that answers the HPA', async () => {
  const server = await fixture();
  const { body } = await server.get<Explanation>(path('?labelSelector=app%3Dweb&metricLabelSelector=window%3D1s'));
  assert.deepEqual(
    body.pods.map(({ name, value, reason }) => [name, value ?? reason]),
    [
      ['host-0', 'host_network'],
      ['web-0', '1100'],
      ['web-1', 'too_few_samples'],
      ['web-2', 'no_report'],
    ],
  );
  assert.deepEqual([body.members, body.present, body.total, body.window], [3, 1, undefined, '1s']);
  assert.equal(body.message, '4 pods considered: 1 of 3 pods have samples');
  const asked = await server.get(
    metricPath('*', METRIC, { labelSelector: 'app=web', metricLabelSelector: 'window=1s' }),
  );
  assert.deepEqual(
    asked.body.items.map((item) => [item.describedObject.name, item.value]),
    body.pods.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
  );
});

test('what its agent cannot read is explained by why it cannot, while it says so', async () => {
  const server = createTestServer();
  const { interfaces: _, ...unread } = podReport();
  const explained = async () => (await server.get<Explanation>(path())).body.pods.map(({ reason }) => reason);
  const push = (second: number, pod: object) =>
    server.push(nodeReport(second * 1_000, { pods: [pod as ReturnType<typeof podReport>] }));
  await push(1, { ...unread, skipped: 'too_many_interfaces' });
  const { body } = await server.get<Explanation>(path());
  assert.deepEqual(
    body.pods.map(({ reason, message }) => [reason, message]),
    [['too_many_interfaces', 'it has more than the 256 interfaces that a report takes of one pod: none is reported']],
  );
  await push(2, { ...unread, skipped: 'a_word_of_tomorrow' });
  assert.deepEqual(await explained(), ['not_read']);
  await push(3, podReport());
  assert.deepEqual(await explained(), ['too_few_samples']);
  await push(4, { ...unread, skipped: 'shared_namespace' });
  assert.deepEqual(await explained(), ['shared_namespace']);
  server.clock.advance(60_000); // its agent is silent: nobody knows
  assert.deepEqual(await explained(), ['stale']);
});

test('the samples used and the interfaces counted are shown', async () => {
  const server = await fixture();
  const { body } = await server.get<Explanation>(path());
  const web0 = body.pods.find(({ name }) => name === 'web-0');
  assert.deepEqual(web0?.samples, [
    { ageSeconds: 3, value: 1_100 },
    { ageSeconds: 2, value: 2_200 },
    { ageSeconds: 1, value: 3_300 },
  ]);
  assert.deepEqual(
    web0?.interfaces.map(({ name, matched, counted, value, reason }) => [name, matched, counted, value, reason]),
    [
      ['eth0', true, true, '100', undefined],
      ['net1', true, true, '1k', undefined],
      ['vlan7', true, false, '900', 'stacked_on_a_counted_one'],
    ],
  );
});

test('a selector that matches no interface is named as the reason', async () => {
  const server = await fixture();
  const { body } = await server.get<Explanation>(path('?metricLabelSelector=network%3Dn4'));
  const web0 = body.pods.find(({ name }) => name === 'web-0');
  assert.equal(web0?.reason, 'no_such_series');
  assert.ok(web0.interfaces.every(({ matched, reason }) => !matched && reason === 'not_selected'));
});

test('a labelSelector that matches nothing is said to', async () => {
  const { body } = await (await fixture()).get<Explanation>(path('?labelSelector=app%3Ddb'));
  assert.equal(body.message, 'no pod of the namespace matches the labelSelector');
});

test('bad input to explain is a Status as of the metric itself', async () => {
  const server = await fixture();
  assert.equal((await server.get<Status>(path('?labelSelector=%3D'))).statusCode, 400);
  assert.equal((await server.get<Status>(path('?metricLabelSelector=window%3Dx'))).statusCode, 400);
  const { statusCode, body } = await server.get<Status>('/apis/podnet.dev/v1alpha1/namespaces/default/explain/nope');
  assert.equal(statusCode, 404);
  assert.match(body.message, /served are network_receive_bytes_per_second/);
});
