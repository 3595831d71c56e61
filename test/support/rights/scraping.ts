import type { Apiserver } from '../../../apiserver/start.js';
import { isAllowed } from '../kube-cluster/rbac.js';
import { startPrometheus } from '../prometheus.js';
import { NAMESPACE, userOf, type Account, type RightsBed } from './bed.js';

/**
 * What Prometheus asks the Kubernetes API for to find targets by Endpoints or by EndpointSlices: informers of three kinds of objects each
 * (prometheus, discovery/kubernetes/kubernetes.go). Debian's is built without it, so that this is written down and not asked.
 */
const FINDING = [
  ['', 'services'],
  ['', 'pods'],
  ['', 'endpoints'],
  ['discovery.k8s.io', 'endpointslices'],
] as const;

/** Prometheus looks for its targets. */
export function playFinding({ api, asked }: RightsBed, account: Account): void {
  const user = { name: userOf(account), groups: [], extra: {} };
  for (const [group, resource] of FINDING) {
    for (const verb of ['list', 'watch']) {
      const attributes = { resourceAttributes: { verb, group, version: 'v1', resource, namespace: NAMESPACE } };
      asked.note({ by: 'request', user, attributes, isAllowed: isAllowed(api, user, attributes) });
    }
  }
}

/** A real Prometheus scrapes a server. */
export async function playScrape(bed: RightsBed, server: Apiserver, account: Account): Promise<void> {
  const job = {
    ...{ job_name: 'podnet', scheme: 'https', scrape_interval: '1s', params: { own: ['only'] } },
    authorization: { credentials: await bed.token(account) },
    tls_config: { ca_file: 'ca.crt', server_name: `podnet-apiserver.${NAMESPACE}.svc` },
    static_configs: [{ targets: [new URL(server.url).host] }],
  };
  // JSON is YAML
  const prometheus = await startPrometheus(JSON.stringify({ scrape_configs: [job] }), { 'ca.crt': server.ca });
  try {
    const up = () => prometheus.query('up').then((series) => series.map(({ value }) => value).join());
    await bed.eventually(up, (seen) => seen === '1');
  } finally {
    await prometheus.close();
  }
}
