import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podLabel, selectorValue } from '../../metrics/labels.js';

const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

test('a value that Kubernetes allows is its own alias', () => {
  for (const value of ['', 'sriov-net1', 'a.b_c', 'x'.repeat(63)]) assert.equal(selectorValue(value), value);
});

test('other characters are written _', () => {
  assert.equal(selectorValue('0000:02:0a.0'), '0000_02_0a.0');
  assert.equal(selectorValue('openshift.io/inteldpdk'), 'openshift.io_inteldpdk');
});

test('every alias is a label value, and long values stay apart', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => {
      const alias = selectorValue(value);
      assert.match(alias, LABEL_VALUE);
      assert.ok(alias.length <= 63);
    }),
  );
  assert.notEqual(selectorValue(`${'a'.repeat(100)}1`), selectorValue(`${'a'.repeat(100)}2`));
});

test('a pod label is named as kube-state-metrics names it', () => {
  assert.equal(podLabel('app.kubernetes.io/name').name, 'label_app_kubernetes_io_name');
});
