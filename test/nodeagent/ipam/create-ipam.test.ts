// Sources together: what a report has room for, and how long what they told is of the present.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Ipam } from '../../../nodeagent/ipam/create-ipam.js';
import { IpamPoller } from '../../../nodeagent/ipam/poller.js';
import { IpamReadError, MAX_SAMPLES, type IpamReading, type IpamSource } from '../../../nodeagent/ipam/source.js';
import { draftReport } from '../../../nodeagent/report/build.js';
import { createSelfMetrics } from '../../../nodeagent/self-metrics.js';
import type { IpamFamily } from '../../../openapi/ipam-report.js';
import { IPAM_SOURCES, REPORT_LIMITS, type IpamSourceName } from '../../../openapi/report-terms.js';
import { createLogger } from '../../../runtime/logger.js';
import { createManualClock } from '../../support/clock.js';
import { eventually } from '../../support/programs.js';

function family(name: string, samples: number): IpamFamily {
  return {
    ...{ name, type: 'gauge' },
    samples: Array.from({ length: samples }, (_, i) => ({ labels: { i: String(i) }, value: i })),
  };
}

type Told = Partial<IpamReading> | IpamReadError;

/** Sources that tell what they are told to, each read once and then when it is woken by its interval. */
async function ipamOf(t: TestContext, told: Partial<Record<IpamSourceName, () => Told>>, intervalMs = 60_000) {
  const clock = createManualClock();
  const metrics = createSelfMetrics(new Registry(), '0');
  const log = createLogger('test', { level: 'error', format: 'text', write: () => undefined });
  const pollers = Object.entries(told).map(([name, next]) => {
    const source: IpamSource = {
      name: name as IpamSourceName,
      read: () => {
        const one = next();
        if (one instanceof IpamReadError) return Promise.reject(one);
        return Promise.resolve({ ...{ families: [], leftOut: [], pools: [], bad: [] }, ...one });
      },
    };
    const state = { up: () => undefined, off: () => undefined };
    return new IpamPoller({ source, clock, log, metrics, state, intervalMs, timeoutMs: 5_000 });
  });
  const ipam = new Ipam(pollers, metrics);
  t.after(() => ipam.close());
  await eventually(
    () => pollers.every(({ attempt }) => attempt !== undefined),
    (seen) => seen,
  );
  return { ipam, clock, metrics };
}

function assertTaken(ipam: Ipam, sentAt: number): void {
  const draft = draftReport({
    sender: {
      ...{ node: 'n', role: 'node', bootId: 'b', intervalMs: 1_000, agentVersion: '0' },
      instance: { id: 'i', startedAt: 0 },
    },
    ...{ pods: [], samples: [], sequence: 0, ipam: ipam.reports(), sentAt: () => sentAt },
    collectors: ipam.result === undefined ? [] : [ipam.result],
  });
  const { rejections, report } = checkReport(JSON.parse([...draft.pieces].join('')));
  assert.deepEqual(rejections.named, []);
  assert.deepEqual(report.ipam, JSON.parse(JSON.stringify(ipam.reports())));
}

test('a report has room for the most that all sources tell', async (t) => {
  assert.equal(
    IPAM_SOURCES.reduce((sum, name) => sum + MAX_SAMPLES[name], 0),
    REPORT_LIMITS.ipamSamples,
  );
  const { ipam, clock } = await ipamOf(t, {
    awscni: () => ({ families: [family('awscni_a', MAX_SAMPLES.awscni)], leftOut: ['awscni_bad'] }),
    'host-local': () => ({ families: [family('hostlocal_range_a', MAX_SAMPLES['host-local'])] }),
  });
  assertTaken(ipam, clock.monotonicMs());
});

test('what was told is of the present for three intervals, and for fifteen seconds at least', async (t) => {
  for (const [intervalMs, freshMs] of [
    [300_000, 900_000],
    [60_000, 180_000],
  ] as const) {
    const pools = [{ labels: {}, free: 7 }];
    const { ipam, clock } = await ipamOf(
      t,
      { awscni: () => ({ families: [family('awscni_a', 1)], pools }) },
      intervalMs,
    );
    const takenAt = clock.monotonicMs();
    assert.deepEqual(ipam.views(takenAt + freshMs), [
      {
        ...{ name: 'awscni', families: [family('awscni_a', 1)] },
        pools: [{ labels: {}, samples: [[takenAt, 7]] }],
      },
    ]);
    assert.deepEqual(ipam.views(takenAt + freshMs + 1), []);
    assert.equal(ipam.reports()[0]?.takenAt, takenAt, 'the reader knows how old it is');
  }
});

test('before the first attempt has ended there is an entry that tells nothing, not even a problem', (t) => {
  const metrics = createSelfMetrics(new Registry(), '0');
  const log = createLogger('test', { level: 'error', format: 'text', write: () => undefined });
  const source: IpamSource = { name: 'awscni', read: () => new Promise(() => undefined) };
  const state = { up: () => undefined, off: () => undefined };
  const clock = createManualClock();
  const poller = new IpamPoller({ source, clock, log, metrics, state, intervalMs: 60_000, timeoutMs: 60_000 });
  const ipam = new Ipam([poller], metrics);
  t.after(() => ipam.close());
  assert.deepEqual(ipam.reports(), [{ name: 'awscni', intervalMs: 60_000, families: [], leftOut: [], pools: [] }]);
  assert.deepEqual([ipam.views(clock.monotonicMs()), ipam.result], [[], undefined]);
  assertTaken(ipam, clock.monotonicMs());
});

test('one source that fails does not touch the other; the collector names it', async (t) => {
  const { ipam, clock, metrics } = await ipamOf(t, {
    awscni: () => new IpamReadError('unreachable', 'it did not answer within 5000 ms'),
    'host-local': () => ({ families: [family('hostlocal_range_a', 1)] }),
  });
  assert.deepEqual(
    ipam.views(clock.monotonicMs()).map(({ name }) => name),
    ['host-local'],
  );
  const { ok, error } = ipam.result ?? {};
  assert.deepEqual([ok, error], [false, 'awscni: it did not answer within 5000 ms']);
  const { values } = await metrics.collectorSuccess.get();
  assert.deepEqual(
    values.map(({ labels, value }) => [labels.collector, value]),
    [['ipam', 0]],
  );
  assertTaken(ipam, clock.monotonicMs());
});

test('a source that is not there does not count', async (t) => {
  const { ipam } = await ipamOf(t, {
    awscni: () => new IpamReadError('not_found', 'ECONNREFUSED'),
    'host-local': () => ({}),
  });
  assert.equal(ipam.result?.ok, true);
  const [awscni] = ipam.reports();
  assert.deepEqual([awscni?.problem, awscni?.takenAt], ['not_found', undefined]);
});
