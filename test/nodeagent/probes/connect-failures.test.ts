import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectFailure } from '../../../nodeagent/probes/connect-failures.js';

const failed = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

test('an errno has one reason', () => {
  const reasons = {
    ...{ ECONNREFUSED: 'refused', ETIMEDOUT: 'timeout', ECONNRESET: 'reset', EPIPE: 'reset' },
    ...{ EHOSTUNREACH: 'unreachable', ENETUNREACH: 'unreachable', EADDRNOTAVAIL: 'unreachable' },
    ...{ EPERM: 'unreachable', EACCES: 'unreachable', EMFILE: 'other', ENOBUFS: 'other', toString: 'other' },
  };
  for (const [code, reason] of Object.entries(reasons)) assert.equal(connectFailure(failed(code)), reason, code);
});

test('what is no error of a socket is other', () => {
  for (const thrown of [new TypeError('no'), undefined, null, 'ECONNREFUSED', { code: 'ECONNREFUSED' }]) {
    assert.equal(connectFailure(thrown), 'other');
  }
});

test('of several errors the first that says something counts', () => {
  assert.equal(connectFailure(new AggregateError([failed('EMFILE'), failed('ENETUNREACH')])), 'unreachable');
  assert.equal(connectFailure(new AggregateError([failed('ECONNREFUSED'), failed('ETIMEDOUT')])), 'refused');
  assert.equal(connectFailure(new AggregateError([])), 'other');
});
