// What is held of the transport counters of a pod, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeReport, PodReport } from '../../../openapi/node-report.js';
import { TRANSPORT_COUNTERS } from '../../../openapi/report-terms.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { pushAll } from '../../support/one-pod.js';
import { interfaceReport, nodeReport, podReport, transportOf } from '../../support/reports.js';

const METRIC = 'network_tcp_retransmitted_segments_per_second';

/** A report of one pod whose transport counters stand so by that second. */
function report(second: number, transport: PodReport['transport'], overrides: Partial<NodeReport> = {}): NodeReport {
  const pods = [podReport(transport === undefined ? {} : { transport })];
  return nodeReport(second * 1_000, { pods, ...overrides });
}

const at = (second: number, value: number, overrides: Partial<NodeReport> = {}) =>
  report(second, [transportOf(value)], overrides);

/** The value of the pod, or the words for its absence. */
async function rateOf(server: TestServer, metricLabelSelector = ''): Promise<string> {
  const query = metricLabelSelector === '' ? {} : { metricLabelSelector };
  const { statusCode, body } = await server.get(metricPath('web-0', METRIC, query));
  return statusCode === 200 ? (body.items[0]?.value ?? '') : (body.message.split(': ').at(-1) ?? '');
}

async function linesOf(server: TestServer, family: string): Promise<string[]> {
  const { text } = await server.get(`/metrics?family=${family}`);
  return text.split('\n').filter((line) => line.startsWith(family));
}

const seriesOf = (server: TestServer) => [...(server.store.nodes()[0]?.pods.values() ?? [])][0]?.transport;

test('two readings are a rate of retransmissions, one is none', async () => {
  const server = createTestServer();
  await pushAll(server, at(1, 100));
  assert.equal(await rateOf(server), 'a rate needs two samples within the history');
  await pushAll(server, at(2, 107));
  assert.equal(await rateOf(server), '7');
});

test('a decrease of a transport counter contributes nothing and its time is cut out', async () => {
  const server = createTestServer();
  await pushAll(server, at(1, 1_000), at(2, 1_010), at(3, 4), at(4, 14));
  assert.equal(await rateOf(server), '10');
});

test('the window chooses how much of the transport history counts', async () => {
  const server = createTestServer();
  await pushAll(server, at(1, 0), at(2, 100), at(3, 100), at(4, 103));
  assert.equal(await rateOf(server, 'window=1s'), '3');
  assert.equal(await rateOf(server, 'window=2s'), '1500m');
  assert.equal(await rateOf(server), `${Math.ceil(103_000 / 3)}m`);
});

test('samples of one report go to their times, and a missing one is no zero', async () => {
  const server = createTestServer();
  const samples = [1, 2, 3].map((second) => ({ sequence: second, takenAt: second * 1_000 }));
  await pushAll(server, report(3, [transportOf(10), null, transportOf(30)], { sequence: 3, samples }));
  assert.equal(await rateOf(server), '10');
  assert.match((await linesOf(server, 'podnet_tcp_listen_drops_total')).join(), / 34$/);
});

test('a history that is sent again is counted once', async () => {
  const server = createTestServer();
  const samples = [1, 2, 3].map((second) => ({ sequence: second, takenAt: second * 1_000 }));
  const whole = report(3, [transportOf(0), transportOf(5), transportOf(20)], { sequence: 3, samples });
  await pushAll(server, at(1, 0), at(2, 5), whole);
  assert.equal(await rateOf(server), '10');
});

test('an old sample that comes late does not replace the newest reading', async () => {
  const server = createTestServer();
  await pushAll(server, at(1, 0), at(2, 200));
  const samples = [1, 3].map((second) => ({ sequence: second, takenAt: second * 1_000 }));
  await pushAll(server, report(3, [transportOf(7), null], { sequence: 3, samples }));
  assert.match((await linesOf(server, 'podnet_tcp_outgoing_resets_total')).join(), / 201$/);
});

test('a counter that is null is not counted, and the others are', async () => {
  const server = createTestServer();
  const without = (value: number) => [[null, ...transportOf(value).slice(1)]];
  await pushAll(server, report(1, without(1)), report(2, without(2)));
  assert.equal(await rateOf(server), 'its agent does not read this counter of it');
  assert.deepEqual(await linesOf(server, 'podnet_tcp_retransmitted_segments_total'), []);
  assert.match((await linesOf(server, 'podnet_conntrack_entries')).join(), / 13$/);
});

test('an agent that reads no transport counters leaves them absent, at no cost', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, undefined), report(2, [null]));
  assert.equal(await rateOf(server), 'its agent does not read this counter of it');
  assert.equal(seriesOf(server), undefined);
  assert.deepEqual(await linesOf(server, 'podnet_sockets'), []);
});

test('a pod whose transport counters are read no more goes stale, and frees them in the end', async () => {
  const server = createTestServer({ historyMs: 20_000, windowMs: 10_000 });
  await pushAll(server, at(1, 0), at(2, 100));
  const later = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => report(from + i, undefined));
  await pushAll(server, ...later(3, 16));
  assert.equal(await rateOf(server), '100');
  assert.equal((await linesOf(server, 'podnet_sockets')).length, 2);
  await pushAll(server, ...later(16, 20));
  assert.match(await rateOf(server), /cannot read it$/);
  assert.deepEqual(await linesOf(server, 'podnet_sockets'), []);
  await pushAll(server, ...later(20, 80));
  assert.equal(seriesOf(server), undefined);
});

/** The sum of the namespace, or the words for its absence. */
async function sumOf(server: TestServer): Promise<string> {
  const { statusCode, body } = await server.get(
    `/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/metrics/${METRIC}`,
  );
  return statusCode === 200 ? (body.items[0]?.value ?? '') : (body.message.split(': ').at(-1) ?? '');
}

test('a pod that has ended neither counts nor is waited for', async () => {
  const server = createTestServer();
  const withJob = (second: number, job: Partial<PodReport>) =>
    nodeReport(second * 1_000, {
      pods: [
        podReport({ transport: [transportOf(second)] }),
        podReport({ name: 'job', uid: 'job', transport: [transportOf(5 * second)], ...job }),
      ],
    });
  await pushAll(server, withJob(1, {}), withJob(2, {}));
  assert.equal(await sumOf(server), '6');
  const { transport: _, ...ended } = podReport({ name: 'job', uid: 'job', interfaces: [] });
  for (let second = 3; second <= 40; second++) {
    const pods = [podReport({ transport: [transportOf(second)] }), ended];
    await pushAll(server, nodeReport(second * 1_000, { pods }));
    assert.equal(await sumOf(server), '1', `second ${second}`);
    assert.doesNotMatch((await linesOf(server, 'podnet_sockets')).join(), /job/);
  }
});

test('a new server does not take the past of an ended pod for its present', async () => {
  const server = createTestServer();
  const samples = [1, 2, 3].map((second) => ({ sequence: second, takenAt: second * 1_000 }));
  const readings = [null, null, null];
  const running = podReport({ interfaces: [interfaceReport({ readings })], transport: [1, 2, 3].map(transportOf) });
  const ended = podReport({
    ...{ name: 'job', uid: 'job', interfaces: [] },
    transport: [transportOf(10), transportOf(20), null],
  });
  await pushAll(server, nodeReport(3_000, { sequence: 3, samples, pods: [running, ended] }));
  assert.equal(await sumOf(server), '1');
  assert.doesNotMatch((await linesOf(server, 'podnet_sockets')).join(), /job/);
});

test('a pod with loopback alone is not waited for', async () => {
  const server = createTestServer();
  const pods = (second: number, own: PodReport['transport']) => [
    podReport({ transport: [transportOf(second)] }),
    podReport({ name: 'lone', uid: 'lone', interfaces: [], ...(own && { transport: own }) }),
  ];
  for (let second = 1; second <= 6; second++) {
    // Every other sample is of other pods alone.
    const own = second % 2 === 0 ? undefined : [transportOf(0)];
    await pushAll(server, nodeReport(second * 1_000, { pods: pods(second, own) }));
    if (second > 1) assert.equal(await sumOf(server), '1', `second ${second}`);
  }
});

test('a sample of other pods alone leaves a pod with loopback alone its history', async () => {
  const server = createTestServer();
  const loneAt = (milliseconds: number, own: PodReport['transport'], pods: readonly PodReport[] = []) =>
    nodeReport(milliseconds, {
      sequence: milliseconds,
      samples: [{ sequence: milliseconds, takenAt: milliseconds }],
      pods: [podReport({ interfaces: [], ...(own && { transport: own }) }), ...pods],
    });
  await pushAll(server, loneAt(1_000, [transportOf(0)]), loneAt(2_000, [transportOf(100)]));
  const ending = podReport({ name: 'job', uid: 'job', transport: [transportOf(1)] });
  for (const milliseconds of [2_300, 2_999]) {
    await pushAll(server, loneAt(milliseconds, undefined, [ending]));
    assert.equal(await rateOf(server), '100', `${milliseconds} ms`);
    assert.match((await linesOf(server, 'podnet_sockets')).join(), /web-0/);
  }
  await pushAll(server, loneAt(3_000, [transportOf(300)]));
  assert.equal(await rateOf(server), '150');
  await pushAll(server, loneAt(4_000, undefined));
  assert.equal(seriesOf(server), undefined, 'a whole sample was due');
});

test("a step of the node's clock forgets the transport history too", async () => {
  const server = createTestServer();
  await pushAll(server, at(1_000, 0), at(1_001, 100));
  await pushAll(server, at(1, 5_000, { sequence: 1_002, samples: [{ sequence: 1_002, takenAt: 1_000 }] }));
  assert.equal(await rateOf(server), 'a rate needs two samples within the history');
});

test('a pod recreated under its name has none of the transport history', async () => {
  const server = createTestServer();
  const anew = (second: number, value: number) =>
    nodeReport(second * 1_000, {
      pods: [podReport({ uid: 'anew', creationTimestamp: '2026-11-20T11:00:00Z', transport: [transportOf(value)] })],
    });
  await pushAll(server, at(1, 0), at(2, 100), anew(3, 1_000));
  assert.equal(await rateOf(server), 'a rate needs two samples within the history');
  await pushAll(server, anew(4, 1_001));
  assert.equal(await rateOf(server), '1');
});

test('long histories of many pods keep within the bound on memory', async () => {
  const server = createTestServer();
  const samples = Array.from({ length: 1_024 }, (_, i) => ({ sequence: i + 1, takenAt: i + 1 }));
  const readings = samples.map(() => transportOf(0));
  const interfaces = Array.from({ length: 8 }, (_, i) =>
    interfaceReport({ name: `n${i}`, readings: samples.map(() => null) }),
  );
  const pods = Array.from({ length: 200 }, (_, pod) =>
    podReport({
      name: `p${pod}`,
      uid: `p${pod}`,
      interfaces,
      transport: pod === 0 ? readings : samples.map(() => null),
    }),
  );
  const { statusCode } = await server.push(nodeReport(2_000, { sequence: 1_024, samples, pods }));
  assert.equal(statusCode, 200);
  const held = [...(server.store.nodes()[0]?.pods.values() ?? [])].flatMap((pod) => [...pod.everySeries()]);
  const numbers = held.reduce((sum, { values }) => sum + values.length, 0);
  assert.ok(numbers <= 9_000_000, `${numbers} numbers`);
  const transport = held.filter(({ width }) => width < TRANSPORT_COUNTERS.length && width !== 9);
  assert.equal(transport.length, 1, 'only what was read has a history');
});
