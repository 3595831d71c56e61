import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Registry } from 'prom-client';
import { createCloudWatchSink } from '../../../apiserver/publish/cloudwatch-sink.js';
import { createPublishMetrics } from '../../../apiserver/publish/publish-metrics.js';
import { startPublisher } from '../../../apiserver/publish/publisher.js';
import type { Datum, Sink } from '../../../apiserver/publish/sink.js';
import type { IpamFigure } from '../../../metrics/ipam/figures.js';
import { createLogger } from '../../../runtime/logger.js';
import { withAwsEnvironment } from '../../support/aws-environment.js';
import { createFreezingProxy } from '../../support/freezing-proxy.js';
import { MOTO_REGION, MOTO_VARIABLES, startMoto, type Moto } from '../../support/moto.js';
import { freePort } from '../../support/prometheus.js';
import { missing } from '../../support/requirements.js';
import { VirtualTime } from '../../support/virtual-time.js';

const skip = missing('moto');
const stop = new AbortController().signal;
const MINUTE_MS = 60_000;
const TIMEOUT_MS = 30_000;
/** The beginning of the minute before this one. */
const minuteMs = Math.floor(Date.now() / MINUTE_MS - 1) * MINUTE_MS;

let moto: Moto;
before(async () => {
  if (skip === false) moto = await startMoto();
});
after(() => (skip === false ? moto.close() : undefined));

const createSink = (clusterId: string, endpoint = moto.url): Promise<Sink> =>
  createCloudWatchSink({ clusterId, region: MOTO_REGION, endpoint, timeoutMs: TIMEOUT_MS });

const datum = (name: string, value: number, timestampMs = minuteMs): Datum => ({
  name,
  unit: 'Count',
  value,
  timestampMs,
});

test('an emulated CloudWatch has each value under its minute, unit and cluster', { skip }, async () => {
  await withAwsEnvironment(MOTO_VARIABLES, async () => {
    const sink = await createSink('values');
    const latency: Datum = { name: 'awsAPILatency', unit: 'Milliseconds', value: 12.75, timestampMs: minuteMs };
    await sink.send([datum('addReqCount', 3, minuteMs - MINUTE_MS), datum('addReqCount', 10), latency], stop);
    await sink.send([datum('addReqCount', 5, minuteMs + 30_000)], stop);
  });
  const of = { namespace: 'Kubernetes', clusterId: 'values' };
  const counts = await moto.statistics({ ...of, name: 'addReqCount', unit: 'Count' });
  assert.deepEqual(
    counts.map(({ Timestamp, Sum, SampleCount, Minimum, Maximum }) => [
      Timestamp?.getTime(),
      Sum,
      SampleCount,
      Minimum,
      Maximum,
    ]),
    [
      [minuteMs - MINUTE_MS, 3, 1, 3, 3],
      [minuteMs, 15, 2, 5, 10],
    ],
  );
  const latencies = await moto.statistics({ ...of, name: 'awsAPILatency', unit: 'Milliseconds' });
  assert.deepEqual(
    latencies.map(({ Timestamp, Average, Unit }) => [Timestamp?.getTime(), Average, Unit]),
    [[minuteMs, 12.75, 'Milliseconds']],
  );
});

test('an emulated CloudWatch lists each metric with one dimension', { skip }, async () => {
  const names = Array.from({ length: 20 }, (_, i) => `metric${i}`);
  await withAwsEnvironment(MOTO_VARIABLES, async () => {
    const sink = await createSink('listed');
    await sink.send(
      names.map((name, i) => datum(name, i)),
      stop,
    );
  });
  const listed = (await moto.metrics('Kubernetes')).filter(({ Dimensions }) => Dimensions?.[0]?.Value === 'listed');
  assert.deepEqual(listed.map(({ MetricName }) => MetricName).sort(), names.sort());
  for (const { Dimensions } of listed) assert.deepEqual(Dimensions, [{ Name: 'CLUSTER_ID', Value: 'listed' }]);
});

test('the extremes of CloudWatch arrive as they were sent', { skip }, async () => {
  const values = { greatest: 2 ** 360, least: 2 ** -360, negative: -1.5, zero: 0 };
  await withAwsEnvironment(MOTO_VARIABLES, async () => {
    const sink = await createSink('extremes');
    await sink.send(
      Object.entries(values).map(([name, value]) => datum(name, value)),
      stop,
    );
  });
  for (const [name, value] of Object.entries(values)) {
    const [found] = await moto.statistics({ namespace: 'Kubernetes', name, clusterId: 'extremes' });
    assert.equal(found?.Sum, value, name);
  }
});

test('a sink goes on after an outage', { skip }, async () => {
  const port = await freePort();
  await withAwsEnvironment(MOTO_VARIABLES, async () => {
    const sink = await createSink('outage', `http://127.0.0.1:${port}`);
    await assert.rejects(sink.send([datum('addReqCount', 1)], stop), { failure: 'unavailable' });
    const late = await startMoto(port);
    try {
      await sink.send([datum('addReqCount', 1)], stop);
      const [found] = await late.statistics({ namespace: 'Kubernetes', name: 'addReqCount', clusterId: 'outage' });
      assert.equal(found?.SampleCount, 1);
    } finally {
      await late.close();
    }
  });
});

test('a role for the service account (IRSA) is enough of credentials', { skip }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-irsa-'));
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'the.projected.token');
  const irsa = {
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/podnet',
    AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    AWS_REGION: MOTO_REGION,
    AWS_ENDPOINT_URL_STS: moto.url,
  };
  try {
    await withAwsEnvironment(irsa, async () => {
      const sink = await createSink('irsa');
      await sink.send([datum('addReqCount', 1)], stop);
    });
    const [found] = await moto.statistics({ namespace: 'Kubernetes', name: 'addReqCount', clusterId: 'irsa' });
    assert.equal(found?.Sum, 1);
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** Whoever publishes waits for the emulator in real time; meanwhile none goes by for the publisher. */
test('fifteen minutes without the emulator lose nothing, and nothing is there twice', { skip }, async () => {
  const startMs = Math.floor(Date.now() / MINUTE_MS - 60) * MINUTE_MS + 10_000;
  let underWay = 0;
  const time = new VirtualTime(startMs, () => underWay > 0);
  const way = await createFreezingProxy(Number(new URL(moto.url).port));
  const real = await createSink('outage-15m', `http://127.0.0.1:${way.port}`);
  const metrics = createPublishMetrics(new Registry());
  const { clock, sleep } = time;
  /** Three requests for an address a second. */
  const totalOf = ({ kind }: IpamFigure, nowMs: number) => (kind === 'counter' ? Math.floor(nowMs / 1_000) * 3 : 7);
  await withAwsEnvironment(MOTO_VARIABLES, async () => {
    const publisher = startPublisher({
      figures: {
        nodes: () => ({ reporting: 3, missing: 0 }),
        total: (figure, nowMs) => ({ value: totalOf(figure, nowMs), ageMs: 0, spanMs: 0 }),
      },
      sink: {
        send: async (datums, signal, mayGo) => {
          underWay++;
          await real.send(datums, signal, mayGo).finally(() => underWay--);
        },
      },
      ...{ lease: undefined, clock, sleep, metrics, intervalMs: 30_000, random: () => 0.5 },
      log: createLogger('test', { level: 'error', format: 'text', write: () => undefined }),
    });
    await time.advance(3 * MINUTE_MS);
    await way.refuse();
    await time.advance(15 * MINUTE_MS);
    await way.listen();
    await time.advance(4 * MINUTE_MS);
    const closed = publisher.close();
    await time.advance(MINUTE_MS);
    await closed;
  });
  await way.close();
  const { values } = await metrics.requests.get();
  const resultOf = (result: string) => values.find(({ labels }) => labels.result === result)?.value ?? 0;
  assert.ok(resultOf('unavailable') > 10, JSON.stringify(values));
  const read = (name: string) =>
    moto.statistics({ namespace: 'Kubernetes', name, clusterId: 'outage-15m', periodSeconds: 30 });
  const gauge = await read('assignIPAddresses');
  const first = Math.ceil(startMs / 30_000) * 30_000;
  assert.ok(gauge.length >= 40);
  assert.deepEqual(
    gauge.map(({ Timestamp, SampleCount, Sum }) => [Timestamp?.getTime(), SampleCount, Sum]),
    gauge.map((_, i) => [first + i * 30_000, 1, 7]),
  );
  const grown = await read('addReqCount');
  assert.deepEqual(
    grown.map(({ Timestamp, SampleCount, Sum }) => [Timestamp?.getTime(), SampleCount, Sum]),
    gauge.slice(1).map(({ Timestamp }) => [Timestamp?.getTime(), 1, 90]),
  );
});
