import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { systemClock } from '../../runtime/clock.js';
import { eventually, fetchText, runApiserver } from '../support/programs.js';
import { checkAnswer } from './check-answer.js';
import { startFleet } from './fleet.js';
import { World } from './world.js';

const METRIC = 'network_receive_bytes_per_second';
const INTERVAL_MS = 1_000;

test('agents of the simulator are answered for as the world has them, while pods and agents come and go', async (t) => {
  const server = await runApiserver(['--window', '5s']);
  const world = new World({
    ...{ nodes: 20, pods: 5, interfaces: 2, namespacePods: 100, podLifeMs: 10_000, agentLifeMs: 12_000 },
    ...{ bootLifeMs: Infinity, startMs: systemClock.monotonicMs(), startWallMs: systemClock.wallMs() },
  });
  const fleet = startFleet({
    ...{ world, nodes: { from: 0, to: 20 }, targets: [server.url], ca: server.ca },
    ...{ clock: systemClock, intervalMs: INTERVAL_MS },
  });
  t.after(async () => {
    await fleet.close();
    await server.close();
  });
  const options = { world, intervalMs: INTERVAL_MS, slackMs: 1_000, sinceMs: world.options.startMs };
  const ask = async () => {
    const fromMs = systemClock.monotonicMs();
    const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/team-0/pods/*/${METRIC}`;
    const { statusCode, text } = await fetchText(server, path);
    assert.equal(statusCode, 200, text);
    const answer = JSON.parse(text) as MetricValueListV1Beta2;
    const asked = { fromMs, toMs: systemClock.monotonicMs(), namespace: 'team-0', metric: METRIC };
    return { answer, violations: checkAnswer(options, answer, asked) };
  };
  await eventually(ask, ({ answer }) => answer.items.length > 50);
  const endMs = systemClock.monotonicMs() + 15_000;
  let items = 0;
  while (systemClock.monotonicMs() < endMs) {
    const { answer, violations } = await ask();
    items += answer.items.length;
    assert.deepEqual(violations, []);
    await delay(50);
  }
  const stats = fleet.stats();
  assert.ok(items > 1_000);
  assert.equal(stats.rejected, 0, stats.firstRejected);
  assert.deepEqual([stats.pushes.refused, stats.pushes.failed], [0, 0]);
  assert.ok(stats.away > 0, 'no agent was started anew');
});
