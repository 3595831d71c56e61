import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compile } from 'typebox/compile';
import { InterfaceReport, NodeReport } from '../../openapi/node-report.js';
import { interfaceReport, nodeReport } from '../support/reports.js';

const report = Compile(NodeReport);
const item = Compile(InterfaceReport);

test('a report of an agent is one', () => {
  assert.ok(report.Check(nodeReport(15_000)));
});

test('unknown fields are let through, so that neighbouring versions work together', () => {
  assert.ok(report.Check({ ...nodeReport(15_000), later: true }));
});

for (const name of ['eth0', 'caf\u00e9', 'a"b', 'eth0:1', 'net\\xff', '\u{1f600}', 'bond0.7']) {
  test(`an interface may be called ${JSON.stringify(name)}`, () => {
    assert.ok(item.Check(interfaceReport({ name })));
  });
}

for (const name of ['', 'a b', 'a/b', 'a\u0000b', 'a\nb', 'lost\ufffd', '\ud800', 'x'.repeat(61)]) {
  test(`an interface may not be called ${JSON.stringify(name)}`, () => {
    assert.ok(!item.Check(interfaceReport({ name })));
  });
}

test('a counter is a count or not known', () => {
  const of = (counter: unknown) => ({ ...interfaceReport(), readings: [[counter, 0, 0, 0, 0, 0, 0, 0]] });
  for (const good of [0, 2 ** 53, 18_446_744_073_709_551_615, null]) assert.ok(item.Check(of(good)), String(good));
  for (const bad of [-1, 1.5, NaN, Infinity, 2 ** 65, '1', true]) assert.ok(!item.Check(of(bad)), String(bad));
});
