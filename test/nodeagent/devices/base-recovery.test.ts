import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BaseRecovery } from '../../../nodeagent/devices/base-recovery.js';

const BASE = { pciAddress: '0000:01:10.0', epoch: 'e-1', raw: { receiveBytes: '5' } };
const recovery = (...servers: string[]): BaseRecovery =>
  new BaseRecovery({ servers, startedMs: 1_000, patienceMs: 60_000 });

test('without a server there is nothing to wait for', () => {
  assert.deepEqual(recovery().bases(1_000), []);
});

test('the first server that knows anything decides', () => {
  const bases = recovery('a', 'b', 'c');
  bases.heard('a');
  assert.equal(bases.bases(2_000), undefined);
  bases.heard('b', [BASE]);
  bases.heard('c', [{ ...BASE, epoch: 'e-2' }]);
  assert.deepEqual(bases.bases(2_000), [BASE]);
});

test('servers that know nothing are believed when all of them have said so', () => {
  const bases = recovery('a', 'b');
  bases.heard('a');
  bases.heard('a');
  assert.equal(bases.bases(2_000), undefined);
  bases.heard('b');
  assert.deepEqual(bases.bases(2_000), []);
});

test('a silent server is not waited for for ever', () => {
  const bases = recovery('a');
  assert.equal(bases.bases(60_999), undefined);
  assert.deepEqual(bases.bases(61_000), []);
});
