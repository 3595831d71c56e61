// What is held of the probes of a node, from the report as it comes off the wire.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { histogramGrowth } from '../../../apiserver/store/histogram-growth.js';
import type { NodeSeries } from '../../../apiserver/store/node-series.js';
import type { ProbeSeries } from '../../../apiserver/store/probe-series.js';
import { Store } from '../../../apiserver/store/store.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import type { DialSeries, ProbesReport } from '../../../openapi/probe-report.js';
import { PROBE_COLUMNS, REPORT_LIMITS } from '../../../openapi/report-terms.js';
import {
  dialSeries,
  dnsSeries,
  ntpSeries,
  probeReading,
  probeReport,
  serviceDial,
} from '../../support/probe-reports.js';
import { nodeReport } from '../../support/reports.js';

const HISTORY_MS = 300_000;
const OFFSET_MS = 7_000_000;
const DIAL = 'peer node-b network default ipv4';

/** A store whose clock is that far ahead of the nodes'. */
const newStore = () => new Store({ historyMs: HISTORY_MS });
const now = (atMs: number) => atMs + OFFSET_MS;

function ingest(store: Store, report: NodeReport): NodeSeries {
  const { report: accepted, rejections } = checkReport(JSON.parse(JSON.stringify(report)));
  assert.deepEqual(rejections.named, []);
  const outcome = store.ingest(accepted, now(report.sentAt));
  assert.ok(outcome.ok);
  return outcome.node;
}

/** So many dials of a millisecond since the start, and so many that timed out. */
const dialed = (count: number, timeout = 0) =>
  probeReading('dial', { latencies: new Array<number>(count).fill(0.001), failures: { timeout } });
const dial = (...readings: DialSeries['readings']) => dialSeries({ readings });

/** A report that brings samples of these seconds. */
function report(seconds: readonly number[], probes: Partial<ProbesReport>, overrides: Partial<NodeReport> = {}) {
  const samples = seconds.map((second) => ({ sequence: second, takenAt: second * 1_000 }));
  const newest = seconds.at(-1) ?? 0;
  return probeReport(newest * 1_000, probes, { sequence: newest, samples, ...overrides });
}

/** How many dials there were in a window, and in how many seconds of it that is known; undefined where it cannot be told. */
function growth(node: NodeSeries, windowMs = 60_000, series: ProbeSeries | undefined = node.probes.dial.get(DIAL)) {
  const grown = series && histogramGrowth(node.readings(series), windowMs);
  return grown && [grown.counts[PROBE_COLUMNS.count], grown.spanMs / 1_000];
}

test('series are held by kind and by what they are told apart by', () => {
  const other = { readings: [null] };
  const node = ingest(
    newStore(),
    probeReport(1_000, {
      dials: [
        ...[dialSeries(), dialSeries({ family: 'ipv6', ...other }), dialSeries({ network: 'storage', ...other })],
        ...[dialSeries({ peer: { node: 'node-c', zone: '' } }), serviceDial()],
      ],
      dns: [dnsSeries(), dnsSeries({ protocol: 'tcp' }), dnsSeries({ host: 'a.' }), dnsSeries({ server: 'b' })],
      ntp: [ntpSeries(), ntpSeries({ server: '10.0.0.1' })],
    }),
  );
  assert.deepEqual(
    [...node.probes.dial.keys()],
    [
      ...[DIAL, 'peer node-b network default ipv6', 'peer node-b network storage ipv4'],
      ...['peer node-c network default ipv4', 'host podnet-probe.podnet-system network default ipv4'],
    ],
  );
  assert.deepEqual([node.probes.dns.size, node.probes.ntp.size], [4, 2]);
  const { readings: _, ...reported } = ntpSeries();
  assert.deepEqual(node.probes.ntp.get('server ntp.example.com')?.reported, reported);
});

test('what a report says of a series replaces what was said before', () => {
  const store = newStore();
  const ntpOf = (second: number, overrides: Parameters<typeof ntpSeries>[0]) =>
    ingest(store, report([second], { ntp: [ntpSeries(overrides)] })).probes.ntp.get('server ntp.example.com')?.reported;
  const first = ntpOf(1, {});
  assert.equal(ntpOf(2, {}), first, 'the same object for as long as it says the same');
  const { offsetSeconds: _, stratum: __, readings: ___, ...silent } = ntpSeries();
  assert.deepEqual(ntpOf(3, { offsetSeconds: 1, recent: { attempts: 1, failures: 0, lastFailed: false } }), {
    ...{ ...silent, offsetSeconds: 1, stratum: 2, recent: { attempts: 1, failures: 0, lastFailed: false } },
  });
  const old = probeReport(4_000, { ntp: [{ ...silent, readings: [probeReading('ntp')] }] });
  assert.deepEqual(ingest(store, old).probes.ntp.get('server ntp.example.com')?.reported, silent);
});

test('a report with several samples gives windows at once, and an apiserver that is started anew has them again', () => {
  const seconds = Array.from({ length: 20 }, (_, i) => 15 * (i + 1));
  const whole = report(seconds, { dials: [dial(...seconds.map((second) => dialed(second)))] }, { intervalMs: 15_000 });
  for (const store of [newStore(), newStore()]) {
    const node = ingest(store, whole);
    assert.deepEqual(growth(node), [60, 60]);
    assert.deepEqual(growth(node, 285_000), [285, 285]);
    assert.equal(node.lastSequence, 300);
    assert.deepEqual(
      growth(
        ingest(
          store,
          report([...seconds, 315], { dials: [dial(...(whole.probes?.dials[0]?.readings ?? []), dialed(400))] }),
        ),
        30_000,
      ),
      [115, 30],
    );
  }
});

test('a target that came later has the samples since then, and one that a report no longer has is gone', () => {
  const store = newStore();
  const later = dialSeries({ peer: { node: 'node-c', zone: '' }, readings: [null, dialed(3), dialed(5)] });
  const node = ingest(store, report([1, 2, 3], { dials: [dial(dialed(1), dialed(2), dialed(3)), later] }));
  const series = () => node.probes.dial.get('peer node-c network default ipv4');
  assert.deepEqual(
    [growth(node), growth(node, 60_000, series())],
    [
      [2, 2],
      [2, 1],
    ],
  );
  ingest(store, report([4], { dials: [dial(dialed(4))] }));
  assert.equal(series(), undefined);
  assert.deepEqual(growth(node), [3, 3]);
  ingest(store, report([5], { dials: [dial(dialed(5)), { ...later, readings: [dialed(9)] }] }));
  assert.equal(growth(node, 60_000, series()), undefined, 'what it counted before is nothing to go by');
});

test('a peer at another address goes on, whatever its address', () => {
  const store = newStore();
  ingest(store, report([1], { dials: [dialSeries({ readings: [dialed(10)] })] }));
  const moved = dialSeries({ readings: [dialed(12)], address: '10.0.0.99:9809' });
  const node = ingest(store, report([2], { dials: [moved] }));
  assert.deepEqual(growth(node), [2, 1]);
  assert.equal(node.probes.dial.get(DIAL)?.reported.address, '10.0.0.99:9809');
});

test('counts that began anew with a later start of the agent are growth, others that fell are not', () => {
  const again = (startedAt: number) => {
    const store = newStore();
    ingest(store, report([1, 2], { dials: [dial(dialed(100), dialed(110))] }));
    const instance = { id: 'instance-b', startedAt };
    return growth(ingest(store, report([4], { dials: [dial(dialed(3))] }, { instance, sequence: 4 })));
  };
  assert.deepEqual(again(2_500), [13, 3]);
  assert.deepEqual(again(0), [10, 1]);
});

test('a report that says nothing of probes leaves what is held, but for what is of the newest alone', () => {
  const store = newStore();
  ingest(store, report([1], { dials: [dial(dialed(1))], internalErrors: { dns: 3 } }));
  const { probes: _, ...silent } = report([2], {});
  const node = ingest(store, silent);
  assert.equal(node.probes.internalErrors, undefined);
  const back = ingest(store, report([3], { dials: [dial(dialed(5))], internalErrors: { dns: 4 } }));
  assert.deepEqual([growth(back), back.probes.internalErrors], [[4, 2], { dns: 4 }]);
});

test("agents of both roles on a node do not touch each other's", () => {
  const store = newStore();
  const ofPods = ingest(store, nodeReport(1_000));
  const ofProbes = ingest(store, report([1], { dials: [dial(dialed(1))] }, { instance: { id: 'p', startedAt: 500 } }));
  ingest(store, nodeReport(2_000));
  assert.deepEqual(store.nodesNamed('node-a'), [ofPods, ofProbes]);
  assert.deepEqual([ofPods.pods.size, ofPods.probes.dial.size], [1, 0]);
  assert.deepEqual([ofProbes.pods.size, ofProbes.probes.dial.size], [0, 1]);
});

test('whose word counts is an agent of role probe that is there', () => {
  const store = newStore();
  ingest(store, nodeReport(30_000));
  const on = (node: string, second: number) => ingest(store, report([second], { dials: [dial(dialed(1))] }, { node }));
  on('silent', 1);
  const there = [on('a', 30), on('c', 29)];
  const probing = (second: number) => [...store.dialled.dials(now(second * 1_000))].map(([pair]) => pair?.prober);
  assert.deepEqual(probing(30), there);
  assert.deepEqual(probing(80), []);
});

test("a step of the node's clock forgets what the probes counted", () => {
  const store = newStore();
  ingest(store, report([1_000, 1_001], { dials: [dial(dialed(1), dialed(2))] }));
  const back = report(
    [1],
    { dials: [dial(dialed(3))] },
    { sequence: 1_002, samples: [{ sequence: 1_002, takenAt: 1_000 }] },
  );
  const node = ingest(store, back);
  assert.deepEqual([node.probes.dial.size, growth(node)], [1, undefined]);
});

test('hours of reports cost no more memory than the history, and none of it', () => {
  const store = newStore();
  const lost = dialSeries({ peer: { node: 'lost', zone: '' }, readings: [null] });
  const step = (i: number) =>
    ingest(store, report([15 * i], { dials: [dial(dialed(i)), lost], dns: [dnsSeries()] }, { intervalMs: 15_000 }));
  for (let i = 1; i <= 500; i++) step(i);
  const node = step(501);
  assert.deepEqual(growth(node, HISTORY_MS), [20, 300]);
  const rows = (node.probes.dial.get(DIAL)?.values.length ?? 0) / (node.probes.dial.get(DIAL)?.width ?? 1);
  assert.ok(rows <= 40, `room for ${rows} samples`);
});

test('samples in which no probe was read take no room', () => {
  const seconds = Array.from({ length: 200 }, (_, i) => i + 1);
  const readings = seconds.map((second) => (second % 50 === 0 ? dialed(second) : null));
  const node = ingest(newStore(), report(seconds, { dials: [dial(...readings)] }));
  assert.deepEqual(growth(node, HISTORY_MS), [150, 150]);
  assert.ok((node.probes.dial.get(DIAL)?.values.length ?? NaN) < 40 * 28);
});

/** Of all series together. */
const numbersOf = (node: NodeSeries) =>
  [...node.probes.everySeries()].reduce((sum, { values }) => sum + values.length, 0);
const MAX_NUMBERS = 9_000_000;
const many = (count: number, readings: DialSeries['readings']) =>
  Array.from({ length: count }, (_, i) => dialSeries({ peer: { node: `n${i}`, zone: '' }, readings }));

test('many samples of many probes keep within the bound on memory', () => {
  const seconds = Array.from({ length: REPORT_LIMITS.samples }, (_, i) => i + 1);
  const [first, ...rest] = many(
    REPORT_LIMITS.probeSeries,
    seconds.map(() => null),
  );
  assert.ok(first);
  const { probes, ...envelope } = report(seconds, {
    dials: [{ ...first, readings: seconds.map(() => dialed(1)) }, ...rest],
  });
  const { report: accepted } = checkReport(envelope);
  const outcome = newStore().ingest({ ...accepted, ...(probes && { probes }) }, now(envelope.sentAt));
  assert.ok(outcome.ok);
  assert.ok(numbersOf(outcome.node) <= MAX_NUMBERS, `${numbersOf(outcome.node)} numbers`);
});

test('what few probes made room for is not given to many', () => {
  const store = newStore();
  const seconds = Array.from({ length: 400 }, (_, i) => 1_000 + i);
  const few = { dials: [dial(...seconds.map((second) => dialed(second - 999)))] };
  ingest(store, report(seconds, few));
  // The clock steps back, which leaves the room and no row in it.
  const after = { samples: [{ sequence: 2_000, takenAt: 500_000 }], sentAt: 500_000, sequence: 2_000 };
  const node = ingest(store, report([500], { dials: many(REPORT_LIMITS.probeSeries, [dialed(1)]) }, after));
  assert.equal(node.probes.dial.size, REPORT_LIMITS.probeSeries);
  // room of twice what is held at most is kept
  assert.ok(numbersOf(node) <= 2 * MAX_NUMBERS, `${numbersOf(node)} numbers`);
});
