import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubernetesServices } from '../../../apiserver/pods/kubernetes-services.js';
import { systemClock } from '../../../runtime/clock.js';
import { startKubernetes } from '../../support/kube-client.js';
import { eventually } from '../../support/programs.js';

test('Services are followed with their labels and selectors', async (t) => {
  const { api, client, log, signal } = await startKubernetes(t);
  const path = '/api/v1/namespaces/default/services';
  api.put(`${path}/web`, {
    metadata: { labels: { team: 'a' } },
    spec: { selector: { app: 'web' }, type: 'ClusterIP' },
  });
  api.put(`${path}/manual`, { spec: {} });
  api.put(`${path}/alias`, { spec: { type: 'ExternalName', externalName: 'x.example', selector: { app: 'web' } } });
  const services = new KubernetesServices({ api: client, clock: systemClock, log });
  assert.equal(services.isCurrent, false);
  void services.run(signal);
  await eventually(
    () => services.isCurrent && api.openWatches === 1,
    (isFollowing) => isFollowing,
  );
  assert.deepEqual(services.get('default', 'web'), {
    namespace: 'default',
    name: 'web',
    labels: { team: 'a' },
    selector: { app: 'web' },
  });
  assert.deepEqual(services.get('default', 'manual'), { namespace: 'default', name: 'manual', labels: {} });
  assert.deepEqual(services.get('default', 'alias'), { namespace: 'default', name: 'alias', labels: {} });
  api.remove(`${path}/alias`);
  api.put(`${path}/manual`, { spec: { selector: { app: 'db' } } });
  await eventually(
    () =>
      [...services.inNamespace('default')]
        .map(({ name, selector }) => `${name}:${selector?.['app'] ?? ''}`)
        .sort()
        .join(),
    (seen) => seen === 'manual:db,web:web',
  );
  assert.equal(services.source.problem, undefined);
});
