import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { checkAnswer, parseQuantity, type CheckOptions } from './check-answer.js';
import { howeverLate } from './expected.js';
import { MetricsCheck } from './check-metrics.js';
import { SampleTimes } from './sample-times.js';
import { World, type SimPod } from './world.js';

const START_MS = 7_000_000;
const METRIC = 'network_receive_bytes_per_second';
const INTERVAL_MS = 15_000;
const SLACK_MS = 1_000;
const world = new World({
  ...{ nodes: 10, pods: 5, interfaces: 2, startMs: START_MS, startWallMs: 1_800_000_000_000, namespacePods: 50 },
  ...{ podLifeMs: 400_000, agentLifeMs: 600_000, bootLifeMs: 1_000_000 },
});
const options: CheckOptions = { world, intervalMs: INTERVAL_MS, slackMs: SLACK_MS, sinceMs: START_MS };
const times = new SampleTimes(world, INTERVAL_MS);
type Item = MetricValueListV1Beta2['items'][number];

/** What a server that has every sample answers half a second after it. */
function itemOf(pod: SimPod, nowMs: number): Item | undefined {
  const since = Math.max(pod.bornMs, world.boot(pod.node, nowMs).bootedMs);
  const [newest] = times.sent(pod.node, { fromMs: since, toMs: nowMs, slackMs: SLACK_MS, most: 2 });
  if (
    newest === undefined ||
    times.sent(pod.node, { fromMs: since, toMs: nowMs, slackMs: SLACK_MS, most: 2 }).length < 2
  )
    return;
  const rate = world.perSecond(pod, 0, 0) + world.perSecond(pod, 1, 0);
  return {
    describedObject: { kind: 'Pod', namespace: pod.namespace, name: pod.name, apiVersion: 'v1' },
    metric: { name: METRIC, selector: null },
    ...{
      timestamp: `${new Date(world.wallMs(newest)).toISOString().slice(0, 19)}Z`,
      windowSeconds: 60,
      value: String(rate),
    },
  };
}

function answerAt(nowMs: number): Item[] {
  return world.podsIn('team-0', nowMs).flatMap((pod) => itemOf(pod, nowMs) ?? []);
}

function check(items: Item[], nowMs: number, asked = options): string[] {
  const answer: MetricValueListV1Beta2 = {
    ...{ kind: 'MetricValueList', apiVersion: 'custom.metrics.k8s.io/v1beta2', metadata: {}, items },
  };
  return checkAnswer(asked, answer, { fromMs: nowMs, toMs: nowMs + 10, namespace: 'team-0', metric: METRIC });
}

function linesAt(nowMs: number): string[] {
  return INTERFACE_COUNTERS.flatMap((counter, column) =>
    world.podsIn('team-0', nowMs).flatMap((pod) => {
      const since = Math.max(pod.bornMs, world.boot(pod.node, nowMs).bootedMs);
      const [newest] = times.sent(pod.node, { fromMs: since, toMs: nowMs, slackMs: SLACK_MS, most: 2 });
      if (newest === undefined) return [];
      const family = `podnet_interface_${counter.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`;
      return [0, 1].map((iface) => {
        const labels = `node="${world.nodeName(pod.node)}",namespace="${pod.namespace}",pod="${pod.name}"`;
        const more = `interface="${world.interfaceName(iface)}",network="${world.network(iface)}",primary="true"`;
        return `${family}{${labels},${more}} ${world.counter(pod, iface, column, newest)}`;
      });
    }),
  );
}

interface Found {
  readonly wrong: readonly string[];
  readonly late: readonly string[];
}

function scrape(metrics: MetricsCheck, lines: readonly string[], nowMs: number): Found {
  metrics.begin({ fromMs: nowMs, toMs: nowMs + 10 });
  metrics.add(lines.join('\n'));
  const { wrong, late } = metrics.end(true);
  return { wrong: wrong.first, late: late.first };
}

/** Pods and agents have come and gone by then. */
const NOW_MS = START_MS + 900_000;

describe('the check of an answer', () => {
  test('finds nothing wrong with the answers of a server that has every sample', () => {
    for (let ms = START_MS; ms < START_MS + 2_000_000; ms += 3_333) assert.deepEqual(check(answerAt(ms), ms), []);
    assert.ok(answerAt(NOW_MS).length > 40);
  });

  const [first, ...rest] = answerAt(NOW_MS);
  assert.ok(first !== undefined);
  const withFirst = (change: Partial<Item>): Item[] => [{ ...first, ...change }, ...rest];
  const named = (name: string): Item[] => withFirst({ describedObject: { ...first.describedObject, name } });
  const ended = world.podAt(2, 0, START_MS + 1);
  const unborn = world.podAt(0, 0, world.podAt(0, 0, NOW_MS).endsMs + 1);
  const FAULTS: readonly (readonly [string, Item[], RegExp, 'late'?])[] = [
    [
      'a value that is a little more',
      withFirst({ value: `${(parseQuantity(first.value) ?? 0) + 1}` }),
      / has \d+ over 60 s, and \d+ ± 0\.\d+ is right$/,
    ],
    ['a zero', withFirst({ value: '0' }), / has 0 over 60 s, and \d+ ± /],
    ['no number', withFirst({ value: 'NaN' }), / has NaN over /],
    ['a pod that is left out', rest, / has no value, with \d+ samples, newest \d+ ms old$/, 'late'],
    ['a pod that is there twice', [first, first, ...rest], / is answered twice$/],
    ['a pod that never was', named('web-0'), /\/web-0 does not exist$/],
    ['a pod that has ended', named(ended.name), / does not exist$| after it ended$/],
    ['a pod that is still to come', named(unborn.name), / does not exist$/],
    [
      'a pod of another namespace',
      withFirst({ describedObject: { ...first.describedObject, namespace: 'team-1' } }),
      /team-1\/.* does not exist/,
    ],
    [
      'a sample that is an interval older',
      withFirst({ timestamp: new Date(Date.parse(first.timestamp) - INTERVAL_MS).toISOString() }),
      / is of \d+ ms ago, where /,
      'late',
    ],
    [
      'a sample that is stale',
      withFirst({ timestamp: new Date(Date.parse(first.timestamp) - 5 * INTERVAL_MS).toISOString() }),
      / is of \d+ ms ago, where /,
    ],
    [
      'a sample of the future',
      withFirst({ timestamp: new Date(world.wallMs(NOW_MS + 1_000)).toISOString() }),
      / is of -\d+ ms ago, where /,
    ],
  ];
  for (const [what, items, expected, kind = 'wrong'] of FAULTS) {
    test(`finds ${what}: ${kind}`, () => {
      const problems = check(items, NOW_MS);
      assert.ok(
        problems.some((problem) => expected.test(problem)),
        JSON.stringify(problems),
      );
      const howeverLateItIs = check(items, NOW_MS, howeverLate(options));
      assert.equal(howeverLateItIs.length > 0, kind === 'wrong', JSON.stringify(howeverLateItIs));
    });
  }

  test('finds a value after one sample', () => {
    const young = world.podsIn('team-0', NOW_MS).map((pod) => ({ pod, ms: pod.bornMs + INTERVAL_MS / 2 }));
    const [{ pod, ms } = assert.fail('no pod was born since')] = young.filter(
      ({ pod: { bornMs } }) => bornMs > START_MS,
    );
    const other = itemOf(pod, NOW_MS) ?? assert.fail('no value');
    const item = { ...other, timestamp: new Date(world.wallMs(ms)).toISOString() };
    assert.match(check([...answerAt(ms), item], ms).join('\n'), / is told of \d+ ms after it began, with [01] samples/);
  });
});

describe('the check of /metrics', () => {
  test('finds nothing wrong with the series of a server that has every sample', () => {
    const metrics = new MetricsCheck(options);
    for (let ms = START_MS; ms < START_MS + 2_000_000; ms += 3_333)
      assert.deepEqual(scrape(metrics, linesAt(ms), ms), { wrong: [], late: [] });
    assert.ok(metrics.series > 10_000);
  });

  const lines = linesAt(NOW_MS);
  const [first = '', ...rest] = lines;
  const value = Number(first.split(' ').at(-1));
  const [pod = assert.fail('no pod')] = world.podsIn('team-0', NOW_MS);
  const perInterval = (world.perSecond(pod, 0, 0) * INTERVAL_MS) / 1_000;
  const withValue = (changed: number): string => first.replace(/ \d+$/, ` ${changed}`);
  const FAULTS: readonly (readonly [string, string[], RegExp, 'late'?])[] = [
    ['a series that is left out', rest, / has no series 0$/, 'late'],
    ['a series that is there twice', [first, ...lines], /^is there twice: /],
    ['a count of the future', [withValue(value * 2), ...rest], / is \d+, and \d+ to \d+ is right$/],
    [
      'a count of an interval before',
      [withValue(value - perInterval), ...rest],
      / is \d+, and \d+ to \d+ is right$/,
      'late',
    ],
    ['a count that is stale', [withValue(value - 6 * perInterval), ...rest], / is \d+, and \d+ to \d+ is right$/],
    ['a zero', [withValue(0), ...rest], / is 0, and \d+ to \d+ is right$/],
    ['a pod on another node', [first.replace('ip-10-0-0-', 'ip-10-0-9-'), ...rest], /^does not exist: /],
    ['a pod that never was', [first.replace(/pod="[^"]*"/, 'pod="web-0"'), ...rest], /^does not exist: /],
    ['a line that is cut off', [first.slice(0, 90), ...rest], /^cannot be read: /],
  ];
  for (const [what, changed, expected, kind = 'wrong'] of FAULTS) {
    test(`finds ${what}: ${kind}`, () => {
      const found = scrape(new MetricsCheck(options), changed, NOW_MS);
      assert.ok(
        found[kind].some((problem) => expected.test(problem)),
        JSON.stringify(found),
      );
      assert.equal(found.wrong.length > 0, kind === 'wrong'); // a series of another name is missing under its own, too
    });
  }

  test('finds a count that stepped back from one scrape to the next, however little', () => {
    const metrics = new MetricsCheck(options);
    scrape(metrics, [withValue(value + 1), ...rest], NOW_MS);
    assert.match(
      scrape(metrics, lines, NOW_MS + 100).wrong.join('\n'),
      new RegExp(` stepped back from ${value + 1} to ${value}`),
    );
  });
});
