import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compile } from 'typebox/compile';
import type { InterfaceReading } from '../../../nodeagent/collectors/collector.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import { draftReport, type Sender } from '../../../nodeagent/report/build.js';
import { History, Rows } from '../../../nodeagent/report/history.js';
import { NodeReport } from '../../../openapi/node-report.js';
import { readingOf } from '../../support/reports.js';

const pod: Pod = {
  namespace: 'default',
  name: 'web-0',
  uid: 'u',
  creationTimestamp: '2026-11-20T10:00:00Z',
  labels: {},
  hostNetwork: false,
  attachments: new Map(),
};
const sender: Sender = {
  node: 'n',
  role: 'node',
  bootId: 'b',
  instance: { id: 'i', startedAt: 0 },
  intervalMs: 1_000,
  agentVersion: '0',
};

function item(value: number, { name = 'eth0', identity = '1/3' } = {}): InterfaceReading {
  return {
    meta: { name, network: '', nadNamespace: '', primary: true, identity, source: 'netdev' },
    counters: readingOf(value),
  };
}

function historyOf(...sweeps: readonly (readonly InterfaceReading[])[]): History {
  const history = new History();
  sweeps.forEach((interfaces, i) =>
    history.add({ sequence: i + 1, takenAt: i * 1_000 }, { interfaces: new Map([['u', interfaces]]) }, 100_000),
  );
  return history;
}

function parsedReport(history: History, present: readonly InterfaceReading[], after = 0, ofPod: Pod = pod): NodeReport {
  const samples = history.since(after);
  const draft = draftReport({
    sender,
    pods: [{ pod: ofPod, interfaces: present.map(({ meta }) => meta) }],
    samples,
    sequence: 9,
    collectors: [],
    sentAt: () => 9_000,
  });
  const report = JSON.parse([...draft.pieces].join('')) as NodeReport;
  assert.equal(draft.samples, report.samples.length);
  assert.equal(report.sentAt, 9_000);
  assert.ok(Compile(NodeReport).Check(report), 'the report is as its schema says');
  return report;
}

function reportOf(history: History, present: readonly InterfaceReading[], after = 0) {
  const report = parsedReport(history, present, after);
  return report.pods[0]?.interfaces?.map(({ name, identity, readings }) => [
    name,
    identity,
    ...readings.map((reading) => reading?.[0] ?? null),
  ]);
}

test('only what lies behind a sequence is sent', () => {
  const history = historyOf([item(10)], [item(20)], [item(30)]);
  assert.deepEqual(reportOf(history, [item(30)]), [['eth0', '1/3', 10, 20, 30]]);
  assert.deepEqual(reportOf(history, [item(30)], 2), [['eth0', '1/3', 30]]);
  assert.deepEqual(reportOf(history, [item(30)], 3), [['eth0', '1/3']]);
});

test('an interface that was not read has no reading at that time', () => {
  const history = historyOf([item(10), item(1, { name: 'net1' })], [item(20)], [item(30), item(3, { name: 'net1' })]);
  assert.deepEqual(reportOf(history, [item(30), item(3, { name: 'net1' })]), [
    ['eth0', '1/3', 10, 20, 30],
    ['net1', '1/3', 1, null, 3],
  ]);
});

test('an earlier identity goes before the present one, each with its readings', () => {
  const anew = { identity: '1/7' };
  const history = historyOf([item(10)], [item(20)], [item(3, anew)]);
  assert.deepEqual(reportOf(history, [item(3, anew)]), [
    ['eth0', '1/3', 10, 20, null],
    ['eth0', '1/7', null, null, 3],
  ]);
});

test('an interface that is gone is not sent, whatever the history holds', () => {
  assert.deepEqual(reportOf(historyOf([item(10)], [item(20)]), []), []);
});

test('what is older than the history is dropped', () => {
  const history = new History();
  for (let i = 1; i <= 20; i++)
    history.add({ sequence: i, takenAt: i * 1_000 }, { interfaces: new Map([['u', [item(i)]]]) }, 5_000);
  assert.deepEqual(
    history.since(0).map(({ sequence }) => sequence),
    [15, 16, 17, 18, 19, 20],
  );
});

test('the time of sending is asked for when all else is written', () => {
  let nowMs = 1_000;
  const { pieces } = draftReport({
    sender,
    pods: [{ pod, interfaces: [] }],
    samples: [],
    sequence: 1,
    collectors: [],
    sentAt: () => nowMs,
  });
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.includes('web-0')) nowMs = 5_000;
  }
  assert.equal((JSON.parse(text) as NodeReport).sentAt, 5_000);
});

test('an interface is looked up once, however many samples there are', (context) => {
  const history = new History();
  const pods = Array.from({ length: 110 }, (_, i) => ({ ...pod, uid: `uid-${i}` }));
  const interfaces = ['eth0', 'net1', 'net2'].map((name) => item(1, { name }));
  for (let i = 1; i <= 300; i++) {
    history.add(
      { sequence: i, takenAt: i },
      { interfaces: new Map(pods.map(({ uid }) => [uid, interfaces])) },
      Infinity,
    );
  }
  const samples = history.since(0);
  const rowOf = context.mock.method(Rows.prototype, 'rowOf');
  const known = pods.map((one) => ({ pod: one, interfaces: interfaces.map(({ meta }) => meta) }));
  const parts = { sender, pods: known, samples, sequence: 300, collectors: [], sentAt: () => 1 };
  assert.ok([...draftReport(parts).pieces].length > 100, 'in pieces');
  assert.equal(rowOf.mock.callCount(), 330);
});

test('of an interface that was made anew again and again the newest few identities are told', () => {
  const made = (i: number) => [item(i, { identity: `1/${i}` })];
  const history = historyOf(...Array.from({ length: 50 }, (_, i) => made(i)));
  const told = reportOf(history, made(49))?.map(([, identity]) => identity);
  assert.deepEqual(told, ['1/45', '1/46', '1/47', '1/48', '1/49']);
});

test('no more samples are kept than a report takes, however far back they are wanted', () => {
  const history = new History();
  for (let i = 1; i <= 1_100; i++)
    history.add({ sequence: i, takenAt: i }, { interfaces: new Map([['u', [item(i)]]]) }, Infinity);
  assert.deepEqual([history.since(0).length, history.since(0)[0]?.sequence], [1_024, 77]);
});

test('no more than 32 MiB of counters are kept', () => {
  const history = new History();
  const many = Array.from({ length: 10_000 }, (_, i) => item(i, { name: `eth${i}` }));
  for (let i = 1; i <= 60; i++)
    history.add({ sequence: i, takenAt: i }, { interfaces: new Map([['u', many]]) }, Infinity);
  assert.equal(history.since(0).length, 52); // of 640,000 bytes each
  assert.equal(history.newest?.sequence, 60);
});

test('an earlier identity is reported with the network that it was on', () => {
  const on = (network: string, identity: string, value: number): InterfaceReading => {
    const { meta, counters } = item(value, { identity });
    return { meta: { ...meta, network, nadNamespace: 'infra', primary: network === 'red' }, counters };
  };
  // its network became known only with the second sweep
  const history = historyOf([on('', '1/3', 1)], [on('red', '1/3', 2)], [on('blue', '1/7', 3)], [on('blue', '1/7', 4)]);
  const { pods } = parsedReport(history, [on('blue', '1/7', 4)]);
  assert.deepEqual(
    pods[0]?.interfaces?.map(({ network, primary, identity }) => [network, primary, identity]),
    [
      ['red', true, '1/3'],
      ['blue', false, '1/7'],
    ],
  );
});

test('a counter that is not known is null in a report, and no other is', () => {
  const unknown = readingOf(10).with(0, NaN).with(3, NaN);
  const history = historyOf([{ ...item(10), counters: unknown }]);
  const { pods } = parsedReport(history, [item(10)]);
  assert.deepEqual(pods[0]?.interfaces?.[0]?.readings, [[null, 11, 12, null, 14, 15, 16, 17]]);
});

test('the transport counters of a pod have a row for each sample, null where they were not read', () => {
  const history = new History();
  const row = (value: number): number[] => Array.from({ length: 12 }, (_, column) => value + column);
  const transport = [row(100), undefined, row(200).with(11, NaN)];
  transport.forEach((counters, i) =>
    history.add(
      { sequence: i + 1, takenAt: i * 1_000 },
      {
        interfaces: new Map([['u', [item(i)]]]),
        transport: new Map([['other', row(1)], ...(counters === undefined ? [] : [['u', counters] as const])]),
      },
      100_000,
    ),
  );
  const { pods } = parsedReport(history, [item(2)]);
  assert.deepEqual(pods[0]?.transport, [row(100), null, [...row(200).slice(0, 11), null]]);
  assert.deepEqual(
    pods[0]?.interfaces?.[0]?.readings.map((reading) => reading?.[0]),
    [0, 1, 2],
  );
});

test('a pod whose transport counters were never read is reported without any', () => {
  assert.equal('transport' in (parsedReport(historyOf([item(1)]), [item(1)]).pods[0] ?? {}), false);
});

test('the container of a pod is in its report', () => {
  const container = { name: 'app', image: 'registry.example/app:1', cgroup: '' };
  const { pods } = parsedReport(historyOf([item(1)]), [item(1)], 0, { ...pod, container });
  assert.deepEqual(pods[0]?.container, container);
});

test('transport counters are part of the 32 MiB that are kept', () => {
  const history = new History();
  const row = new Array<number>(12).fill(1);
  const transport = new Map(Array.from({ length: 10_000 }, (_, i) => [`uid-${i}`, row]));
  for (let i = 1; i <= 60; i++)
    history.add({ sequence: i, takenAt: i }, { interfaces: new Map(), transport }, Infinity);
  assert.equal(history.since(0).length, 34); // of 960,000 bytes each
});
