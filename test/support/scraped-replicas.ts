import assert from 'node:assert/strict';
import { eventually } from './programs.js';
import { startPrometheus, type Prometheus } from './prometheus.js';
import { ReplicaBed } from './replicas.js';

const PATIENCE_MS = 60_000;
const OF_THE_TARGET = ['instance', 'service', 'endpoint', 'container', 'namespace', 'pod'];
/** Beside the configuration of Prometheus. */
export const CA_FILE = 'ca.pem';

/** Two replicas, and a Prometheus that scrapes them. */
export interface ScrapedReplicas {
  readonly bed: ReplicaBed;
  readonly prometheus: Prometheus;
  close(): Promise<void>;
}

/** @param scrapeConfigsOf what Prometheus is given; its authority is in CA_FILE */
export async function scrapeReplicas(
  scrapeConfigsOf: (bed: ReplicaBed) => readonly object[],
): Promise<ScrapedReplicas> {
  const bed = await ReplicaBed.start(['node-a']);
  const config = JSON.stringify({ scrape_configs: scrapeConfigsOf(bed) }); // JSON is YAML
  const prometheus = await startPrometheus(config, { [CA_FILE]: bed.ca });
  return {
    ...{ bed, prometheus },
    close: async () => {
      await prometheus.close();
      await bed.close();
    },
  };
}

/** The series of the cluster are there once, with no label of a replica, and of what replicas say of themselves none. */
export async function assertShownOnce(prometheus: Prometheus): Promise<void> {
  const shown = await eventually(
    () => prometheus.query('{__name__=~"podnet_.+",job="podnet"}'),
    (series) => series.some(({ metric }) => metric['__name__'] === 'podnet_pod_info'),
    PATIENCE_MS,
  );
  const named = (family: string): Record<string, string>[] =>
    shown.flatMap(({ metric }) => (metric['__name__'] === family ? [{ ...metric }] : []));
  assert.deepEqual(
    named('podnet_pod_info').map(({ namespace, pod, node, instance }) => ({ namespace, pod, node, instance })),
    [{ namespace: 'default', pod: 'web-node-a', node: 'node-a', instance: undefined }],
  );
  const lastReports = named('podnet_node_last_report_timestamp_seconds');
  assert.equal(lastReports.length, 1);
  for (const label of OF_THE_TARGET) assert.equal(lastReports[0]?.[label], undefined, label);
  assert.deepEqual(
    shown.filter(({ metric }) => metric['__name__']?.startsWith('podnet_apiserver_')),
    [],
  );
}

/** Each of both is scraped by both jobs. */
export async function assertBothUp(prometheus: Prometheus): Promise<void> {
  const up = await prometheus.query('up == 1');
  assert.equal(new Set(up.map(({ metric: { job, instance } }) => `${job ?? ''} ${instance ?? ''}`)).size, 4);
}
