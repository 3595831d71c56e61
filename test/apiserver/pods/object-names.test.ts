import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DESCRIBED } from '../../../apiserver/api/described-objects.js';
import { KubernetesObjectNames } from '../../../apiserver/pods/object-names.js';
import { startReviewApi } from '../../support/review-api.js';

test('what the API server said of a failure is logged, not answered', async (t) => {
  const api = await startReviewApi();
  t.after(() => api.close());
  const said = 'User "podnet" cannot list nodes: no such role "inner-secret"';
  api.server.misbehave(() => ({ status: 403, body: { kind: 'Status', message: said } }));
  const { signal } = new AbortController();
  const names = new KubernetesObjectNames({ api: api.client, clock: api.clock, log: api.log, signal });
  for (let i = 0; i < 3; i++) {
    await assert.rejects(names.names(DESCRIBED.nodes, undefined, 'a=b'), {
      statusCode: 503,
      message: 'nodes cannot be listed by their labels: the log of podnet-apiserver says why',
    });
  }
  const logged = api.logged.filter((line) => line.includes('cannot be listed by their labels'));
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /inner-secret/);
});
