import { isRecord, textsOf } from '../../../runtime/kube/objects.js';
import { at, listAt, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';

/** One endpoint behind the Service that a monitor selects. */
export interface MonitoredPod {
  readonly address: string;
  readonly pod: string;
}

export interface Scraping {
  readonly pods: readonly MonitoredPod[];
  readonly service: string;
  readonly container: string;
  readonly interval: string;
  /** What the Secret and the ConfigMap that the monitor names say. */
  readonly token: string;
  readonly caFile: string;
}

/**
 * The configuration that prometheus-operator makes of a ServiceMonitor (pkg/prometheus/promcfg.go, generateServiceMonitorConfig): a scrape for
 * each endpoint, whose targets have these labels before the monitor's relabelings.
 */
export function scrapeConfigsOf(monitor: KubeObject, scraping: Scraping): object[] {
  const namespace = textAt(monitor, 'metadata', 'namespace');
  return listAt(monitor, 'spec', 'endpoints').map((endpoint, i) => {
    const { service, container } = scraping;
    const labels = { namespace, service, container, endpoint: textAt(endpoint, 'port'), job: service };
    return {
      job_name: `serviceMonitor/${namespace}/${textAt(monitor, 'metadata', 'name')}/${i}`,
      scheme: textAt(endpoint, 'scheme'),
      metrics_path: textAt(endpoint, 'path'),
      params: at(endpoint, 'params'),
      scrape_interval: scraping.interval,
      scrape_timeout: scraping.interval,
      honor_labels: at(endpoint, 'honorLabels') === true,
      authorization: { type: textAt(endpoint, 'authorization', 'type'), credentials: scraping.token },
      tls_config: { ca_file: scraping.caFile, server_name: textAt(endpoint, 'tlsConfig', 'serverName') },
      static_configs: scraping.pods.map(({ address, pod }) => ({ targets: [address], labels: { ...labels, pod } })),
      relabel_configs: listAt(endpoint, 'relabelings').map(inSnakeCase),
      metric_relabel_configs: listAt(endpoint, 'metricRelabelings').map(inSnakeCase),
    };
  });
}

function inSnakeCase(rule: unknown): object {
  const entries = Object.entries(isRecord(rule) ? textsOf(rule) : {});
  return Object.fromEntries(
    entries.map(([key, value]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );
}
