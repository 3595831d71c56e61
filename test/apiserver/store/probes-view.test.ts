// What is to be seen of the probes of a node, and until when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Pods } from '../../../apiserver/store/pods.js';
import { Store } from '../../../apiserver/store/store.js';
import { viewOf } from '../../../apiserver/store/view.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import type { ProbesReport } from '../../../openapi/probe-report.js';
import { createTestServer } from '../../support/app.js';
import { pushAll } from '../../support/one-pod.js';
import {
  dialSeries,
  dnsSeries,
  ntpSeries,
  probeReading,
  probeReport,
  serviceDial,
} from '../../support/probe-reports.js';
import { nodeReport } from '../../support/reports.js';

/** The clock of the nodes is that of the store. */
function viewAfter(reports: readonly NodeReport[], nowMs: number, namespace?: string) {
  const store = new Store({ historyMs: 300_000 });
  for (const report of reports) assert.ok(store.ingest(checkReport(report).report, report.sentAt).ok);
  const [node] = store.nodes();
  assert.ok(node);
  const wanted = new Pods(store).shownAt(nowMs);
  const { view, freshUntilMs } = viewOf(node, nowMs, { ...wanted, ...(namespace !== undefined && { namespace }) });
  const { dials = [], dns = [], ntp = [] } = view.probes ?? {};
  const shown = [...dials, ...dns, ...ntp].map(({ meta, row }) => ({ meta, row: [...Array.from(row)] }));
  return { probes: view.probes, shown, freshUntilMs };
}

const report = (second: number, probes: Partial<ProbesReport> = {}) => probeReport(second * 1_000, probes);
const probed = (count: number) => probeReading('dial', { latencies: new Array<number>(count).fill(0.001) });

test('the newest readings are shown with what is said of their series, in a stable order', () => {
  const [dns, ntp] = [dnsSeries(), ntpSeries()];
  const dial = (node: string, count: number) => dialSeries({ peer: { node, zone: '' }, readings: [probed(count)] });
  const { shown, probes } = viewAfter(
    [
      report(1, { dials: [dial('b', 1)] }),
      report(2, {
        ...{ dials: [dial('c', 7), serviceDial({ readings: [probed(9)] }), dial('b', 3)], dns: [dns], ntp: [ntp] },
        internalErrors: { dns: 2 },
      }),
    ],
    2_000,
  );
  const shownOf = ({ readings: [row], ...meta }: { readonly readings: readonly (number[] | null)[] }) => ({
    meta,
    row,
  });
  assert.deepEqual(shown, [
    ...[serviceDial({ readings: [probed(9)] }), dial('b', 3), dial('c', 7)].map(shownOf),
    ...[shownOf(dns), shownOf(ntp)],
  ]);
  assert.deepEqual(probes?.internalErrors, { dns: 2 });
});

test('a clock is shown as the newest report tells it, or not at all', () => {
  const { offsetSeconds: _, stratum: __, ...unheard } = ntpSeries();
  const { shown } = viewAfter([report(1, { ntp: [ntpSeries()] }), report(2, { ntp: [unheard] })], 2_000);
  assert.deepEqual(shown[0]?.meta, { server: 'ntp.example.com' });
});

test('what was not probed in the newest samples is shown as long as its reading is fresh', () => {
  const twice = (reading: number[] | null) => [dialSeries(), dialSeries({ family: 'ipv6', readings: [reading] })];
  const reports = [report(1, { dials: twice(probed(1)) }), report(10, { dials: twice(null) })];
  const fresh = viewAfter(reports, 16_000);
  assert.deepEqual([fresh.shown.length, fresh.freshUntilMs], [2, 16_000]);
  const later = viewAfter(reports, 16_001);
  assert.deepEqual([later.shown.length, later.freshUntilMs], [1, 25_000]);
  assert.deepEqual(later.shown[0]?.meta, { ...fresh.shown[0]?.meta });
});

test('what a report no longer has is not shown, nor is what was never read', () => {
  const unread = dnsSeries({ readings: [null] });
  const { shown, probes } = viewAfter([report(1, { dials: [dialSeries()] }), report(2, { dns: [unread] })], 2_000);
  assert.deepEqual(shown, []);
  assert.notEqual(probes, undefined, 'it probes, and its errors are told');
});

test('a node where nobody probes has no probes to show', () => {
  const { probes: _, ...silent } = report(1);
  assert.equal(viewAfter([silent], 1_000).probes, undefined);
  assert.equal(viewAfter([nodeReport(1_000)], 1_000).probes, undefined);
});

test('probes are of the node, and of no namespace', () => {
  const { probes, freshUntilMs } = viewAfter([report(1, { dials: [dialSeries()] })], 1_000, 'default');
  assert.deepEqual([probes, freshUntilMs], [undefined, Infinity]);
});

test('a server takes the reports of both agents of a node, and shows what each says', async () => {
  const server = createTestServer();
  const instance = { id: 'instance-p', startedAt: 0 };
  const both = (second: number) => [
    nodeReport(second * 1_000),
    { ...report(second, { dials: [dialSeries()] }), instance },
  ];
  await pushAll(server, ...both(1), ...both(2));
  const nowMs = server.clock.monotonicMs();
  const views = server.store.nodesNamed('node-a').map((node) => viewOf(node, nowMs, server.pods.shownAt(nowMs)).view);
  assert.deepEqual(
    views.map(({ pods, probes }) => [[...pods].length, [...(probes?.dials ?? [])].length]),
    [
      [1, 0],
      [0, 1],
    ],
  );
  assert.equal((await server.get('/metrics')).statusCode, 200);
});
