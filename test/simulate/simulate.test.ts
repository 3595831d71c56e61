import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { systemClock } from '../../runtime/clock.js';
import { run } from '../support/bundle.js';
import { eventually, fetchText, runApiserver } from '../support/programs.js';
import { checkAnswer } from './check-answer.js';
import { slowestReportMs } from './figures.js';
import { startFleet, type FleetStats } from './fleet.js';
import { World } from './world.js';

const METRIC = 'network_receive_bytes_per_second';
const INTERVAL_MS = 1_000;
const PATIENCE_MS = 60_000;
/** How long a report may be under way; the second one only where the machine was too busy for the first. */
const SLACKS_MS = [3_000, 8_000];

interface Watched {
  readonly violations: readonly string[];
  readonly values: number;
  readonly stats: FleetStats;
}

/** Asks a server all the time for a quarter of a minute, while pods and agents come and go. */
async function watch(slackMs: number): Promise<Watched> {
  const server = await runApiserver(['--window', '5s']);
  const world = new World({
    ...{ nodes: 20, pods: 5, interfaces: 2, namespacePods: 100, podLifeMs: 20_000, agentLifeMs: 20_000 },
    ...{ bootLifeMs: Infinity, startMs: systemClock.monotonicMs(), startWallMs: systemClock.wallMs() },
  });
  const fleet = startFleet({
    ...{ world, nodes: { from: 0, to: 20 }, targets: [server.url], ca: server.ca },
    ...{ clock: systemClock, intervalMs: INTERVAL_MS },
  });
  const options = { world, intervalMs: INTERVAL_MS, slackMs, sinceMs: world.options.startMs };
  const ask = async () => {
    const fromMs = systemClock.monotonicMs();
    const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/team-0/pods/*/${METRIC}`;
    const { statusCode, text } = await fetchText(server, path);
    assert.equal(statusCode, 200, text);
    const answer = JSON.parse(text) as MetricValueListV1Beta2;
    const asked = { fromMs, toMs: systemClock.monotonicMs(), namespace: 'team-0', metric: METRIC };
    return { answer, violations: checkAnswer(options, answer, asked) };
  };
  try {
    await eventually(ask, ({ answer }) => answer.items.length > 50, PATIENCE_MS);
    const endMs = systemClock.monotonicMs() + 15_000;
    const found = { violations: [] as string[], values: 0 };
    while (systemClock.monotonicMs() < endMs) {
      const { answer, violations } = await ask();
      found.values += answer.items.length;
      found.violations.push(...violations);
      await delay(50);
    }
    return { ...found, stats: fleet.stats() };
  } finally {
    await fleet.close();
    await server.close();
  }
}

test('agents of the simulator are answered for as the world has them, while pods and agents come and go', async (t) => {
  for (const slackMs of SLACKS_MS) {
    const { violations, values, stats } = await watch(slackMs);
    const reportMs = slowestReportMs(stats);
    t.diagnostic(`slack ${slackMs} ms: ${violations.length} violations, reports took up to ${Math.round(reportMs)} ms`);
    if (violations.length > 0 && reportMs > slackMs && slackMs !== SLACKS_MS.at(-1)) continue;
    assert.deepEqual(violations.slice(0, 5), []);
    assert.ok(values > 1_000);
    assert.equal(stats.rejected, 0, stats.firstRejected);
    assert.deepEqual([stats.pushes.refused, stats.pushes.failed], [0, 0]);
    assert.ok(stats.away > 0, 'no agent was started anew');
    return;
  }
});

interface Printed {
  readonly findings: readonly {
    readonly figures: readonly { readonly what: string; readonly value: number | null }[];
    readonly problems: readonly string[];
  }[];
}

/** Ten nodes for ten seconds. @returns what was printed with --json, and the exit code */
async function runSimulator(slackMs: number, flags: readonly string[]) {
  const world = ['--nodes=10', '--pods=5', '--namespace-pods=25', '--interval=1s', '--churn=30s'];
  const timing = ['--warmup=12s', '--ingest-only=2s', '--duration=10s', '--queries=5', '--scrape-interval=1s'];
  const all = [...world, ...timing, `--slack=${slackMs}ms`, '--json', ...flags];
  const program = run(process.execPath, ['build/test/simulate/main.js', ...all]);
  const code = await program.ended;
  const text = program.out().slice(-4_000) + program.error();
  assert.ok(program.out().startsWith('{'), text);
  const { findings } = JSON.parse(program.out()) as Printed;
  const { figures = [], problems = [] } = findings[0] ?? {};
  return { code, text, problems, valueOf: (wanted: string) => figures.find(({ what }) => what === wanted)?.value };
}

for (const [mode, flags] of [
  ['standalone, two of them', ['--servers=2', '--agent-processes=2']],
  ['in a cluster', ['--cluster']],
] as const) {
  test(`npm run simulate drives apiservers from other processes, and finds nothing wrong: ${mode}`, async () => {
    for (const slackMs of SLACKS_MS) {
      const { code, text, problems, valueOf } = await runSimulator(slackMs, flags);
      const isBusy = problems.some((problem) => problem.includes('more than --slack'));
      if (code !== 0 && isBusy && slackMs !== SLACKS_MS.at(-1)) continue;
      assert.equal(code, 0, text);
      assert.equal(valueOf('values and series that are wrong'), 0);
      assert.equal(valueOf('late or missing, as reports were'), 0);
      for (const [what, least] of [
        ['values checked', 25],
        ['series checked', 400],
        ['memory', 1],
        ['reports', 1],
        ['CPU for reports alone', 1],
      ] as const) {
        assert.ok((valueOf(what) ?? 0) >= least, `${what}: ${text}`);
      }
      return;
    }
  });
}
