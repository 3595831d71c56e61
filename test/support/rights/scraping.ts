import type { Apiserver } from '../../../apiserver/start.js';
import { startPrometheus, type Prometheus } from '../prometheus.js';
import { NAMESPACE, type Account, type RightsBed } from './bed.js';

export interface Scraping {
  /** By whose token Prometheus asks the Kubernetes API for its targets. */
  readonly finder: Account;
  /** By whose it is let in there. */
  readonly reader: Account;
}

const SERVICE = 'podnet-apiserver-metrics';
/** Kinds of objects that the operator may have Prometheus find them by. */
export const ROLES = ['endpoints', 'endpointslice'] as const;

/** A real Prometheus with a job for each of ROLES, as the operator makes them of the ServiceMonitor. */
export async function startScraping(bed: RightsBed, server: Apiserver, who: Scraping): Promise<Prometheus> {
  const { api, cluster } = bed;
  const ports = [{ name: 'https', protocol: 'TCP', port: Number(new URL(server.url).port) }];
  const own = `/namespaces/${NAMESPACE}`;
  api.put(`/api/v1${own}/services/${SERVICE}`, { spec: { clusterIP: 'None', ports } });
  api.put(`/api/v1${own}/endpoints/${SERVICE}`, { subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports }] });
  api.put(`/apis/discovery.k8s.io/v1${own}/endpointslices/${SERVICE}-1`, {
    metadata: { labels: { 'kubernetes.io/service-name': SERVICE } },
    ...{ addressType: 'IPv4', endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }], ports },
  });
  const [finder, reader] = await Promise.all([who.finder, who.reader].map((account) => bed.token(account)));
  const config = {
    scrape_configs: ROLES.map((role) => ({
      ...{ job_name: role, scheme: 'https', scrape_interval: '1s', params: { own: ['only'] } },
      authorization: { credentials: reader },
      tls_config: { ca_file: 'podnet.crt', server_name: `podnet-apiserver.${NAMESPACE}.svc` },
      kubernetes_sd_configs: [
        {
          ...{ role, api_server: cluster.url, namespaces: { names: [NAMESPACE] } },
          ...{ authorization: { credentials: finder }, tls_config: { ca_file: 'kubernetes.crt' } },
        },
      ],
      relabel_configs: [{ action: 'keep', source_labels: ['__meta_kubernetes_service_name'], regex: SERVICE }],
    })),
  };
  const files = { 'podnet.crt': server.ca, 'kubernetes.crt': cluster.ca };
  return startPrometheus(JSON.stringify(config), files); // JSON is YAML
}
