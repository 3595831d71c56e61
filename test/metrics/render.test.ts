import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricFamily } from '../../metrics/catalogue.js';
import { renderHeader, renderLabels, renderSample } from '../../metrics/render.js';

const counter: MetricFamily = {
  name: 'podnet_x_bytes_total',
  type: 'counter',
  help: 'A "quoted" \\ help\nof two lines.',
  unit: 'bytes',
  labels: [],
  stability: 'alpha',
};

test('text 0.0.4 keeps the whole name and escapes backslash and newline in HELP', () => {
  assert.equal(
    renderHeader(counter, 'text'),
    '# HELP podnet_x_bytes_total A "quoted" \\\\ help\\nof two lines.\n# TYPE podnet_x_bytes_total counter\n',
  );
});

test('OpenMetrics names the family without _total, has a UNIT, and escapes quotes too', () => {
  assert.equal(
    renderHeader(counter, 'openmetrics'),
    '# HELP podnet_x_bytes A \\"quoted\\" \\\\ help\\nof two lines.\n# TYPE podnet_x_bytes counter\n# UNIT podnet_x_bytes bytes\n',
  );
});

test('an info family is a gauge in text and an info without its suffix in OpenMetrics', () => {
  const info: MetricFamily = { ...counter, name: 'podnet_x_info', type: 'info', help: 'X.' };
  assert.match(renderHeader(info, 'text'), /# TYPE podnet_x_info gauge\n/);
  assert.match(renderHeader(info, 'openmetrics'), /# TYPE podnet_x info\n/);
});

test('label values are escaped', () => {
  const labels = renderLabels([
    ['interface', 'a"b\\c\nd'],
    ['network', ''],
  ]);
  assert.equal(renderSample('x', labels, 1), 'x{interface="a\\"b\\\\c\\nd",network=""} 1\n');
});

test('values beyond the integers of a double are still numbers', () => {
  assert.equal(renderSample('x', '', 18_446_744_073_709_551_615), 'x 18446744073709552000\n');
  assert.equal(renderSample('x', '', Infinity), 'x +Inf\n');
});
