import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderRate } from '../../metrics/units.js';

test('rates are three digits with a prefix', () => {
  const rendered = [0, 1, 12.345, 123.4, 999.4, 999.6, 1_000, 1_250_000, 999_700, 4.2e9, 9e15].map((value) =>
    renderRate(value, 'B/s'),
  );
  assert.deepEqual(rendered, [
    '0 B/s',
    '1 B/s',
    '12.3 B/s',
    '123 B/s',
    '999 B/s',
    '1.00 kB/s',
    '1.00 kB/s',
    '1.25 MB/s',
    '1.00 MB/s',
    '4.20 GB/s',
    '9.00 PB/s',
  ]);
});

test('no rate is a dash, not 0', () => {
  assert.equal(renderRate(NaN, 'B/s'), '-');
});
