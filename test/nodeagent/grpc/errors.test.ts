import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainFailure } from '../../../nodeagent/grpc/errors.js';

for (const [code, details, reason] of [
  [14, 'No connection established. Last error: connect EACCES /run/x.sock.', 'not_permitted'],
  [14, 'No connection established. Last error: connect ENOENT /run/x.sock.', 'not_found'],
  [14, 'No connection established. Last error: connect ECONNREFUSED /run/EACCES.', 'unreachable'],
  [14, 'server is not initialized yet', 'unreachable'],
  [7, 'no', 'not_permitted'],
  [2, 'anything', 'failed'],
] as const) {
  test(`code ${code} with "${details}" is ${reason}`, () => {
    assert.equal(explainFailure('Version', { code, details }).reason, reason);
  });
}
