// One source read again and again: a real endpoint, or one that does not hear.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { createEndpointSource } from '../../../nodeagent/ipam/endpoint.js';
import { readAwscni } from '../../../nodeagent/ipam/awscni-text.js';
import { IpamPoller, type IpamPollerDeps } from '../../../nodeagent/ipam/poller.js';
import { IpamReadError, type IpamReading, type IpamSource } from '../../../nodeagent/ipam/source.js';
import { createSelfMetrics } from '../../../nodeagent/self-metrics.js';
import { createLogger } from '../../../runtime/logger.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { IpamdServer } from '../../support/ipamd-server.js';
import { createShiftedClock, eventually } from '../../support/programs.js';

const PRESENT = readFileSync('test/fixtures/ipamd/present.txt', 'utf8');
const MINUTE_MS = 60_000;

function pollerOf(t: TestContext, source: IpamSource, overrides: Partial<IpamPollerDeps> = {}) {
  const clock = createShiftedClock();
  const logged: string[] = [];
  const states: string[] = [];
  const metrics = createSelfMetrics(new Registry(), '0');
  const poller = new IpamPoller({
    ...{ source, clock, metrics, intervalMs: 20, timeoutMs: 5_000 },
    log: createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) }),
    state: { up: () => states.push('up'), off: (reason) => states.push(reason) },
    ...overrides,
  });
  let attempts = 0;
  poller.start(() => attempts++);
  t.after(() => poller.close());
  /** Waits for an attempt that begins now or later. */
  const attempt = async (): Promise<void> => {
    const enough = attempts + 2;
    await eventually(
      () => attempts,
      (seen) => seen >= enough,
    );
  };
  const rejected = async () =>
    (await metrics.rejectedIpam.get()).values.map(({ labels: { source: from, reason }, value }) => [
      from,
      reason,
      value > 0,
    ]);
  return { poller, clock, logged, states, attempt, rejected };
}

async function endpoint(t: TestContext) {
  const ipamd = await IpamdServer.start(PRESENT);
  t.after(() => ipamd.close());
  return { ipamd, source: createEndpointSource({ name: 'awscni', url: new URL(ipamd.url), parse: readAwscni }) };
}

const reasonOf = ({ attempt }: IpamPoller) => attempt?.error?.reason;

/** Tells what it is told to, or nothing for ever. */
function scripted(next: () => Promise<Partial<IpamReading>>): IpamSource {
  return {
    name: 'host-local',
    read: async () => ({ ...{ families: [], leftOut: [], pools: [], bad: [] }, ...(await next()) }),
  };
}

test('a node that stops answering keeps what it told, with its time, and goes on when it is back', async (t) => {
  const { ipamd, source } = await endpoint(t);
  const { poller, states, attempt } = pollerOf(t, source);
  await attempt();
  assert.equal(reasonOf(poller), undefined);
  ipamd.fault = 'error';
  await attempt();
  const before = poller.newest;
  assert.deepEqual(
    before?.reading.families.find(({ name }) => name === 'awscni_eni_max')?.samples.map(({ labels }) => labels),
    [{}],
  );
  assert.equal(reasonOf(poller), 'failed');
  await ipamd.refuse();
  await attempt();
  assert.equal(reasonOf(poller), 'not_found');
  assert.equal(poller.newest, before);
  assert.ok(poller.isThere, 'it was there once, and is missed');
  await ipamd.listen();
  ipamd.fault = undefined;
  await attempt();
  assert.equal(reasonOf(poller), undefined);
  assert.ok((poller.newest?.takenAt ?? 0) > (before?.takenAt ?? Infinity));
  assert.deepEqual([states[0], states.at(-1)], ['up', 'up']);
});

test('a reading is as old as its request', async (t) => {
  const clock = createShiftedClock();
  let askedMs = 0;
  const source = scripted(() => {
    askedMs = clock.monotonicMs();
    clock.shiftMs += 7_000;
    return Promise.resolve({});
  });
  const { poller } = pollerOf(t, source, { clock, intervalMs: 60_000 });
  await eventually(
    () => poller.newest,
    (newest) => newest !== undefined,
  );
  assert.ok((poller.newest?.takenAt ?? Infinity) <= askedMs);
  assert.ok((poller.attempt?.seconds ?? 0) >= 7);
});

test('a server that never answers has failed when the time is up, each time anew', async (t) => {
  const { ipamd, source } = await endpoint(t);
  ipamd.fault = 'hang';
  const { poller, attempt } = pollerOf(t, source, { timeoutMs: 100 });
  await attempt();
  assert.match(String(poller.attempt?.error), /did not answer within 100 ms/);
  assert.equal(reasonOf(poller), 'unreachable');
  assert.ok(poller.isThere);
  assert.equal(poller.newest, undefined);
  assert.ok(ipamd.requests.length >= 2);
});

test('a source that does not hear that its time is up is not read again before it has ended', async (t) => {
  const readings: { end?: () => void }[] = [];
  const source = scripted(() => new Promise((resolve) => readings.push({ end: () => resolve({}) })));
  const { poller, attempt } = pollerOf(t, source, { timeoutMs: 20 });
  await attempt();
  await attempt();
  assert.equal(readings.length, 1);
  assert.equal(reasonOf(poller), 'unreachable');
  readings[0]?.end?.();
  await eventually(
    () => readings.length,
    (seen) => seen === 2,
  );
  assert.equal(poller.newest, undefined, 'what came too late is not taken');
  await poller.close();
});

test('a source that throws something else has failed', async (t) => {
  const { poller, attempt } = pollerOf(t, {
    name: 'host-local',
    read: () => Promise.reject(new TypeError('no such thing')),
  });
  await attempt();
  const { reason, message } = poller.attempt?.error ?? {};
  assert.deepEqual([reason, message], ['failed', 'no such thing']);
});

test('a source that was never found is not there', async (t) => {
  const { poller, attempt } = pollerOf(t, {
    name: 'host-local',
    read: () => Promise.reject(new IpamReadError('not_found', 'ENOENT')),
  });
  assert.equal(poller.isThere, false, 'before the first attempt it is not known');
  await attempt();
  assert.equal(poller.isThere, false);
});

test('the pools have an hour of samples, across attempts that fail', async (t) => {
  const clock = createShiftedClock();
  let free = 1_000;
  let isDown = false;
  const source = scripted(() => {
    clock.shiftMs += 15_000;
    free--;
    return isDown ? Promise.reject(new Error('down')) : Promise.resolve({ pools: [{ labels: {}, free }] });
  });
  const { poller } = pollerOf(t, source, { clock, intervalMs: 1 });
  const samples = () => poller.newest?.pools[0]?.samples ?? [];
  await eventually(
    () => free,
    (seen) => seen < 600, // 100 minutes
  );
  const [oldest, newest] = [samples()[0], samples().at(-1)];
  const spanMs = (newest?.[0] ?? 0) - (oldest?.[0] ?? 0);
  assert.ok(spanMs > 58 * MINUTE_MS && spanMs <= 60 * MINUTE_MS, `${spanMs} ms`);
  assert.ok(samples().length >= 58 && samples().length <= REPORT_LIMITS.ipamPoolSamples, String(samples().length));
  isDown = true;
  const freeThen = free;
  const known = samples();
  await eventually(
    () => free,
    (seen) => seen < freeThen - 40,
  );
  assert.deepEqual(samples().slice(0, 10), known.slice(0, 10), 'nothing is added and nothing is lost');
  isDown = false;
  await eventually(samples, (seen) => (seen.at(-1)?.[1] ?? Infinity) < freeThen - 40);
  const gaps = samples().map(([at], i, all) => at - (all[i - 1]?.[0] ?? at));
  assert.ok(Math.max(...gaps) >= 9 * MINUTE_MS, 'the gap stays one');
});

test('more pools than a report takes cost those beyond, and are counted', async (t) => {
  const pools = Array.from({ length: REPORT_LIMITS.ipamPools + 2 }, (_, i) => ({
    labels: { range: String(i) },
    free: i,
  }));
  const { poller, attempt, rejected, logged } = pollerOf(
    t,
    scripted(() => Promise.resolve({ pools })),
  );
  await attempt();
  assert.equal(poller.newest?.pools.length, REPORT_LIMITS.ipamPools);
  assert.deepEqual(await rejected(), [['host-local', 'too_many_pools', true]]);
  assert.equal(logged.length, 1);
});

test('what was bad is counted each time, and told when it changes', async (t) => {
  let bad: IpamReading['bad'] = [];
  const { attempt, rejected, logged } = pollerOf(
    t,
    scripted(() => Promise.resolve({ bad })),
  );
  await attempt();
  assert.deepEqual(await rejected(), []);
  bad = [
    { reason: 'not_finite', message: 'awscni_ip_max is NaN' },
    { reason: 'duplicate', message: 'twice' },
  ];
  await attempt();
  await attempt();
  assert.deepEqual(await rejected(), [
    ['host-local', 'not_finite', true],
    ['host-local', 'duplicate', true],
  ]);
  bad = [];
  await attempt();
  assert.equal(logged.length, 2, logged.join(''));
  assert.match(logged[0] ?? '', /warn entries .* source=host-local count=2 first="awscni_ip_max is NaN"/);
  assert.match(logged[1] ?? '', /info no longer/);
});

test('what is bad is told once, whatever number its message has', async (t) => {
  let count = 0;
  let leftOut = ['awscni_a'];
  const { attempt, logged } = pollerOf(
    t,
    scripted(() => Promise.resolve({ leftOut, bad: [{ reason: 'bad_value', message: `a count is ${--count}` }] })),
  );
  await attempt();
  await attempt();
  assert.equal(logged.length, 1, logged.join(''));
  leftOut = ['awscni_b'];
  await attempt();
  assert.equal(logged.length, 2, 'another family is');
});

test('it ends at once, whatever it is at', async (t) => {
  const { ipamd, source } = await endpoint(t);
  ipamd.fault = 'hang';
  const { poller, states } = pollerOf(t, source, { timeoutMs: 60_000 });
  await eventually(
    () => ipamd.requests.length,
    (seen) => seen === 1,
  );
  await poller.close();
  assert.deepEqual(states, [], 'it is no fault of the source');
});
