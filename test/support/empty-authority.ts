import type { KubeApiServer } from './kube-api.js';

const NAMESPACE = '/api/v1/namespaces/podnet-system';
export const CA_SECRET = `${NAMESPACE}/secrets/podnet-apiserver-ca`;
export const CA_CONFIG_MAP = `${NAMESPACE}/configmaps/podnet-apiserver-ca`;

/** What the manifests bring for the authority that a server makes, and have no data for. */
export function putEmptyAuthority(api: Pick<KubeApiServer, 'put'>): void {
  api.put(CA_SECRET, { type: 'Opaque' });
  api.put(CA_CONFIG_MAP, {});
}
