import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { systemClock } from '../../runtime/clock.js';
import { run } from '../support/bundle.js';
import { eventually, fetchText, runApiserver } from '../support/programs.js';
import { checkAnswer } from './check-answer.js';
import { startFleet } from './fleet.js';
import { World } from './world.js';

const METRIC = 'network_receive_bytes_per_second';
const INTERVAL_MS = 1_000;
/** The machine may be busy with others. */
const SLACK_MS = 8_000;

test('agents of the simulator are answered for as the world has them, while pods and agents come and go', async (t) => {
  const server = await runApiserver(['--window', '5s']);
  const world = new World({
    ...{ nodes: 20, pods: 5, interfaces: 2, namespacePods: 100, podLifeMs: 20_000, agentLifeMs: 20_000 },
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
  const options = { world, intervalMs: INTERVAL_MS, slackMs: SLACK_MS, sinceMs: world.options.startMs };
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

test('npm run simulate drives apiservers from other processes, and finds nothing wrong', async () => {
  const flags = [
    '--nodes=10',
    '--pods=5',
    '--namespace-pods=25',
    '--interval=1s',
    '--slack=8s',
    '--servers=2',
    '--agent-processes=2',
  ];
  const timing = ['--warmup=12s', '--duration=10s', '--queries=5', '--scrape-interval=1s', '--churn=30s', '--json'];
  const program = run(process.execPath, ['build/test/simulate/main.js', ...flags, ...timing]);
  const code = await program.ended;
  assert.equal(code, 0, program.out().slice(-4_000) + program.error());
  const { findings } = JSON.parse(program.out()) as { findings: { figures: { what: string; value: number }[] }[] };
  const valueOf = (wanted: string) => findings[0]?.figures.find(({ what }) => what === wanted)?.value ?? NaN;
  assert.equal(valueOf('violations'), 0);
  assert.ok(valueOf('values checked') > 25 && valueOf('series checked') > 400, program.out());
  assert.ok(valueOf('memory of a server') > 0 && valueOf('reports of a server') > 0, program.out());
});
