import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PoolHistory } from '../../../nodeagent/ipam/pool-history.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NODE = {};
const RANGE = { network: 'pods', range: '10.0.0.0/24' };

test('it keeps the first sample of each minute, and the newest', () => {
  const history = new PoolHistory();
  for (let i = 0; i <= 10; i++) history.add(i * 15_000, [{ labels: NODE, free: 100 - i }]);
  assert.deepEqual(history.pools(), [
    {
      labels: {},
      samples: [
        [0, 100],
        [60_000, 96],
        [120_000, 92],
        [150_000, 90],
      ],
    },
  ]);
});

test('it is of an hour, and never more than a report takes, however often it is read and whenever that was', () => {
  for (const [intervalMs, startMs] of [
    [1_000, 12_345],
    [15_000, 0],
    [59_000, 7],
    [60_000, 30_000],
    [300_000, 1],
  ] as const) {
    const history = new PoolHistory();
    let atMs = startMs;
    for (; atMs < startMs + 3 * HOUR_MS; atMs += intervalMs) {
      history.add(atMs, [{ labels: RANGE, free: 5 }]);
      const samples = history.pools()[0]?.samples ?? [];
      assert.ok(samples.length <= REPORT_LIMITS.ipamPoolSamples);
      assert.deepEqual(samples.at(-1), [atMs, 5]);
    }
    const times = history.pools()[0]?.samples.map(([at]) => at) ?? [];
    const oldestMs = times[0] ?? 0;
    const newestMs = times.at(-1) ?? 0;
    assert.ok(newestMs - oldestMs <= HOUR_MS);
    assert.ok(newestMs - oldestMs > HOUR_MS - 2 * MINUTE_MS - intervalMs, `${intervalMs}: ${newestMs - oldestMs}`);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    assert.ok(Math.max(...gaps) < MINUTE_MS + 2 * intervalMs, `${intervalMs}: ${Math.max(...gaps)}`);
  }
});

test('while nothing was read there are no samples, and those before the hour are gone with the first one after it', () => {
  const history = new PoolHistory();
  for (let i = 0; i < 10; i++) history.add(i * MINUTE_MS, [{ labels: NODE, free: i }]);
  history.add(40 * MINUTE_MS, [{ labels: NODE, free: 40 }]);
  assert.equal(history.pools()[0]?.samples.length, 11);
  history.add(66 * MINUTE_MS, [{ labels: NODE, free: 66 }]);
  assert.deepEqual(
    history.pools()[0]?.samples.map(([, free]) => free),
    [6, 7, 8, 9, 40, 66],
  );
  history.add(200 * MINUTE_MS, [{ labels: NODE, free: 200 }]);
  assert.deepEqual(history.pools()[0]?.samples, [[200 * MINUTE_MS, 200]]);
});

test('a pool that a reading does not have is not told, and goes on when it is back', () => {
  const history = new PoolHistory();
  const both = [
    { labels: NODE, free: 1 },
    { labels: RANGE, free: 2 },
  ];
  history.add(0, both);
  history.add(MINUTE_MS, [{ labels: NODE, free: 3 }]);
  assert.deepEqual(
    history.pools().map(({ labels }) => labels),
    [NODE],
  );
  history.add(2 * MINUTE_MS, [{ labels: { range: RANGE.range, network: RANGE.network }, free: 4 }]);
  assert.deepEqual(history.pools(), [
    {
      labels: RANGE,
      samples: [
        [0, 2],
        [2 * MINUTE_MS, 4],
      ],
    },
  ]);
  history.add(2 * HOUR_MS, [{ labels: NODE, free: 5 }]);
  history.add(2 * HOUR_MS + 1, [{ labels: RANGE, free: 6 }]);
  assert.deepEqual(history.pools(), [{ labels: RANGE, samples: [[2 * HOUR_MS + 1, 6]] }]);
});

test('a pool of another size begins anew', () => {
  const history = new PoolHistory();
  for (let i = 0; i < 40; i++) history.add(i * MINUTE_MS, [{ labels: NODE, free: 100, size: 120 }]);
  history.add(40 * MINUTE_MS, [{ labels: NODE, free: 80, size: 100 }]);
  history.add(41 * MINUTE_MS, [{ labels: NODE, free: 79, size: 100 }]);
  assert.deepEqual(history.pools(), [
    {
      labels: {},
      samples: [
        [40 * MINUTE_MS, 80],
        [41 * MINUTE_MS, 79],
      ],
    },
  ]);
});

test('pools that come and go all the time do not pile up', () => {
  const history = new PoolHistory();
  for (let i = 0; i < 1_000; i++) history.add(i, [{ labels: { range: String(i) }, free: 1 }]);
  history.add(1_000, [{ labels: { range: '0' }, free: 2 }]);
  assert.deepEqual(history.pools(), [{ labels: { range: '0' }, samples: [[1_000, 2]] }], 'it was forgotten');
});
