import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderComponents } from '../support/manifests/render.js';
import { scrapeConfigsOf } from '../support/manifests/service-monitor.js';
import { eventually } from '../support/programs.js';
import { startPrometheus } from '../support/prometheus.js';
import { ReplicaBed } from '../support/replicas.js';
import { missing } from '../support/requirements.js';

const PATIENCE_MS = 60_000;
const OF_THE_TARGET = ['instance', 'service', 'endpoint', 'container', 'namespace', 'pod'];

test(
  'two replicas scraped as the ServiceMonitor says give each series once, with no label of a replica, and what each says of itself',
  { skip: missing('kubectl', 'prometheus') },
  async (t) => {
    const objects = await renderComponents(['prometheus-operator']);
    const monitor = objects.find(({ kind }) => kind === 'ServiceMonitor');
    assert.ok(monitor);
    const bed = await ReplicaBed.start(['node-a']);
    t.after(() => bed.close());
    const pods = bed.replicas.map(({ host }, i) => ({ address: host, pod: `podnet-apiserver-${i}` }));
    const target = { service: 'podnet-apiserver-metrics', container: 'apiserver' };
    const scraping = { pods, ...target, interval: '1s', token: bed.token, caFile: 'ca.pem' };
    const config = JSON.stringify({ scrape_configs: scrapeConfigsOf(monitor, scraping) }); // JSON is YAML
    const prometheus = await startPrometheus(config, { 'ca.pem': bed.ca });
    t.after(() => prometheus.close());

    const shown = await eventually(
      () => prometheus.query('{__name__=~"podnet_.+",job="podnet"}'),
      (series) => series.some(({ metric }) => metric['__name__'] === 'podnet_pod_info'),
      PATIENCE_MS,
    );
    const info = shown.filter(({ metric }) => metric['__name__'] === 'podnet_pod_info');
    assert.deepEqual(
      info.map(({ metric: { namespace, pod, node, instance } }) => ({ namespace, pod, node, instance })),
      [{ namespace: 'default', pod: 'web-node-a', node: 'node-a', instance: undefined }],
    );
    const lastReports = shown.filter(
      ({ metric }) => metric['__name__'] === 'podnet_node_last_report_timestamp_seconds',
    );
    assert.equal(lastReports.length, 1);
    for (const label of OF_THE_TARGET) assert.equal(lastReports[0]?.metric[label], undefined, label);
    assert.deepEqual(
      shown.filter(({ metric }) => metric['__name__']?.startsWith('podnet_apiserver_')),
      [],
    );

    const own = await prometheus.query('podnet_apiserver_build_info');
    const told = own.map(({ metric: { job, pod, namespace } }) => ({ job, pod, namespace }));
    assert.deepEqual(
      told.sort((a, b) => (a.pod ?? '').localeCompare(b.pod ?? '')),
      pods.map(({ pod }) => ({ job: 'podnet-apiserver', pod, namespace: 'podnet-system' })),
    );
    const up = await prometheus.query('up == 1');
    assert.equal(new Set(up.map(({ metric: { job, instance } }) => `${job ?? ''} ${instance ?? ''}`)).size, 4);
  },
);
