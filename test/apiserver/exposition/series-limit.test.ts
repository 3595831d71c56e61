// What --max-series keeps out of /metrics, through the whole server.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { test } from 'node:test';
import type { PodReport } from '../../../openapi/node-report.js';
import { createTestServer, metricPath } from '../../support/app.js';
import { agent, linesOf, OF_A_POD, pod, podsOf, totalOf } from '../../support/limited-pods.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from '../../support/reports.js';

test('without a limit every pod is shown, and nothing is added up', async () => {
  const server = createTestServer();
  await agent(server)(pod(1, 0), pod(2, 0));
  assert.deepEqual(await podsOf(server), ['web-1', 'web-2']);
  const { text } = await server.get('/metrics');
  assert.deepEqual(linesOf(text, 'podnet_workload_'), []);
  assert.deepEqual(linesOf(text, 'podnet_apiserver_max_series'), ['podnet_apiserver_max_series 0']);
  assert.equal(server.seriesLimit, undefined);
});

test('the oldest pods that fit are shown, in every family or in none', async () => {
  const server = createTestServer({ maxSeries: 2 * OF_A_POD, compat: ['network-metrics-daemon', 'net-exporter'] });
  const report = agent(server);
  const cpus = { exclusiveCpus: [{ container: 'c', containerId: 'd', cpu: 3 }], numaAligned: true };
  await report(pod(3, 0, cpus), pod(2, 0), pod(1, 0));
  assert.deepEqual(await podsOf(server), ['web-1', 'web-2']);
  assert.deepEqual(await podsOf(server, '?namespace=default'), ['web-1', 'web-2']);
  assert.deepEqual(await podsOf(server, '?node=node-a'), ['web-1', 'web-2']);
});

test('one that goes makes room for the next', async () => {
  const server = createTestServer({ maxSeries: 2 * OF_A_POD });
  const report = agent(server);
  await report(pod(1, 0), pod(2, 0), pod(3, 0));
  await report(pod(2, 0), pod(3, 0), pod(4, 0));
  assert.deepEqual(await podsOf(server), ['web-2', 'web-3']);
});

test('each namespace has as much', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  await agent(server)(pod(1, 0), pod(2, 0), pod(3, 0, { namespace: 'shop' }), pod(4, 0, { namespace: 'shop' }));
  assert.deepEqual(await podsOf(server), ['web-1', 'web-3']);
});

test('a pod whose interfaces are not known yet has room for one', async () => {
  const server = createTestServer({ maxSeries: 10 });
  const { interfaces: _, ...unread } = pod(1, 0);
  const { transport: _transport, ...second } = pod(2, 0);
  await agent(server)({ ...unread, transport: undefined } as unknown as PodReport, second);
  assert.deepEqual(await podsOf(server), ['web-1']);
});

test('replicas that heard of the pods in another order show the same', async () => {
  const pods = [5, 2, 4, 1, 3].map((n) => pod(n, 0));
  const shown = await Promise.all(
    [pods, pods.toReversed()].map(async (ordered) => {
      const server = createTestServer({ maxSeries: 3 * OF_A_POD });
      for (const [i, one] of ordered.entries()) await agent(server, `node-${one.name}-${i}`)(one);
      // Each node is looked at anew with its next report.
      server.clock.advance(1_000);
      for (const [i, one] of ordered.entries()) {
        const node = `node-${one.name}-${i}`;
        await server.push(nodeReport(2_000, { node, bootId: node, pods: [one] }));
      }
      return podsOf(server);
    }),
  );
  assert.deepEqual(shown, [
    ['web-1', 'web-2', 'web-3'],
    ['web-1', 'web-2', 'web-3'],
  ]);
});

test('what the others count is added up by what it grew', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  await report(pod(1, 1_000), pod(2, 2_000), pod(3, 3_000));
  assert.equal(await totalOf(server), '0');
  await report(pod(1, 1_500), pod(2, 2_010), pod(3, 3_001));
  assert.equal(await totalOf(server), '11');
  assert.equal(await totalOf(server, 'podnet_workload_udp_receive_errors_total'), '11');
});

test('a total does not step back when its pods end, move or count anew', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  await report(pod(1, 0), pod(2, 100), pod(3, 100));
  await report(pod(1, 0), pod(2, 150), pod(3, 150));
  assert.equal(await totalOf(server), '100');
  const anew = [interfaceReport({ identity: '9/9', readings: [readingOf(7)] })];
  await report(pod(1, 0), pod(2, 150, { interfaces: anew, transport: [transportOf(7)] }));
  assert.equal(await totalOf(server), '107');
  assert.equal(await totalOf(server, 'podnet_workload_tcp_outgoing_resets_total'), '100');
  await report(pod(1, 0));
  assert.equal(await totalOf(server), '107');
  await agent(server, 'node-b')(pod(4, 5_000));
  assert.equal(await totalOf(server), '107');
});

test('a pod that gets a place is added up until then, and not after', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  await report(pod(1, 0), pod(2, 100));
  await report(pod(1, 0), pod(2, 110));
  await report(pod(2, 120));
  assert.equal(await totalOf(server), '20');
  const { text } = await server.get('/metrics');
  assert.match(linesOf(text, 'podnet_interface_receive_bytes_total').join(), /pod="web-2".* 120$/);
  await report(pod(2, 130));
  assert.equal(await totalOf(server), '20');
});

test('a total is absent while all of its pods are silent', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  await report(pod(1, 0), pod(2, 0));
  server.clock.advance(16_000);
  assert.equal(await totalOf(server), '');
});

test('a total whose pods have ended is kept for an hour', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  await report(pod(1, 0), pod(2, 0));
  await report(pod(1, 0), pod(2, 5));
  await report(pod(1, 0));
  server.clock.advance(3_600_000);
  server.seriesLimit?.expire(server.clock.monotonicMs());
  assert.equal(await totalOf(server), '5');
  server.clock.advance(1);
  server.seriesLimit?.expire(server.clock.monotonicMs());
  assert.equal(await totalOf(server), '');
});

test('a server that was started again counts nothing of what was before', async () => {
  const samples = [1, 2, 3].map((sequence) => ({ sequence, takenAt: sequence * 1_000 }));
  const resent = [interfaceReport({ readings: [readingOf(100), readingOf(200), readingOf(300)] })];
  const { transport: _, ...second } = pod(2, 0, { interfaces: resent });
  const server = createTestServer({ maxSeries: 10 });
  const first = pod(1, 0, { interfaces: [interfaceReport({ readings: [null, null, readingOf(0)] })] });
  delete first.transport;
  await server.push(nodeReport(3_000, { samples, sequence: 3, pods: [first, second] }));
  assert.equal(await totalOf(server), '0');
});

test('whoever begins to be scraped begins with nothing', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  await report(pod(1, 0), pod(2, 0));
  await report(pod(1, 0), pod(2, 50));
  server.seriesLimit?.rebase();
  assert.equal(await totalOf(server), '0');
  await report(pod(1, 0), pod(2, 57));
  assert.equal(await totalOf(server), '7');
});

test('what a node grows by that has not reported since another server was scraped may have been shown by that one', async () => {
  const server = createTestServer({ maxSeries: 1 });
  const [early, late] = [agent(server, 'node-a'), agent(server, 'node-b')];
  const [ofEarly, ofLate] = [(value: number) => early(pod(1, value)), (value: number) => late(pod(2, value))];
  for (const value of [0, 100]) {
    await ofLate(value);
    await ofEarly(value);
  }
  server.seriesLimit?.rebase(server.clock.monotonicMs());
  await ofEarly(105);
  await ofLate(200);
  assert.equal(await totalOf(server), '5');
  assert.equal(await totalOf(server, 'podnet_workload_udp_receive_errors_total'), '5');
  await ofLate(201);
  assert.equal(await totalOf(server), '6');
  assert.equal(await totalOf(server, 'podnet_workload_udp_receive_errors_total'), '6');
});

test('who looks at a namespace alone changes nothing of what everybody is shown', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const [first, second] = [agent(server, 'node-a'), agent(server, 'node-b')];
  const valueOf = async () => {
    const { text } = await server.get('/metrics');
    const [own = 'none'] = linesOf(text, 'podnet_interface_receive_bytes_total{node="node-b"');
    return [own.slice(own.lastIndexOf(' ') + 1), await totalOf(server)];
  };
  await first(pod(1, 0));
  await second(pod(2, 100));
  await second(pod(2, 110));
  await first(); // there is room now, which is seen with the next report of the other node
  assert.deepEqual(await podsOf(server, '?namespace=default'), []);
  assert.deepEqual(await valueOf(), ['none', '10']);
  await second(pod(2, 120));
  assert.deepEqual(await valueOf(), ['120', '20']);
  assert.deepEqual(await podsOf(server, '?namespace=default'), ['web-2']);
});

test("a step of the node's clock is no growth, and what comes after it is", async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const push = async (atMs: number, sequence: number, value: number) => {
    server.clock.advance(1_000);
    await server.push(nodeReport(atMs, { sequence, pods: [pod(1, 0), pod(2, value)] }));
  };
  await push(100_000, 1, 10);
  await push(101_000, 2, 20);
  await push(50_000, 3, 30);
  assert.equal(await totalOf(server), '10');
  await push(51_000, 4, 40);
  assert.equal(await totalOf(server), '20');
});

test('the server tells how many pods it left out, and logs when it begins and ends', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  const report = agent(server);
  await report(pod(1, 0), pod(2, 0), pod(3, 0));
  const { text } = await server.get('/metrics');
  assert.deepEqual(linesOf(text, 'podnet_apiserver_pods_beyond'), [
    'podnet_apiserver_pods_beyond_max_series{namespace="default"} 2',
  ]);
  assert.deepEqual(linesOf(text, 'podnet_apiserver_max_series'), [`podnet_apiserver_max_series ${OF_A_POD}`]);
  await report(pod(1, 0));
  assert.deepEqual(linesOf((await server.get('/metrics')).text, 'podnet_apiserver_pods_beyond'), []);
  const logged = server.logged.filter((line) => line.includes('/metrics')).join('');
  assert.match(logged, /pods are left out[^]*every pod is on \/metrics again/);
});

test('what the HPA and people read is the same with a limit', async () => {
  const servers = [createTestServer(), createTestServer({ maxSeries: 1 })];
  const [without, withLimit] = await Promise.all(
    servers.map(async (server) => {
      const report = agent(server);
      for (const value of [0, 100, 300]) await report(pod(1, value), pod(2, 2 * value));
      const pods = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/network_receive_bytes_per_second';
      const external = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/network_receive_bytes_per_second';
      const own = '/apis/podnet.dev/v1alpha1/namespaces/default/podnetworks';
      const urls = [pods, external, own, metricPath('web-2', 'network_tcp_retransmitted_segments_per_second')];
      return Promise.all(urls.map(async (url) => (await server.get(url)).text));
    }),
  );
  assert.deepEqual(withLimit, without);
  assert.ok(without?.every((text) => text.includes('web') || text.includes('value')));
});

test('ten thousand workloads in a namespace have no more totals than there is room for', async () => {
  const server = createTestServer({ maxSeries: 1 });
  const many = (node: string, value: number) =>
    Array.from({ length: 1_000 }, (_, i) => {
      const uid = `${node}-${i}`;
      const workload = { kind: 'Deployment', name: uid };
      const nadNamespace = 'telco';
      const identity = `${i}/1`;
      const interfaces = [interfaceReport({ network: uid, nadNamespace, identity, readings: [readingOf(value)] })];
      return podReport({ name: uid, uid, workload, interfaces });
    });
  const agents = Array.from({ length: 10 }, (_, i) => [`node-${i}`, agent(server, `node-${i}`)] as const);
  for (const [node, report] of agents) await report(...many(node, 0));
  for (const [node, report] of agents) await report(...many(node, 3));
  const values = (await totalOf(server)).split(',');
  assert.equal(values.length, 2 * 64 + 1);
  assert.equal(
    values.reduce((sum, value) => sum + Number(value), 0),
    3 * 10_000,
  );
  assert.deepEqual(await podsOf(server), []);
  for (const [, report] of agents) await report();
  server.clock.advance(3_600_001);
  server.seriesLimit?.expire(server.clock.monotonicMs());
  assert.equal(await totalOf(server), '');
  assert.deepEqual([...(server.seriesLimit?.limited() ?? [])], []);
});

test('a node that booted again, or is held no more, takes no place', async () => {
  const server = createTestServer({ maxSeries: OF_A_POD });
  await agent(server, 'node-a')(pod(1, 0));
  const report = agent(server, 'node-b');
  await report(pod(2, 0));
  assert.deepEqual(await podsOf(server), ['web-1']);
  server.clock.advance(60_000);
  await server.push(nodeReport(1_000, { node: 'node-a', bootId: 'next', pods: [] }));
  await report(pod(2, 0));
  assert.deepEqual(await podsOf(server), ['web-2']);
  server.clock.advance(301_000);
  server.store.expire(server.clock.monotonicMs());
  server.seriesLimit?.expire(server.clock.monotonicMs());
  await agent(server, 'node-c')(pod(3, 0));
  assert.deepEqual(await podsOf(server), ['web-3']);
});

for (const [format, accept] of [
  ['text', 'text/plain'],
  ['openmetrics', 'application/openmetrics-text; version=1.0.0'],
] as const) {
  test(`the totals as ${format} are the golden ones`, async () => {
    const server = createTestServer({ maxSeries: OF_A_POD });
    const report = agent(server);
    const net1 = (value: number) =>
      interfaceReport({
        ...{ name: 'net1', network: 'n3', nadNamespace: 'telco', primary: false, identity: '8/4' },
        readings: [[value, value, null, null, value, value, 0, 0]],
      });
    const bare = (value: number) => {
      const { workload: _, ...rest } = pod(3, value);
      return rest;
    };
    const both = (value: number) =>
      pod(2, value, { interfaces: [interfaceReport({ readings: [readingOf(value)] }), net1(value)] });
    await report(pod(1, 0), both(100), bare(7));
    await report(pod(1, 50), both(300), bare(8));
    const { text } = await server.get('/metrics', { accept });
    const totals = text.split('\n').filter((line) => /^(# [A-Z]+ )?podnet_workload_/.test(line));
    const golden = `test/golden/series-limit.${format}.txt`;
    const said = `${totals.join('\n')}\n`;
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, said);
    assert.equal(said, await readFile(golden, 'utf8'));
  });
}
