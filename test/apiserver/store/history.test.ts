// How what a report brings is put together with what is held, through the whole server.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';
import type { InterfaceReport, NodeReport } from '../../../openapi/node-report.js';
import { createTestServer, metricPath } from '../../support/app.js';
import { metricsOf, pushAll, report, valueOf } from '../../support/one-pod.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

/** A report that brings samples of consecutive seconds, for interfaces as given. */
function historyReport(
  seconds: readonly number[],
  interfaces: InterfaceReport[],
  overrides: Partial<NodeReport> = {},
): NodeReport {
  const newest = seconds.at(-1) ?? 0;
  const samples = seconds.map((second) => ({ sequence: second, takenAt: second * 1_000 }));
  return nodeReport(newest * 1_000, { sequence: newest, samples, pods: [podReport({ interfaces })], ...overrides });
}

test('an interface made anew is counted once, however often its history is sent again', async () => {
  const server = createTestServer();
  // 1e9 bytes in the counter that ended, 100 bytes a second before and after.
  const old = (seconds: readonly number[]) =>
    seconds.map((second) => (second <= 3 ? readingOf(1e9 + second * 100) : null));
  const anew = (seconds: readonly number[]) =>
    seconds.map((second) => (second > 3 ? readingOf(5e8 + second * 100) : null));
  const both = (seconds: readonly number[]) => [
    interfaceReport({ identity: '1/3', readings: old(seconds) }),
    interfaceReport({ identity: '1/9', readings: anew(seconds) }),
  ];
  await pushAll(server, historyReport([1, 2, 3], [interfaceReport({ identity: '1/3', readings: old([1, 2, 3]) })]));
  for (let newest = 4; newest <= 9; newest++) {
    const seconds = Array.from({ length: newest }, (_, i) => i + 1);
    await pushAll(server, historyReport(seconds, both(seconds)));
  }
  assert.equal(await valueOf(server, 'web-0', 'window=3s'), '100');
  const grownMs = 5e8 + 900 + 200; // the new counter's value, and what the old one grew
  assert.equal(await valueOf(server), `${Math.ceil((grownMs / 8) * 1_000)}m`);
});

test('an identity known again after an unknown one is no proof, and one seen before is no new counter', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 1e9), report(2, 1e9 + 100), report(3, 1_000, {}, ''), report(4, 1_100, {}, '1/9'));
  assert.equal(await valueOf(server), '100');
  const back = createTestServer();
  await pushAll(back, report(1, 1e9), report(2, 100, {}, '1/9'), report(3, 1e9 + 500), report(4, 1e9 + 600));
  assert.equal(await valueOf(back), '100', 'the growth of the last second over it and the one that began at 0');
});

test('two readings of one interface at one time are one too many', async () => {
  const server = createTestServer();
  const twice = [
    interfaceReport({ identity: '1/3' }),
    interfaceReport({ identity: '1/4', readings: [readingOf(1e9)] }),
  ];
  const { body } = await server.push(nodeReport(1_000, { pods: [podReport({ interfaces: twice })] }));
  assert.deepEqual(
    body.rejected.map(({ entry, reason }) => [entry, reason]),
    [['pods[0].interfaces[1]', 'duplicate_interface']],
  );
});

test('a pod that names two interfaces alike has no sum', async () => {
  const server = createTestServer();
  const twice = (second: number) =>
    nodeReport(second * 1_000, {
      pods: [
        podReport({
          interfaces: ['1/3', '1/4'].map((identity, i) =>
            interfaceReport({ identity, readings: [readingOf(second * 10 ** i)] }),
          ),
        }),
      ],
    });
  await pushAll(server, twice(1), twice(2));
  assert.equal(await valueOf(server), undefined);
  await pushAll(server, report(3, 3), report(4, 4));
  assert.equal(await valueOf(server), '1');
});

test('a pod or an interface that one report garbles keeps its history', async () => {
  for (const garble of [
    { workload: { kind: 'Deployment', name: 'we b' } },
    { creationTimestamp: '2026-13-01T00:00:00Z' },
    { uid: 7 },
    { interfaces: [{ ...interfaceReport(), network: 'a b' }] },
  ]) {
    const server = createTestServer();
    const reports = Array.from({ length: 30 }, (_, second) => report(second + 1, second * 100));
    await pushAll(server, ...reports);
    server.clock.advance(1_000);
    const { body } = await server.pushBody(
      gzipSync(JSON.stringify({ ...report(31, 0), pods: [{ ...podReport(), ...garble }] })),
    );
    assert.equal(body.rejectedCount, 1);
    assert.match(await metricsOf(server), / 2900\n/, 'the last good reading is still fresh');
    await pushAll(server, report(32, 3_100));
    const { body: answer } = await server.get(metricPath('web-0', 'network_receive_bytes_per_second'));
    assert.deepEqual(
      answer.items.map(({ value, windowSeconds }) => [value, windowSeconds]),
      [['100', 31]],
      JSON.stringify(garble),
    );
  }
});

test('an interval as long as the history still gives a rate at every sample', async () => {
  const server = createTestServer({ historyMs: 5_000, windowMs: 5_000 });
  for (let i = 1; i <= 8; i++) {
    server.clock.advance(5_003);
    await server.push(
      report(i * 5.003, i * 5_003, { sequence: i, samples: [{ sequence: i, takenAt: i * 5_003 }], intervalMs: 5_000 }),
    );
    if (i > 1) assert.equal(await valueOf(server), '1k', `sample ${i}`);
  }
});

test('an answer claims no sample that was not stored', async () => {
  const server = createTestServer();
  const empty = await server.push(report(5, 0, { sequence: 5, samples: [], pods: [] }));
  assert.equal(empty.body.lastSequence, 0);
  const future = await server.push(report(5, 0, { sequence: 5, samples: [{ sequence: 5, takenAt: 99_000 }] }));
  assert.equal(future.body.lastSequence, 0);
  const both = historyReport([4, 5], [interfaceReport({ readings: [readingOf(0), readingOf(100)] })]);
  assert.equal((await server.push(both)).body.lastSequence, 5);
  assert.equal(await valueOf(server), '100');
});

test('a pause of the server is not taken for a step of the clocks of all nodes', async () => {
  const server = createTestServer();
  await pushAll(server, ...Array.from({ length: 10 }, (_, i) => report(i + 1, i * 100)));
  // The nodes went on for 40 s, of which our clock knows nothing.
  const paused = Array.from({ length: 40 }, (_, i) => i + 11);
  await pushAll(
    server,
    historyReport(paused, [
      interfaceReport({ identity: '1/3', readings: paused.map((second) => readingOf((second - 1) * 100)) }),
    ]),
  );
  assert.equal(await valueOf(server), '100');
  const { body } = await server.get(metricPath('web-0', 'network_receive_bytes_per_second'));
  assert.equal(body.items[0]?.windowSeconds, 49);
});

test('one report that came late is not taken for a step either', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0), report(2, 100));
  server.clock.advance(45_000);
  await pushAll(server, report(16, 1_500, { intervalMs: 15_000 }));
  await pushAll(server, report(31, 3_000, { intervalMs: 15_000 }));
  assert.equal(await valueOf(server), '100');
});

test('a probe has no pods', async () => {
  const server = createTestServer();
  await pushAll(server, report(1, 0), report(2, 100));
  const { body } = await server.push(report(1, 0, { role: 'probe' }));
  assert.deepEqual(
    body.rejected.map(({ entry, reason }) => [entry, reason]),
    [['pods', 'bad_pod']],
  );
  assert.equal((await metricsOf(server)).match(/web-0/g)?.length, 1);
});

test('a pod is shown of one node only, also where two report it', async () => {
  const server = createTestServer();
  const moved = (second: number) =>
    report(second, 0, {
      node: 'node-b',
      bootId: 'boot-b',
      pods: [podReport({ uid: 'later', creationTimestamp: '2026-11-20T11:00:00Z' })],
    });
  await pushAll(server, report(1, 0), moved(1));
  assert.deepEqual(
    [...(await metricsOf(server)).matchAll(/node="([^"]+)"/g)].map((match) => match[1]),
    ['node-b'],
  );
  await pushAll(server, { ...moved(2), pods: [] });
  assert.deepEqual(
    [...(await metricsOf(server)).matchAll(/node="([^"]+)"/g)].map((match) => match[1]),
    ['node-a'],
  );
});

test('an interface that was read last before the others goes stale before them, also after the agent died', async () => {
  const server = createTestServer();
  const of = (second: number, net1: number | null) =>
    report(second, second * 100, {
      pods: [
        podReport({
          interfaces: [
            interfaceReport({ readings: [readingOf(second)] }),
            interfaceReport({ name: 'net1', readings: [net1 === null ? null : readingOf(net1)] }),
          ],
        }),
      ],
    });
  await pushAll(server, of(1, 1), of(2, 2), ...Array.from({ length: 13 }, (_, i) => of(i + 3, null)));
  assert.match(await metricsOf(server), /net1/);
  server.clock.advance(5_000);
  const text = await metricsOf(server);
  assert.doesNotMatch(text, /net1/);
  assert.match(text, /eth0/);
});

test('many samples of many interfaces cannot fill the memory', async () => {
  const server = createTestServer();
  const samples = Array.from({ length: 1_024 }, (_, i) => ({ sequence: i + 1, takenAt: i + 1 }));
  const nothing = samples.map(() => null);
  const something = samples.map(() => readingOf(0));
  const pods = Array.from({ length: 40 }, (_, pod) =>
    podReport({
      name: `p${pod}`,
      uid: `p${pod}`,
      interfaces: Array.from({ length: 100 }, (__, i) =>
        interfaceReport({ name: `n${i}`, readings: pod + i === 0 ? something : nothing }),
      ),
    }),
  );
  const { statusCode } = await server.push(nodeReport(2_000, { sequence: 1_024, samples, pods }));
  assert.equal(statusCode, 200);
  const [node] = server.store.nodes();
  const rows = [...(node?.pods.values() ?? [])]
    .flatMap((pod) => [...pod.interfaces.values()])
    .reduce((sum, { values }) => sum + values.length / 9, 0);
  assert.ok(rows <= 1_000_000, `${rows} rows`);
});

test('more interfaces than a node can have are refused', async () => {
  const server = createTestServer();
  const interfaces = Array.from({ length: 256 }, (_, i) => interfaceReport({ name: `n${i}` }));
  const pods = Array.from({ length: 65 }, (_, pod) => podReport({ name: `p${pod}`, uid: `p${pod}`, interfaces }));
  const { statusCode, body } = await server.push(nodeReport(1_000, { pods }));
  assert.deepEqual([statusCode, body.message], [400, 'pods: more than 16384 interfaces together']);
});
