import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compile } from 'typebox/compile';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { ProbeHistory } from '../../../nodeagent/probes/probe-history.js';
import { draftProbeReport, probesViewOf } from '../../../nodeagent/probes/probe-report.js';
import type { Outcome, ProbeReading, ProbeReadings } from '../../../nodeagent/probes/probe.js';
import { Tally } from '../../../nodeagent/probes/tally.js';
import type { Sender } from '../../../nodeagent/report/build.js';
import { NodeReport } from '../../../openapi/node-report.js';
import { PROBE_COLUMNS, REPORT_LIMITS, type ProbeKind } from '../../../openapi/report-terms.js';

const sender: Sender = {
  node: 'n',
  role: 'probe',
  bootId: 'b',
  instance: { id: 'i', startedAt: 0 },
  intervalMs: 1_000,
  agentVersion: '0',
};
const SCHEMA = Compile(NodeReport);
const internalErrors = { dial: 2, dns: 0 };

function counted<Kind extends ProbeKind>(kind: Kind, outcomes: readonly Outcome<Kind>[]) {
  const tally = new Tally(kind);
  for (const outcome of outcomes) tally.add(outcome, 0);
  return { recent: tally.recent(0), clock: tally.clock(0), row: tally.row() };
}

/** A dial that has succeeded so often, in a millisecond each. */
function dial(key: string, successes: number): ProbeReading<'dial'> {
  const outcomes = Array.from({ length: successes }, () => ({ ok: true, seconds: 0.001 }) as const);
  const peer = { node: key, zone: 'z1' };
  const meta = { peer, network: 'default', family: 'ipv4', address: '10.0.0.1:9809' } as const;
  return { key, meta, ...counted('dial', outcomes) };
}

const service: ProbeReading<'dial'> = {
  key: 'service',
  meta: { host: 'podnet-probe.podnet-system', network: 'default', family: 'ipv6', address: '[fd00::a]:9809' },
  ...counted('dial', []),
};
const dns: ProbeReading<'dns'> = {
  key: 'd',
  meta: { server: '10.96.0.10', protocol: 'udp', host: 'kubernetes.default.svc.cluster.local.' },
  ...counted('dns', [
    { ok: true, seconds: 0.000_3 },
    { ok: false, reason: 'nxdomain' },
  ]),
};
const ntp: ProbeReading<'ntp'> = {
  key: 't',
  meta: { server: 'ntp.example.com' },
  ...counted('ntp', [{ ok: true, seconds: 0.02, clock: { offsetSeconds: -0.004, stratum: 2 } }]),
};

function readingsOf(...dials: readonly ProbeReading<'dial'>[]): ProbeReadings {
  return { dial: dials, dns: [dns], ntp: [ntp] };
}

function historyOf(...samples: readonly ProbeReadings[]): ProbeHistory {
  const history = new ProbeHistory();
  samples.forEach((readings, i) => history.add({ sequence: i + 1, takenAt: i * 1_000 }, readings, 100_000));
  return history;
}

function reportOf(history: ProbeHistory, readings: ProbeReadings, after = 0): NodeReport {
  const samples = history.since(after);
  const draft = draftProbeReport({
    ...{ sender, samples, readings, internalErrors },
    sequence: 9,
    collectors: [{ name: 'dial', ok: true, seconds: 0 }],
    sentAt: () => 9_000,
  });
  const report = JSON.parse([...draft.pieces].join('')) as NodeReport;
  assert.equal(draft.samples, report.samples.length);
  assert.ok(SCHEMA.Check(report), 'the report is as its schema says');
  return report;
}

/** How many dials of each peer had succeeded in each sample. */
function dialsOf({ probes }: NodeReport) {
  return probes?.dials.map(({ peer, readings }) => [
    peer?.node,
    ...readings.map((row) => row?.[PROBE_COLUMNS.count] ?? null),
  ]);
}

test('a report says what was measured, and a server takes all of it', () => {
  const readings = readingsOf(dial('a', 3), service);
  const report = reportOf(historyOf(readings), readings);
  assert.deepEqual(report.pods, []);
  assert.equal(report.sentAt, 9_000);
  assert.equal(report.sequence, 9);
  assert.deepEqual(report.probes, {
    dials: [
      { ...dial('a', 3).meta, recent: dial('a', 3).recent, readings: [dial('a', 3).row] },
      { ...service.meta, readings: [service.row] },
    ],
    dns: [{ ...dns.meta, recent: dns.recent, readings: [dns.row] }],
    ntp: [{ ...ntp.meta, offsetSeconds: -0.004, stratum: 2, recent: ntp.recent, readings: [ntp.row] }],
    internalErrors,
  });
  assert.equal(checkReport(report).rejections.total, 0);
});

test('of a clock that is old nothing is said', () => {
  const readings = { ...readingsOf(), ntp: [{ ...ntp, clock: undefined }] };
  const [told] = reportOf(historyOf(readings), readings).probes?.ntp ?? [];
  assert.equal(told?.offsetSeconds, undefined);
  assert.equal(told?.stratum, undefined);
});

test('only what lies behind a sequence is sent, and before the first sample there is nothing', () => {
  const history = historyOf(readingsOf(dial('a', 1)), readingsOf(dial('a', 2)), readingsOf(dial('a', 3)));
  const newest = readingsOf(dial('a', 3));
  assert.deepEqual(dialsOf(reportOf(history, newest)), [['a', 1, 2, 3]]);
  assert.deepEqual(dialsOf(reportOf(history, newest, 2)), [['a', 3]]);
  assert.deepEqual(dialsOf(reportOf(history, newest, 3)), [['a']]);
  assert.deepEqual(dialsOf(reportOf(new ProbeHistory(), newest)), [['a']]);
});

test('a target has no reading in samples of before it was one; one that is gone is not told of', () => {
  const history = historyOf(readingsOf(dial('a', 1), dial('b', 1)), readingsOf(dial('b', 2), dial('c', 7)));
  assert.deepEqual(dialsOf(reportOf(history, readingsOf(dial('b', 2), dial('c', 7)))), [
    ['b', 1, 2],
    ['c', null, 7],
  ]);
});

test('what a target counted before it was gone is not of the one that came back', () => {
  const history = historyOf(readingsOf(dial('a', 5)), readingsOf(), readingsOf(dial('a', 1)), readingsOf(dial('a', 2)));
  assert.deepEqual(dialsOf(reportOf(history, readingsOf(dial('a', 2)))), [['a', null, null, 1, 2]]);
});

test('samples are kept as long as they are wanted, as many as a report takes, and 32 MiB of them', () => {
  const sequencesOf = (history: ProbeHistory) => history.since(0).map(({ sequence }) => sequence);
  const old = new ProbeHistory();
  for (let i = 1; i <= 5; i++) old.add({ sequence: i, takenAt: i * 1_000 }, readingsOf(), 2_000);
  assert.deepEqual(sequencesOf(old), [3, 4, 5]);

  const many = new ProbeHistory();
  for (let i = 1; i <= REPORT_LIMITS.samples + 3; i++) many.add({ sequence: i, takenAt: i }, readingsOf(), 1e9);
  assert.equal(sequencesOf(many).length, REPORT_LIMITS.samples);
  assert.equal(sequencesOf(many)[0], 4);

  const large = new ProbeHistory();
  const one = dial('a', 0);
  const readings = { dial: Array.from({ length: 40_000 }, (_, i) => ({ ...one, key: `a${i}` })), dns: [], ntp: [] };
  for (let i = 1; i <= 5; i++) large.add({ sequence: i, takenAt: i }, readings, 1e9);
  const bytes = 40_000 * one.row.length * 8;
  assert.equal(sequencesOf(large).length, Math.floor((32 * 1024 * 1024) / bytes));
});

test('of more targets than a server takes the rest is left out', () => {
  const dials = Array.from({ length: REPORT_LIMITS.probeSeries + 1 }, (_, i) => dial(`a${i}`, 0));
  const report = reportOf(new ProbeHistory(), readingsOf(...dials));
  assert.equal(report.probes?.dials.length, REPORT_LIMITS.probeSeries);
});

test('the view has the newest counts of every target', () => {
  const view = probesViewOf(readingsOf(dial('a', 3), service), internalErrors);
  assert.deepEqual(view, {
    dials: [
      { meta: { ...dial('a', 3).meta, recent: dial('a', 3).recent }, row: dial('a', 3).row },
      { meta: service.meta, row: service.row },
    ],
    dns: [{ meta: { ...dns.meta, recent: dns.recent }, row: dns.row }],
    ntp: [{ meta: { ...ntp.meta, offsetSeconds: -0.004, stratum: 2, recent: ntp.recent }, row: ntp.row }],
    internalErrors,
  });
});
