import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from '../../../nodeagent/push/retry-after.js';

test('a server may ask for a minute at most, in whole seconds', () => {
  const asked = ['0', '1', '59', '61', '999999999999999999999', '', '1.5', '-1', ' 1', 'Wed, 21 Oct 2099 07:28:00 GMT'];
  assert.deepEqual(asked.map(retryAfterMs), [0, 1_000, 59_000, 60_000, 60_000, 0, 0, 0, 0, 0]);
  assert.equal(retryAfterMs(undefined), 0);
});
