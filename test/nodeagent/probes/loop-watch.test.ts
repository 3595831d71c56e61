import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { LoopWatch } from '../../../nodeagent/probes/loop-watch.js';
import { createProbeMetrics, type ProbeMetrics } from '../../../nodeagent/probes/probe-metrics.js';
import { systemClock, type Clock } from '../../../runtime/clock.js';
import { createManualClock } from '../../support/clock.js';
import { eventually } from '../../support/programs.js';

/** Time between two looks, and what a timer is early by. */
const BLIND_MS = 7;

let metrics: ProbeMetrics;
let watched: LoopWatch[];
beforeEach(() => {
  metrics = createProbeMetrics(new Registry());
  watched = [];
});
afterEach(() => watched.forEach((one) => one.close()));

function createWatch(clock: Pick<Clock, 'monotonicMs'> = systemClock): LoopWatch {
  const loop = new LoopWatch(clock, metrics.loopDelay);
  watched.push(loop);
  return loop;
}

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

async function observed(suffix: 'count' | 'sum'): Promise<number> {
  const { values } = await metrics.loopDelay.get();
  return values.find(({ metricName }) => metricName?.endsWith(`_${suffix}`))?.value ?? 0;
}

test('a hold-up is known before any timer has run', () => {
  const end = createWatch().watch();
  block(60);
  const worst = end();
  assert.ok(worst >= 60 - BLIND_MS, `${worst}`);
});

test('a hold-up is known when the loop has long gone on', async () => {
  const end = createWatch().watch();
  await setImmediate();
  block(60);
  await delay(30);
  const worst = end();
  assert.ok(worst >= 60 - BLIND_MS, `${worst}`);
});

test('what was before a watch is none of its business', () => {
  const loop = createWatch();
  const endOther = loop.watch();
  block(60);
  const began = performance.now();
  const worst = loop.watch()();
  assert.ok(worst <= performance.now() - began, `${worst}`);
  endOther();
});

test('each watch is told the worst of its own time', async () => {
  const clock = createManualClock();
  const loop = createWatch(clock);
  const ticks = async (least: number) =>
    eventually(
      () => observed('count'),
      (count) => count >= least,
    );
  const [first] = [loop.watch()];
  clock.advance(80);
  const second = loop.watch();
  await ticks(1);
  const third = loop.watch();
  clock.advance(30);
  await ticks((await observed('count')) + 1);
  clock.advance(10);
  const fourth = loop.watch();
  clock.advance(2);
  // what is shorter than a tick is not known
  assert.deepEqual([first(), second(), third(), fourth()], [75, 25, 25, 0]);
});

test('the longer nothing new is under way, the fewer looks', async () => {
  const loop = createWatch();
  loop.watch();
  await delay(1_500);
  const looks = await observed('count');
  // 300 of 5 ms; one each time that another tenth has passed are 45
  assert.ok(looks > 10 && looks < 100, `${looks} looks`);
  const another = loop.watch();
  block(60);
  assert.ok(another() >= 60 - BLIND_MS);
});

test('an earlier and lesser delay gives way to a later one', async () => {
  const clock = createManualClock();
  const end = createWatch(clock).watch();
  for (const lag of [20, 50, 30]) {
    clock.advance(5 + lag);
    const sum = await observed('sum');
    await eventually(
      () => observed('sum'),
      (now) => now > sum,
    );
  }
  assert.equal(end(), 50);
});

test('the delay is told without any probe, too', async () => {
  const loop = createWatch();
  loop.start();
  await delay(1);
  block(700);
  await eventually(
    () => observed('sum'),
    (sum) => sum >= 0.19,
  );
});

test('what held up a probe that ended before the tick is told', async () => {
  const end = createWatch().watch();
  block(60);
  end();
  assert.ok((await observed('sum')) >= (60 - BLIND_MS) / 1_000);
  assert.equal(await observed('count'), 1);
});
