// What a node's history costs, and how far back it goes, where its agent sends the last reading of each pod that ends in a sample of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counterRate } from '../../../apiserver/store/rate.js';
import type { AcceptedPod } from '../../../apiserver/store/report.js';
import { Store } from '../../../apiserver/store/store.js';
import type { InterfaceReport, NodeReport, PodReport } from '../../../openapi/node-report.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { metricsOf, pushAll, valueOf } from '../../support/one-pod.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from '../../support/reports.js';

const INTERVAL_S = 15;
const PODS = 10;

/** A pod, and what is told of it: with readings of every sample, null where it was not read. */
function pod(name: string, values: readonly (number | null)[]): PodReport {
  return podReport({
    ...{ name, uid: name },
    interfaces: ['eth0', 'net1'].map((one) =>
      interfaceReport({ name: one, readings: values.map((value) => (value === null ? null : readingOf(value))) }),
    ),
    transport: values.map((value) => (value === null ? null : transportOf(value))),
  });
}

interface Told {
  readonly second: number;
  /** Of the pods that stay, whether they were read in each sample. */
  readonly isRead: readonly boolean[];
  readonly others: readonly PodReport[];
}

/** Samples of consecutive seconds up to that one. */
function report({ second, isRead, others }: Told): NodeReport {
  const seconds = isRead.map((_, i) => second - isRead.length + 1 + i);
  const stay = seconds.map((one, i) => (isRead[i] === true ? one * 100 : null));
  return nodeReport(second * 1_000, {
    intervalMs: INTERVAL_S * 1_000,
    samples: seconds.map((one) => ({ sequence: one, takenAt: one * 1_000 })),
    pods: [...Array.from({ length: PODS }, (_, i) => pod(`web-${i}`, stay)), ...others],
  });
}

function heldBytes(server: TestServer): number {
  const series = [...(server.store.nodes()[0]?.pods.values() ?? [])].flatMap((one) => [...one.everySeries()]);
  return series.reduce((sum, { values }) => sum + values.byteLength, 0);
}

async function spanOf(server: TestServer): Promise<number | undefined> {
  const query = { metricLabelSelector: 'window=5m' };
  const { body } = await server.get(metricPath('web-0', 'network_receive_bytes_per_second', query));
  assert.equal(body.items[0]?.value, '200', 'of two interfaces');
  return body.items[0].windowSeconds;
}

/** Twenty minutes of a node. Where pods end, one does every second but those of the whole samples, and leaves the list with the next of these. */
async function run(doPodsEnd: boolean): Promise<TestServer> {
  const server = createTestServer();
  let ended: PodReport[] = [];
  for (let second = INTERVAL_S; second <= 1_200; second++) {
    server.clock.advance(1_000);
    const isWhole = second % INTERVAL_S === 0;
    if (isWhole) ended = [];
    else if (!doPodsEnd) continue;
    else ended = [...ended.map(({ name }) => pod(name, [null])), pod(`job-${second}`, [second])];
    const { statusCode, body } = await server.push(report({ second, isRead: [isWhole], others: ended }));
    assert.equal(statusCode, 200, body.message);
  }
  return server;
}

test('samples of ended pods cost no history, and memory only while listed', async () => {
  const [quiet, busy] = [await run(false), await run(true)];
  assert.deepEqual([await spanOf(quiet), await spanOf(busy)], [300, 300]);
  const ratio = heldBytes(busy) / heldBytes(quiet);
  assert.ok(ratio < 2, `${ratio.toFixed(2)} times the memory of a node where no pod ends`);
});

test('samples of pods that are gone take no room in a new server', async () => {
  const server = createTestServer();
  const seconds = Array.from({ length: 301 }, (_, i) => i);
  const isRead = seconds.map((second) => second % INTERVAL_S === 0);
  await pushAll(server, report({ second: 600, isRead, others: [] }));
  assert.equal(await spanOf(server), 300);
  const rows = [...(server.store.nodes()[0]?.pods.values() ?? [])][0]?.interfaces.get('eth0')?.values.length ?? 0;
  assert.ok(rows / 9 < 40, `room for ${rows / 9} samples`);
});

test('samples of pods that are gone cost a large node no history', () => {
  const store = new Store({ historyMs: 300_000 });
  const unread = (name: string) => interfaceReport({ name, readings: [null] });
  const accepted = (name: string, interfaces: readonly InterfaceReport[]): AcceptedPod => {
    const meta = {
      namespace: 'default',
      name,
      uid: name,
      labels: {},
      hostNetwork: false,
      createdMs: 0,
      complete: true,
    };
    return { meta, interfaces, isRead: true, leftOut: new Set() };
  };
  const names = Array.from({ length: 255 }, (_, i) => `n${i}`);
  const idle = Array.from({ length: 63 }, (_, i) => accepted(`idle-${i}`, names.map(unread)));
  const [one = unread(''), ...rest] = names.map(unread);
  for (let second = 1; second <= 130; second++) {
    const last = accepted(`job-${second}`, [interfaceReport({ readings: [readingOf(1)] })]);
    const all = accepted('web-0', [{ ...one, readings: [readingOf(second)] }, ...rest]);
    const pods = second % 2 === 0 ? [all, ...idle] : [accepted('web-0', [one, ...rest]), ...idle, last];
    const envelope = nodeReport(second * 1_000, { intervalMs: 2_000 });
    const outcome = store.ingest({ ...envelope, pods, leftOut: new Set() }, second * 1_000);
    assert.ok(outcome.ok);
  }
  const [node] = store.nodes();
  const series = node?.pods.get('web-0')?.interfaces.get('n0');
  assert.ok(node !== undefined && series !== undefined);
  const rate = counterRate(node.readings(series), 0, 300_000);
  assert.ok(rate.ok && rate.perSecond === 1);
  assert.ok(rate.spanMs >= 110_000, `${rate.spanMs} ms of at most 61 samples, one every 2 s`);
});

test('a sample of other pods alone is no sign that a pod is fresh', async () => {
  const server = createTestServer();
  const of = (second: number, value: number | null) =>
    nodeReport(second * 1_000, { pods: [pod('web-0', [value]), pod(`job-${second}`, [second])] });
  await pushAll(server, of(1, 0), of(2, 100));
  assert.equal(await valueOf(server), '200');
  for (let second = 3; second <= 30; second++) await pushAll(server, of(second, null));
  assert.equal(server.store.nodes()[0]?.isFresh(server.clock.monotonicMs()), true);
  assert.equal(await valueOf(server), undefined);
  const text = await metricsOf(server);
  assert.doesNotMatch(text, /web-0/);
  assert.match(text, /job-30/);
});

test('an agent that can read none of its pods is there all the same', async () => {
  const server = createTestServer();
  await pushAll(server, nodeReport(1_000, { pods: [pod('web-0', [null])] }));
  const isThere = () => server.store.nodes()[0]?.isFresh(server.clock.monotonicMs());
  assert.equal(isThere(), true);
  server.clock.advance(15_001);
  assert.equal(isThere(), false);
});
