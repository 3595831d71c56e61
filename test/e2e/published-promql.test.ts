// What predecessors and their users have published, evaluated in a real Prometheus over an hour of what a real apiserver with --compat
// shows; and beside each expression the one that `podnet migrate` suggests for it.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkFile } from '../../cli/migrate/check.js';
import { withoutVariables } from '../../cli/migrate/dashboard-variables.js';
import type { Finding } from '../../cli/migrate/finding.js';
import { COMPAT_NAMES } from '../../metrics/compat/compat.js';
import {
  END_SECONDS,
  ONSET_SECONDS,
  PredecessorWorld,
  agentIpamSeries,
  cadvisorSeries,
  kubeStateSeries,
} from '../support/predecessor-world.js';
import { startPrometheusWith, type Scrape } from '../support/prometheus-history.js';
import type { Prometheus, Series } from '../support/prometheus.js';
import { PUBLISHED, type Answer, type Published } from '../support/published-promql.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

type WorldName = NonNullable<Published['world']>;

/** Families that two places have are scraped from one of them, by the rules of docs/compat.md and docs/migrate. */
const SCRAPED: Readonly<Record<WorldName, (ours: string, second: number) => string>> = {
  // cAdvisor has its names to itself: rename-ours.
  cadvisor: (ours, second) =>
    ours.replace(/^(?=container_network_\w+_total\{)/gm, 'podnet:') + cadvisorSeries(second) + kubeStateSeries(),
  // Of cAdvisor nothing: drop-cadvisor.
  shim: (ours) => ours,
  // Of the nodes ipamd, and no totals.
  agents: (ours, second) => ours.replace(/^awscni_.*\n/gm, '') + agentIpamSeries(second),
};
const WORLDS = ['cadvisor', 'shim', 'agents'] as const;

/** An hour that is over, on a full minute. */
const BEGINNING = Math.floor(Date.now() / 60_000) * 60 - END_SECONDS - 3_600;
const END = BEGINNING + END_SECONDS;

function findingOf(expression: string): Finding {
  const file = JSON.stringify({ groups: [{ name: 'g', rules: [{ alert: 'A', expr: expression }] }] });
  const { findings, problems } = checkFile('rules.json', file);
  assert.deepEqual(problems, []);
  const [finding] = findings;
  assert.ok(finding !== undefined, `not found: ${expression}`);
  return finding;
}

function answerOf(series: readonly Series[], by: readonly string[]): Answer {
  return series.map(({ metric, value }) => [by.map((label) => metric[label] ?? '').join('/'), value]);
}

function assertAnswer(found: Answer, expected: Answer, what: string): void {
  const sorted = (answer: Answer) =>
    answer
      // Prometheus' own arithmetic is off by some of the last bits
      .map(([series, value]) => `${series} ${Number(value.toPrecision(9))}`)
      .sort();
  assert.deepEqual(sorted(found), sorted(expected), what);
}

describe('published PromQL', { skip: missing('prometheus', 'promtool') }, () => {
  const prometheus = new Map<WorldName, Prometheus>();

  before(async () => {
    const world = new PredecessorWorld();
    const scrapes: Record<WorldName, Scrape[]> = { cadvisor: [], shim: [], agents: [] };
    for (let second = 0; second < END_SECONDS;) {
      second = await world.step();
      const text = await world.exposition();
      for (const name of WORLDS)
        scrapes[name].push({ atSeconds: BEGINNING + second, text: SCRAPED[name](text, second) });
    }
    for (const name of WORLDS) prometheus.set(name, await startPrometheusWith(scrapes[name]));
    for (const name of WORLDS) {
      await eventually(
        () => query(name, 'count(podnet_interface_info)'),
        (found) => found.length === 1,
      );
    }
  });

  after(async () => {
    await Promise.all([...prometheus.values()].map((one) => one.close()));
  });

  async function query(world: WorldName, expression: string, atSeconds = END): Promise<Series[]> {
    const one = prometheus.get(world);
    assert.ok(one !== undefined);
    return one.query(expression, atSeconds);
  }

  for (const name of COMPAT_NAMES) {
    const published = PUBLISHED.filter(({ predecessor }) => predecessor === name);

    test(`what ${name} published gives the right answer without a recording rule`, async () => {
      assert.ok(published.length > 0);
      for (const { expression, world = 'cadvisor', by, answer } of published) {
        if ('fails' in answer) {
          await assert.rejects(
            query(world, expression),
            ({ message }: Error) => answer.fails.test(message),
            expression,
          );
        } else {
          assertAnswer(answerOf(await query(world, expression), by), answer, expression);
        }
      }
    });

    test(`what migrate suggests for ${name} gives the same, or what is right`, async () => {
      for (const { expression, world = 'cadvisor', by, answer, podnet } of published) {
        const finding = findingOf(expression);
        const isWrong = 'fails' in answer || (podnet?.answer !== undefined && answer.length === 0);
        assert.equal(finding.status, isWrong ? 'change' : 'served', expression);
        assert.deepEqual(finding.with, [`--compat=${name}`], expression);
        if (podnet === null) {
          assert.equal(finding.podnet, undefined, expression);
          assert.notDeepEqual(finding.why, []);
          continue;
        }
        assert.ok(finding.podnet !== undefined, `${expression}: ${finding.why.join()}`);
        assert.equal(findingOf(finding.podnet).status, 'works', finding.podnet);
        const expected = podnet?.answer ?? answer;
        assert.ok(!('fails' in expected));
        const found = answerOf(await query(world, finding.podnet), podnet?.by ?? by);
        assertAnswer(found, expected, `${expression}\n${finding.podnet}`);
      }
    });
  }

  test('what migrate suggests for the fixtures is PromQL to Prometheus', async () => {
    const directory = 'test/fixtures/migrate';
    let count = 0;
    for (const file of await readdir(directory)) {
      const { findings } = checkFile(file, await readFile(join(directory, file), 'utf8'));
      for (const { podnet, kind } of findings) {
        if (podnet === undefined || kind === 'variable') continue;
        await query('cadvisor', withoutVariables(podnet));
        count++;
      }
    }
    assert.ok(count >= 20, String(count));
  });

  for (const { expression, alert } of PUBLISHED) {
    if (alert === undefined) continue;
    test(`${alert.name} fires where it should, and not before`, async () => {
      const steps = alert.forMinutes;
      const firing = `count_over_time((${expression})[${steps}m:1m]) >= ${steps}`;
      assert.deepEqual(
        (await query('cadvisor', firing)).map(({ metric }) => metric['node']),
        ['node-a'],
      );
      assert.deepEqual(await query('cadvisor', firing, BEGINNING + ONSET_SECONDS), []);
    });
  }
});
