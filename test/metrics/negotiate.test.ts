import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptsGzip, negotiateFormat } from '../../metrics/negotiate.js';

// As recorded from the versions named.
const ACCEPT: readonly (readonly [string, string, 'text' | 'openmetrics'])[] = [
  [
    'Prometheus 2.42',
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  [
    'Prometheus 2.53',
    'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'openmetrics',
  ],
  ['curl', '*/*', 'text'],
  ['a text scraper', 'text/plain;version=0.0.4', 'text'],
  [
    'a text scraper that would take OpenMetrics',
    'text/plain, application/openmetrics-text; version=1.0.0; q=0.2',
    'text',
  ],
  ['a scraper of an OpenMetrics to come', 'application/openmetrics-text;version=2.0.0,text/plain;q=0.5', 'text'],
];

for (const [who, header, format] of ACCEPT) {
  test(`${who} gets ${format}`, () => {
    assert.equal(negotiateFormat(header), format);
  });
}

test('no Accept header means text', () => {
  assert.equal(negotiateFormat(undefined), 'text');
});

test('gzip is taken where it is offered and not refused', () => {
  for (const yes of ['gzip', 'deflate, gzip;q=0.5', '*', 'GZIP']) assert.ok(acceptsGzip(yes), yes);
  for (const no of [undefined, '', 'identity', 'gzip;q=0', 'br, gzip;q=0.0']) assert.ok(!acceptsGzip(no), String(no));
});
