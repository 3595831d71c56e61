// A list is written by hand, for speed: it has to be, byte for byte, what JSON.stringify makes of the same list.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLabelSelector } from '../../../apiserver/api/label-selector.js';
import {
  renderMetricValueList,
  toMetricValueList,
  windowSecondsOf,
  type MetricValues,
} from '../../../apiserver/api/metric-value-list.js';
import { renderQuantity } from '../../../apiserver/api/quantity.js';
import { CUSTOM_METRICS_VERSIONS } from '../../../openapi/metric-values.js';
import { createTestServer, metricPath } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const TEXT = fc.oneof(
  fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', '\u0000', '\u001f', '\u007f', '\u2028', '\ud800', 'é', '</script>'),
);
const SELECTORS = ['', 'network=a', 'network in (a,b),!interface,window=30s', 'network=a,network=b,primary,x!=y'];
const VALUES: fc.Arbitrary<MetricValues> = fc.record({
  version: fc.constantFrom(...CUSTOM_METRICS_VERSIONS),
  metric: TEXT,
  kind: fc.record({ kind: TEXT, apiVersion: TEXT }),
  namespace: fc.option(TEXT, { nil: undefined }),
  requirements: fc.constantFrom(...SELECTORS).map(parseLabelSelector),
  items: fc.array(
    fc.record({
      name: TEXT,
      timestamp: fc.constantFrom('2026-11-21T00:00:00Z', '2026-11-21T23:59:59Z'),
      windowSeconds: fc.double({ min: 0, max: 1e9, noNaN: true }).map(windowSecondsOf),
      value: fc.double({ min: 0, max: 9e15, noNaN: true }).map((value) => renderQuantity(value) ?? '0'),
    }),
    { maxLength: 5 },
  ),
});

test('a list that is written by hand is what JSON.stringify makes of it', () => {
  fc.assert(
    fc.property(VALUES, (values) => {
      assert.equal(renderMetricValueList(values), JSON.stringify(toMetricValueList(values)));
    }),
    { numRuns: 2_000 },
  );
});

test('who asks for an indented list gets the same one', async () => {
  const server = createTestServer();
  for (const second of [1, 2]) {
    const pods = ['web-1', 'web-0'].map((name) =>
      podReport({ name, uid: name, interfaces: [interfaceReport({ readings: [readingOf(1_500 * second)] })] }),
    );
    assert.equal((await server.push(nodeReport(second * 1_000, { pods }))).statusCode, 200);
    server.clock.advance(1_000);
  }
  for (const version of CUSTOM_METRICS_VERSIONS) {
    const query = { metricLabelSelector: 'network=default' };
    const path = metricPath('*', 'network_receive_bytes_per_second', query, version);
    const compact = await server.get(path);
    const indented = await server.get(`${path}&pretty=1`);
    assert.deepEqual(
      compact.body.items.map(({ describedObject }) => describedObject.name),
      ['web-0', 'web-1'],
    );
    assert.equal(compact.text, `${JSON.stringify(compact.body)}\n`);
    assert.equal(indented.text, `${JSON.stringify(compact.body, null, 2)}\n`);
    assert.equal(compact.headers['content-type'], 'application/json; charset=utf-8');
    assert.equal(compact.headers['content-length'], String(Buffer.byteLength(compact.text)));
  }
});
