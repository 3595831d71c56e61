import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDryRunSink } from '../../../apiserver/publish/dry-run-sink.js';
import { putMetricDataInput, whyUnpublishable } from '../../../apiserver/publish/put-metric-data.js';
import type { Datum } from '../../../apiserver/publish/sink.js';

const DATUM: Datum = { name: 'addReqCount', unit: 'Count', value: 7, timestampMs: Date.UTC(2026, 10, 21, 12, 30) };

test('a value that CloudWatch would refuse is told before it spoils a request', () => {
  assert.equal(whyUnpublishable(DATUM), undefined);
  for (const value of [0, -0, -(2 ** 360), 2 ** 360, 5e-324])
    assert.equal(whyUnpublishable({ ...DATUM, value }), undefined);
  for (const value of [NaN, Infinity, -Infinity, 2 ** 361, -Number.MAX_VALUE]) {
    assert.match(String(whyUnpublishable({ ...DATUM, value })), /is out of CloudWatch's range/);
  }
  for (const name of ['', ':x', 'ä', 'a b', 'x'.repeat(256)]) {
    assert.match(String(whyUnpublishable({ ...DATUM, name })), /the name has to be 1 to 255/);
  }
  for (const timestampMs of [NaN, 8.64e15 + 1]) {
    assert.match(String(whyUnpublishable({ ...DATUM, timestampMs })), /is no time/);
  }
});

test('a request with such a value is invalid, and says which it is', () => {
  assert.throws(() => putMetricDataInput('c', [DATUM, { ...DATUM, name: 'ipamdErr', value: NaN }]), {
    failure: 'invalid',
    message: "ipamdErr: NaN is out of CloudWatch's range",
  });
});

test('a value nearer to 0 than CloudWatch knows is 0', () => {
  const [least, tooSmall] =
    putMetricDataInput('c', [
      { ...DATUM, value: -(2 ** -360) },
      { ...DATUM, value: 2 ** -361 },
    ]).MetricData ?? [];
  assert.deepEqual([least?.Value, tooSmall?.Value], [-(2 ** -360), 0]);
});

test('a dry run prints the input of PutMetricData, a line for each request', async () => {
  const lines: string[] = [];
  const sink = createDryRunSink({ clusterId: 'blue', write: (line) => lines.push(line) });
  const stop = new AbortController().signal;
  await sink.send([DATUM, { ...DATUM, name: 'awsAPILatency', unit: 'Milliseconds', value: 0.5 }], stop);
  await sink.send([DATUM], stop);
  const Dimensions = [{ Name: 'CLUSTER_ID', Value: 'blue' }];
  const Timestamp = '2026-11-21T12:30:00.000Z';
  const count = { MetricName: 'addReqCount', Dimensions, Timestamp, Value: 7, Unit: 'Count' };
  const latency = { MetricName: 'awsAPILatency', Dimensions, Timestamp, Value: 0.5, Unit: 'Milliseconds' };
  assert.deepEqual(
    lines.map((line) => (assert.match(line, /^[^\n]+\n$/), JSON.parse(line) as unknown)),
    [
      { Namespace: 'Kubernetes', MetricData: [count, latency] },
      { Namespace: 'Kubernetes', MetricData: [count] },
    ],
  );
});

test('a dry run without a cluster id shows where it goes', async () => {
  const lines: string[] = [];
  await createDryRunSink({ clusterId: undefined, write: (line) => lines.push(line) }).send(
    [DATUM],
    new AbortController().signal,
  );
  assert.match(lines.join(''), /"Dimensions":\[\{"Name":"CLUSTER_ID","Value":"<cluster-id>"\}\]/);
});

test('a dry run refuses what could not be sent', async () => {
  const sink = createDryRunSink({ clusterId: 'blue', write: () => assert.fail('printed') });
  await assert.rejects(sink.send([{ ...DATUM, value: NaN }], new AbortController().signal), { failure: 'invalid' });
});
