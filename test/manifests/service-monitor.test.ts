import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderComponents } from '../support/manifests/render.js';
import { scrapeConfigsOf } from '../support/manifests/service-monitor.js';
import { missing } from '../support/requirements.js';
import { assertBothUp, assertShownOnce, CA_FILE, scrapeReplicas } from '../support/scraped-replicas.js';

test(
  'two replicas scraped as the ServiceMonitor says give each series once, with no label of a replica, and what each says of itself',
  { skip: missing('kubectl', 'prometheus') },
  async (t) => {
    const objects = await renderComponents(['prometheus-operator']);
    const monitor = objects.find(({ kind }) => kind === 'ServiceMonitor');
    assert.ok(monitor);
    const namesOf = (i: number): string => `podnet-apiserver-${i}`;
    const scraped = await scrapeReplicas(({ replicas, token }) => {
      const pods = replicas.map(({ host }, i) => ({ address: host, pod: namesOf(i) }));
      const target = { service: 'podnet-apiserver-metrics', container: 'apiserver' };
      return scrapeConfigsOf(monitor, { pods, ...target, interval: '1s', token, caFile: CA_FILE });
    });
    t.after(() => scraped.close());
    const { prometheus, bed } = scraped;

    await assertShownOnce(prometheus);
    const own = await prometheus.query('podnet_apiserver_build_info');
    const told = own.map(({ metric: { job, pod, namespace } }) => ({ job, pod, namespace }));
    assert.deepEqual(
      told.sort((a, b) => (a.pod ?? '').localeCompare(b.pod ?? '')),
      bed.replicas.map((_, i) => ({ job: 'podnet-apiserver', pod: namesOf(i), namespace: 'podnet-system' })),
    );
    await assertBothUp(prometheus);
  },
);
