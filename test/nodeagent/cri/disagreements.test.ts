import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Disagreements } from '../../../nodeagent/cri/disagreements.js';
import { createLogger } from '../../../runtime/logger.js';

function make(): { readonly disagreements: Disagreements; readonly logged: string[] } {
  const logged: string[] = [];
  const log = createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) });
  return { disagreements: new Disagreements(log), logged };
}

const pod = { uid: 'a', namespace: 'team-a', name: 'web-0' };

test('a disagreement is told once a pod and change', () => {
  const { disagreements, logged } = make();
  for (const byCri of [2, 2, 3, 3]) assert.equal(disagreements.check({ ...pod, byCgroups: 1, byCri }), false);
  assert.equal(disagreements.check({ ...pod, uid: 'b', byCgroups: 1, byCri: 2 }), false);
  assert.equal(logged.length, 3);
  assert.equal(disagreements.size, 2);
  assert.equal(disagreements.check({ ...pod, byCgroups: 3, byCri: 3 }), true);
  assert.match(logged[3] ?? '', /agree again .*namespace=team-a pod=web-0/);
});

test('a source that says nothing disagrees with nobody', () => {
  const { disagreements, logged } = make();
  assert.equal(disagreements.check({ ...pod, byCgroups: undefined, byCri: 2 }), true);
  assert.equal(disagreements.check({ ...pod, byCgroups: 1, byCri: undefined }), true);
  assert.deepEqual(logged, []);
});

test('a pod that is gone is forgotten', () => {
  const { disagreements } = make();
  disagreements.check({ ...pod, byCgroups: 1, byCri: 2 });
  disagreements.keepOnly(new Set(['b']));
  assert.equal(disagreements.size, 0);
});
