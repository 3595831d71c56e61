import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { createProbeMetrics, type ProbeMetrics } from '../../../nodeagent/probes/probe-metrics.js';
import type { Outcome, ProbeLimits, Target } from '../../../nodeagent/probes/probe.js';
import { Prober, type ProberDeps } from '../../../nodeagent/probes/prober.js';
import { PROBE_COLUMNS, PROBE_REASONS, REPORT_LIMITS, type ProbeReason } from '../../../openapi/report-terms.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { eventually } from '../../support/programs.js';

const OK: Outcome<'dial'> = { ok: true, seconds: 0.003 };
const REFUSED: Outcome<'dial'> = { ok: false, reason: 'refused' };
const TIMEOUT: Outcome<'dial'> = { ok: false, reason: 'timeout' };

let metrics: ProbeMetrics;
let registry: Registry;
let logged: string[];
let verdicts: number;
let stops: (() => Promise<void>)[];
beforeEach(() => {
  registry = new Registry();
  metrics = createProbeMetrics(registry);
  logged = [];
  verdicts = 0;
  stops = [];
});
afterEach(() => Promise.all(stops.map((stop) => stop())));

/** A prober whose first probes come at once; a busy machine costs it no probe unless a test says so. */
function createProber(
  intervalMs: number,
  { timeoutMs = 1_000, ...deps }: Partial<ProberDeps> & { timeoutMs?: number } = {},
) {
  const plan = { intervalMs, timeoutMs };
  return new Prober({
    clock: systemClock,
    random: () => 0,
    plans: { dial: plan, dns: plan, ntp: plan },
    maxLoopDelayMs: 60_000,
    metrics,
    log: createLogger('test', { level: 'info', format: 'json', write: (line) => logged.push(line) }),
    onVerdict: () => verdicts++,
    ...deps,
  });
}

function run(prober: Prober): () => Promise<void> {
  const stop = new AbortController();
  const running = prober.run(stop.signal);
  const end = () => {
    stop.abort();
    return running;
  };
  stops.push(end);
  return end;
}

type Probe = Target<'dial'>['probe'];

function targetOf(key: string, probe: Probe, overrides: Partial<Target<'dial'>> = {}): Target<'dial'> {
  return {
    key,
    meta: { peer: { node: key, zone: '' }, network: 'default', family: 'ipv4', address: '10.0.0.1:9809' },
    server: key,
    probe,
    ...overrides,
  };
}

/** Answers with each of these, and when there are no more, never. */
function answers(...outcomes: readonly Outcome<'dial'>[]): Probe {
  let asked = 0;
  return (limits) => {
    const outcome = outcomes[asked++];
    return outcome === undefined ? silence(limits) : Promise.resolve(outcome);
  };
}

/** Nobody answers before the target is of no interest any more. */
function silence({ signal }: ProbeLimits): Promise<Outcome<'dial'>> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(TIMEOUT);
    else signal.addEventListener('abort', () => resolve(TIMEOUT), { once: true });
  });
}

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** What was counted of a target. */
function countsOf(prober: Prober, key: string) {
  const reading = prober.readings().dial.find((one) => one.key === key);
  const { recent, row } = reading ?? { recent: undefined, row: [] };
  const failures = PROBE_REASONS.dial.map((reason, i) => [reason, row[PROBE_COLUMNS.failures + i] ?? 0] as const);
  return {
    recent,
    ok: row[PROBE_COLUMNS.count] ?? NaN,
    failed: Object.fromEntries(failures.filter(([, count]) => count > 0)) as Partial<
      Record<ProbeReason<'dial'>, number>
    >,
  };
}

async function leftOut(reason: string): Promise<number> {
  const { values } = await metrics.leftOut.get();
  return values.find(({ labels }) => labels.kind === 'dial' && labels.reason === reason)?.value ?? NaN;
}

test('each target is probed again and again, and readings are ordered by key', async () => {
  const prober = createProber(20);
  prober.setTargets('dial', [targetOf('b', () => Promise.resolve(REFUSED)), targetOf('a', () => Promise.resolve(OK))]);
  assert.deepEqual(
    prober.readings().dial.map(({ key, recent }) => [key, recent]),
    [
      ['a', undefined],
      ['b', undefined],
    ],
  );
  run(prober);
  await eventually(
    () => [countsOf(prober, 'a').ok, countsOf(prober, 'b').failed.refused ?? 0],
    (counts) => counts.every((count) => count >= 9),
  );
  assert.deepEqual(countsOf(prober, 'a').recent, { attempts: 8, failures: 0, lastFailed: false, medianSeconds: 0.003 });
  assert.deepEqual(countsOf(prober, 'b').recent, { attempts: 8, failures: 8, lastFailed: true });
  assert.deepEqual(
    prober.readings().dial.map(({ key }) => key),
    ['a', 'b'],
  );
  assert.deepEqual([prober.readings().dns, prober.readings().ntp], [[], []]);
});

test('targets that come later are probed, too, and the gauge says how many there are', async () => {
  const prober = createProber(60_000);
  run(prober);
  prober.setTargets('dial', [targetOf('a', answers(OK))]);
  await eventually(
    () => countsOf(prober, 'a').ok,
    (ok) => ok === 1,
  );
  prober.setTargets('dial', [targetOf('a', answers()), targetOf('b', answers())]);
  assert.match(await registry.metrics(), /^podnet_nodeagent_probe_targets\{kind="dial"\} 2$/m);
});

test('a probe that is longer than the interval skips rounds: of one target no two are under way', async () => {
  const prober = createProber(20);
  let [underWay, most, ended] = [0, 0, 0];
  const probe = async () => {
    most = Math.max(most, ++underWay);
    await delay(55);
    underWay--;
    ended++;
    return OK;
  };
  prober.setTargets('dial', [targetOf('a', probe)]);
  run(prober);
  await eventually(
    () => ended,
    (count) => count >= 4,
  );
  assert.equal(most, 1);
});

test('a server that does not answer takes its own places, and delays nobody else', async () => {
  const prober = createProber(30);
  const slow = Array.from({ length: 20 }, (_, i) => targetOf(`slow-${i}`, silence, { server: 'slow' }));
  prober.setTargets('dial', [...slow, targetOf('quick', () => Promise.resolve(OK))]);
  run(prober);
  await eventually(
    () => countsOf(prober, 'quick').ok,
    (ok) => ok >= 5,
  );
  assert.ok((await leftOut('busy')) >= 4, 'four found no place');
});

test('no more than 256 are under way in all, and places are given back', async () => {
  const prober = createProber(50);
  let [underWay, most] = [0, 0];
  const probe = async (limits: ProbeLimits) => {
    most = Math.max(most, ++underWay);
    await silence(limits);
    underWay--;
    return OK;
  };
  const targets = Array.from({ length: 300 }, (_, i) => targetOf(`t-${i}`, probe));
  prober.setTargets('dial', targets);
  run(prober);
  await eventually(
    () => leftOut('busy'),
    (count) => count >= 44,
  );
  assert.equal(most, 256);
  prober.setTargets('dial', [targetOf('next', () => Promise.resolve(OK))]);
  await eventually(
    () => countsOf(prober, 'next').ok,
    (ok) => ok >= 1,
  );
  assert.equal(underWay, 0);
});

test('no more is probed than a report takes, and that is told once', () => {
  const prober = createProber(60_000);
  const many = Array.from({ length: 4_096 }, (_, i) => targetOf(String(i), answers(OK)));
  prober.setTargets('dial', many);
  prober.setTargets('dial', many);
  assert.equal(prober.readings().dial.length, REPORT_LIMITS.probeSeries);
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /"leftOut":3072/);
});

test('a latency measured while the agent was held up is left out; what somebody answered is true all the same', async () => {
  const prober = createProber(60_000, { maxLoopDelayMs: 50 });
  const heldUp = (outcome: Outcome<'dial'>): Probe => {
    return () => {
      block(150);
      return Promise.resolve(outcome);
    };
  };
  prober.setTargets('dial', [targetOf('ok', heldUp(OK)), targetOf('refused', heldUp(REFUSED))]);
  run(prober);
  await eventually(
    async () => [await leftOut('loop_delay'), countsOf(prober, 'refused').failed.refused],
    ([left, refused]) => left === 1 && refused === 1,
  );
  assert.deepEqual(countsOf(prober, 'ok'), { recent: undefined, ok: 0, failed: {} });
});

test('where every probe is left out, how the last that was counted went is soon nobody’s verdict', async () => {
  const prober = createProber(20, { timeoutMs: 100, maxLoopDelayMs: 10 });
  let asked = 0;
  const answer: Probe = () => {
    if (asked++ === 0) return Promise.resolve(REFUSED);
    block(30);
    return Promise.resolve(OK);
  };
  prober.setTargets('dial', [targetOf('a', answer)]);
  run(prober);
  await eventually(
    () => countsOf(prober, 'a').recent,
    (recent) => recent?.lastFailed === true,
  );
  await eventually(
    () => countsOf(prober, 'a'),
    ({ recent, failed, ok }) => recent === undefined && failed.refused === 1 && ok === 0,
  );
});

test('a timeout is left out only where the agent was held up for half of it', async () => {
  const blocked: Probe = () => {
    block(300);
    return Promise.resolve(TIMEOUT);
  };
  const busy = createProber(60_000, { timeoutMs: 60_000, maxLoopDelayMs: 1 });
  const stuck = createProber(60_000, { timeoutMs: 400, maxLoopDelayMs: 1 });
  for (const prober of [busy, stuck]) {
    prober.setTargets('dial', [targetOf('a', blocked)]);
    run(prober);
  }
  await eventually(
    async () => [await leftOut('loop_delay'), countsOf(busy, 'a').failed.timeout],
    ([left, counted]) => left === 1 && counted === 1,
  );
  assert.equal(countsOf(stuck, 'a').recent, undefined);
});

test('a probe that ends as soon as it can has not failed to end, however long the agent was held up', async () => {
  const prober = createProber(60_000, { timeoutMs: 100 });
  const late: Probe = ({ timeoutMs }) => {
    setTimeout(() => block(2_000), 1);
    return new Promise((resolve) => setTimeout(() => setImmediate(resolve, TIMEOUT), timeoutMs));
  };
  prober.setTargets('dial', [targetOf('a', late)]);
  run(prober);
  await eventually(
    () => leftOut('loop_delay'),
    (left) => left === 1,
  );
  assert.deepEqual(countsOf(prober, 'a'), { recent: undefined, ok: 0, failed: {} });
  assert.deepEqual(logged, []);
});

test('a name that was not resolved in time is left out where the agent was held up for half of that', async () => {
  const unresolved = (heldUpMs: number): Probe => {
    return () => {
      block(heldUpMs);
      return Promise.resolve({ ok: false, reason: 'dns' });
    };
  };
  const prober = createProber(60_000, { timeoutMs: 1_000 });
  prober.setTargets('dial', [targetOf('held up', unresolved(350)), targetOf('true', unresolved(0))]);
  run(prober);
  await eventually(
    async () => [await leftOut('loop_delay'), countsOf(prober, 'true').failed.dns],
    ([left, counted]) => left === 1 && counted === 1,
  );
  assert.equal(countsOf(prober, 'held up').recent, undefined);
});

test('a peer that is gone by the time that its failure is judged has not failed', async () => {
  const prober = createProber(1_000);
  let judged = 0;
  const judge = (isFailure: boolean) => () => {
    judged++;
    return isFailure;
  };
  prober.setTargets('dial', [
    targetOf('gone', answers(REFUSED), { isFailure: judge(false) }),
    targetOf('live', answers(REFUSED), { isFailure: judge(true) }),
  ]);
  run(prober);
  await eventually(
    () => countsOf(prober, 'live').failed.refused,
    (count) => count === 1,
  );
  await eventually(
    () => leftOut('peer_gone'),
    (count) => count === 1,
  );
  assert.equal(judged, 2);
  assert.equal(countsOf(prober, 'gone').recent, undefined);
  assert.equal(verdicts, 1);
});

test('a failure that is judged when the next probe has succeeded does not count as the newest', async () => {
  const prober = createProber(200);
  const rest = answers(OK);
  let asked = 0;
  const probe: Probe = async (limits) => {
    if (asked++ > 0) return rest(limits);
    await delay(190);
    return TIMEOUT;
  };
  prober.setTargets('dial', [targetOf('a', probe, { isFailure: () => true })]);
  run(prober);
  const counts = await eventually(
    () => countsOf(prober, 'a'),
    ({ ok, failed }) => ok === 1 && failed.timeout === 1,
  );
  assert.equal(counts.recent?.lastFailed, false);
});

test('it is told when a target begins or ceases to fail, and not how it goes on', async () => {
  const prober = createProber(10);
  prober.setTargets('dial', [targetOf('a', answers(OK, OK, REFUSED, TIMEOUT, REFUSED, OK, OK, REFUSED))]);
  run(prober);
  await eventually(
    () => countsOf(prober, 'a').recent?.attempts,
    (attempts) => attempts === 8,
  );
  assert.equal(verdicts, 3);
  const told = logged.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    told.map(({ kind, target, reason, msg }) => [kind, target, reason, msg]),
    [
      ['dial', 'a', 'refused', 'a target begins to fail'],
      ['dial', 'a', undefined, 'a target answers again'],
      ['dial', 'a', 'refused', 'a target begins to fail'],
    ],
  );
});

test('a server that asks for a pause gets it, or peace for good', async () => {
  const prober = createProber(20);
  const times: number[] = [];
  const pausing: Probe = () => {
    times.push(performance.now());
    return Promise.resolve({ ok: false, reason: 'other', pauseMs: 300 });
  };
  const never = answers({ ok: false, reason: 'other', pauseMs: Infinity }, OK);
  prober.setTargets('dial', [targetOf('pausing', pausing), targetOf('never', never)]);
  run(prober);
  await eventually(
    () => times.length,
    (count) => count >= 3,
  );
  for (const [i, time] of times.slice(1).entries()) assert.ok(time - (times[i] ?? 0) > 290);
  assert.deepEqual(countsOf(prober, 'never').failed, { other: 1 });
  assert.equal(countsOf(prober, 'never').ok, 0);
});

test('what is gone is aborted and forgotten; what comes back begins at zero', async () => {
  const prober = createProber(20);
  const aborted: string[] = [];
  const rest = answers(REFUSED, REFUSED);
  let asked = 0;
  const probe: Probe = async (limits) => {
    if (asked++ < 2) return rest(limits);
    await silence(limits);
    aborted.push('a');
    return REFUSED;
  };
  prober.setTargets('dial', [targetOf('a', probe)]);
  run(prober);
  await eventually(
    () => asked,
    (count) => count === 3,
  );
  prober.setTargets('dial', []);
  assert.deepEqual(prober.readings().dial, []);
  prober.setTargets('dial', [targetOf('a', answers(OK))]);
  const counts = await eventually(
    () => countsOf(prober, 'a'),
    ({ ok }) => ok === 1,
  );
  assert.deepEqual(counts.failed, {});
  assert.deepEqual(aborted, ['a']);
  assert.equal(verdicts, 1);
});

test('another address under the same key goes on with its counts', async () => {
  const prober = createProber(20);
  prober.setTargets('dial', [targetOf('a', answers(OK, OK))]);
  run(prober);
  await eventually(
    () => countsOf(prober, 'a').ok,
    (ok) => ok === 2,
  );
  const moved = targetOf('a', answers());
  prober.setTargets('dial', [{ ...moved, meta: { ...moved.meta, address: '10.0.0.2:9809' } }]);
  const [reading] = prober.readings().dial;
  assert.equal(reading?.meta.address, '10.0.0.2:9809');
  assert.equal(countsOf(prober, 'a').ok, 2);
});

test('whatever a target throws is a failure like others, and logged once', async () => {
  const prober = createProber(20);
  const fail = () => {
    throw new Error('a fault of ours');
  };
  prober.setTargets('dial', [
    targetOf('rejects', () => Promise.reject(new Error('a fault of ours'))),
    targetOf('throws', fail),
    targetOf('judge', () => Promise.resolve(REFUSED), { isFailure: fail }),
  ]);
  const stop = run(prober);
  await eventually(
    () => ['rejects', 'throws', 'judge'].map((key) => countsOf(prober, key).recent?.failures ?? 0),
    (failures) => failures.every((count) => count >= 3),
  );
  await stop();
  assert.ok((countsOf(prober, 'throws').failed.other ?? 0) >= 3);
  assert.ok((countsOf(prober, 'judge').failed.refused ?? 0) >= 3);
  const faults = logged.filter((line) => line.includes('a probe threw'));
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /a fault of ours/);
});

test('a probe that never ends is given up', async () => {
  const prober = createProber(50, { timeoutMs: 100 });
  prober.setTargets('dial', [targetOf('a', () => new Promise(() => undefined))]);
  run(prober);
  await eventually(
    () => countsOf(prober, 'a').failed.other,
    (count) => count === 1,
  );
  assert.match(logged[0] ?? '', /does not end/);
});

test('at its end nothing is under way', async () => {
  const prober = createProber(60_000);
  let [begun, ended] = [0, 0];
  const probe: Probe = async (limits) => {
    begun++;
    await silence(limits);
    await delay(100);
    ended++;
    return OK;
  };
  const targets = ['a', 'b', 'c'].map((key) => targetOf(key, probe));
  prober.setTargets('dial', targets);
  const stop = run(prober);
  await eventually(
    () => begun,
    (count) => count === 3,
  );
  prober.setTargets('dial', targets.slice(0, 2));
  await stop();
  assert.equal(ended, 3);
  assert.equal(countsOf(prober, 'a').recent, undefined);
  prober.setTargets('dial', targets);
  await createProber(20).run(AbortSignal.abort());
  assert.equal(begun, 3);
});

test("a server's clock is dropped after three intervals without an answer", async () => {
  let skippedMs = 0;
  const clock = { monotonicMs: () => systemClock.monotonicMs() + skippedMs };
  const prober = createProber(60_000, { clock });
  const said = { offsetSeconds: 0.01, stratum: 2 };
  const probe = () => Promise.resolve({ ok: true, seconds: 0.01, clock: said } as const);
  prober.setTargets('ntp', [{ key: 'a', server: 'a', meta: { server: 'a' }, probe }]);
  run(prober);
  await eventually(
    () => prober.readings().ntp[0]?.clock,
    (seen) => seen !== undefined,
  );
  skippedMs = 170_000;
  assert.deepEqual(prober.readings().ntp[0]?.clock, said);
  skippedMs = 190_000;
  assert.equal(prober.readings().ntp[0]?.clock, undefined);
});
