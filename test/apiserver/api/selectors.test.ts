// Selectors are read once, remembered within bounds, and hold on to nothing of the request they came with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Selectors } from '../../../apiserver/api/selectors.js';
import { createTestServer, metricPath } from '../../support/app.js';

const WINDOW = { defaultMs: 60_000, historyMs: 300_000 };

function counted(): { readonly selectors: Selectors; readonly lookups: boolean[] } {
  const lookups: boolean[] = [];
  return { selectors: new Selectors({ window: WINDOW, onLookup: (isKnown) => lookups.push(isKnown) }), lookups };
}

test('a selector is read once, whatever it is asked for', () => {
  const { selectors, lookups } = counted();
  const first = selectors.ofObjects('app in (a,b),tier!=x', 'labelSelector');
  const series = selectors.ofSeries('app in (a,b),tier!=x', 'metricLabelSelector');
  assert.equal(selectors.ofObjects('app in (a,b),tier!=x', 'labelSelector'), first);
  assert.equal(selectors.ofSeries('app in (a,b),tier!=x', 'metricLabelSelector'), series);
  assert.equal(series.requirements, first.requirements);
  assert.deepEqual(lookups, [false, true, true, true]);
});

test('the empty selector chooses all, and is no lookup', () => {
  const { selectors, lookups } = counted();
  assert.deepEqual(selectors.ofObjects('', 'labelSelector').requirements, []);
  assert.equal(
    selectors.ofSeries('', 'labelSelector').matchesSeries(() => undefined),
    true,
  );
  assert.deepEqual([lookups, selectors.size], [[], 0]);
});

test('what cannot be read is refused each time in the name of its parameter, and not remembered', () => {
  const { selectors, lookups } = counted();
  for (const parameter of ['labelSelector', 'metricLabelSelector']) {
    assert.throws(() => selectors.ofObjects('a b', parameter), {
      reason: 'BadRequest',
      message: new RegExp(`^${parameter}: unable to parse requirement: `),
    });
  }
  assert.deepEqual([lookups, selectors.size], [[false, false], 0]);
});

test('a selector of no window is one of objects all the same', () => {
  const { selectors } = counted();
  for (const parameter of ['labelSelector', 'metricLabelSelector', 'labelSelector']) {
    assert.equal(selectors.ofObjects('window=x', parameter).requirements.length, 1);
    assert.throws(() => selectors.ofSeries('window=x', parameter), { message: new RegExp(`^${parameter}: window: `) });
  }
  assert.throws(() => selectors.ofSeries('quantile=p99', 'labelSelector'), {
    message: /^labelSelector: quantile: only/,
  });
  assert.equal(selectors.ofLatencies('quantile=p99', 'labelSelector').quantile, 0.99);
});

test('of many selectors those asked for last are remembered', () => {
  const { selectors, lookups } = counted();
  const kept = selectors.ofObjects('app=kept', 'labelSelector');
  for (let i = 0; i < 10_000; i++) {
    selectors.ofObjects(`app=a${i}`, 'labelSelector');
    assert.equal(selectors.ofObjects('app=kept', 'labelSelector'), kept);
  }
  assert.equal(lookups.filter((isKnown) => isKnown).length, 10_000);
  assert.ok(selectors.size <= 4_096 && selectors.size > 2_000, `${selectors.size} selectors`);
});

test('selectors with many parts take no more than their share', () => {
  const { selectors } = counted();
  for (let i = 0; i < 500; i++) {
    const parts = Array.from({ length: 250 }, (_, part) => `a${part}=b${i}`);
    selectors.ofObjects(parts.join(','), 'labelSelector');
  }
  assert.ok(selectors.bytes <= 4 * 1024 * 1024, `${selectors.bytes} bytes`);
  assert.ok(selectors.size < 100 && selectors.size > 10, `${selectors.size} selectors`);
});

test('a selector that is remembered does not hold on to the URL it was cut from', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const { selectors } = counted();
  gc();
  const before = process.memoryUsage().heapUsed;
  const behind = 'x'.repeat(500_000); // strings twice as long live outside of the heap that is measured
  for (let i = 0; i < 100; i++) {
    const url = Buffer.from(`some-long-label-of-pods=${String(i).padStart(20, '0')}&${behind}`).toString('latin1');
    selectors.ofObjects(url.slice(0, url.indexOf('&')), 'labelSelector');
  }
  gc();
  assert.equal(selectors.size, 100);
  const grownMiB = (process.memoryUsage().heapUsed - before) / 1024 / 1024;
  assert.ok(grownMiB < 10, `${grownMiB} MiB`);
});

test('the server counts the lookups of its queries', async () => {
  const server = createTestServer();
  const query = { labelSelector: 'app=a', metricLabelSelector: 'network=default' };
  for (let i = 0; i < 3; i++) await server.get(metricPath('*', 'network_receive_bytes_per_second', query));
  const { text } = await server.get('/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith('podnet_apiserver_cache_lookups_total'));
  assert.deepEqual(lines, [
    'podnet_apiserver_cache_lookups_total{cache="selectors",result="hit"} 4',
    'podnet_apiserver_cache_lookups_total{cache="selectors",result="miss"} 2',
  ]);
});
