import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BaseRecovery } from '../../../nodeagent/devices/base-recovery.js';

const BASE = { pciAddress: '0000:01:10.0', epoch: 'e-1', raw: { receiveBytes: '5' } };
const recovery = (...servers: string[]): BaseRecovery =>
  new BaseRecovery({ servers: () => servers, startedMs: 1_000, patienceMs: 60_000, othersMs: 5_000 });
const told = (epoch: string, virtualFunctionsAt: number) => ({
  virtualFunctionBases: [{ ...BASE, epoch }],
  virtualFunctionsAt,
});

test('without a server there is nothing to wait for', () => {
  assert.deepEqual(recovery().take(1_000), []);
});

test('of several servers the one that heard last decides, whoever answers first', () => {
  const bases = recovery('stale', 'empty', 'newest');
  bases.heard('stale', told('e-1', 100), 2_000);
  bases.heard('empty', { virtualFunctionBases: [] }, 2_000);
  assert.equal(bases.take(2_000), undefined);
  bases.heard('newest', told('e-2', 900), 2_100);
  assert.deepEqual(bases.take(2_100), [{ ...BASE, epoch: 'e-2' }]);
});

test('when one has answered the others are not waited for long', () => {
  const bases = recovery('a', 'silent');
  bases.heard('a', told('e-1', 100), 2_000);
  assert.equal(bases.take(6_999), undefined);
  assert.deepEqual(bases.take(7_000), [BASE]);
});

test('servers that know nothing are believed when all of them have said so', () => {
  const bases = recovery('a', 'b');
  for (const _time of [1, 2]) bases.heard('a', {}, 2_000);
  assert.equal(bases.take(2_000), undefined);
  bases.heard('b', { virtualFunctionBases: [] }, 2_000);
  assert.deepEqual(bases.take(2_000), []);
});

test('a silent server is not waited for for ever, and what it says later is too late', () => {
  const bases = recovery('a');
  assert.equal(bases.take(60_999), undefined);
  assert.deepEqual(bases.take(61_000), []);
  bases.heard('a', told('e-1', 100), 62_000);
  assert.deepEqual(bases.take(62_000), []);
});

test('servers that are not known yet are waited for, and those that are gone are not', () => {
  let servers: string[] | undefined;
  const timing = { startedMs: 1_000, patienceMs: 60_000, othersMs: 5_000 };
  const bases = new BaseRecovery({ servers: () => servers, ...timing });
  assert.equal(bases.take(2_000), undefined);
  servers = ['a', 'gone'];
  bases.heard('a', told('e-1', 100), 2_000);
  assert.equal(bases.take(2_000), undefined);
  servers = ['a', 'new'];
  assert.equal(bases.take(2_500), undefined);
  bases.heard('new', {}, 2_600);
  assert.deepEqual(bases.take(2_600), [BASE]);
  servers = ['a', 'new', 'later'];
  bases.heard('later', told('e-2', 900), 2_700);
  assert.deepEqual(bases.take(2_700), []);
});
