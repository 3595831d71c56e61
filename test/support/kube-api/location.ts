/** What a path of the Kubernetes API names: a collection, or one object of it. */
export interface Location {
  /** `/api/v1` or `/apis/<group>/<version>`. */
  readonly root: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

const KINDS: Readonly<Record<string, string>> = {
  apiservices: 'APIService',
  clusterrolebindings: 'ClusterRoleBinding',
  clusterroles: 'ClusterRole',
  configmaps: 'ConfigMap',
  daemonsets: 'DaemonSet',
  endpoints: 'Endpoints',
  endpointslices: 'EndpointSlice',
  horizontalpodautoscalers: 'HorizontalPodAutoscaler',
  'network-attachment-definitions': 'NetworkAttachmentDefinition',
  prometheusrules: 'PrometheusRule',
  replicasets: 'ReplicaSet',
  resourceclaims: 'ResourceClaim',
  resourceslices: 'ResourceSlice',
};

/** @returns undefined for a path that names no resource */
export function parseLocation(pathname: string): Location | undefined {
  const parts = pathname.split('/').slice(1).map(decodeURIComponent);
  const rootLength = parts[0] === 'api' ? 2 : 3;
  if ((parts[0] !== 'api' && parts[0] !== 'apis') || parts.includes('')) return undefined;
  const root = `/${parts.slice(0, rootLength).join('/')}`;
  const group = rootLength === 2 ? '' : (parts[1] ?? '');
  const rest = parts.slice(rootLength);
  const isNamespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [resource, name, subresource] = isNamespaced ? rest.slice(2) : rest;
  if (resource === undefined) return undefined;
  return {
    root,
    group,
    resource,
    ...(isNamespaced && rest[1] !== undefined && { namespace: rest[1] }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  };
}

export function renderLocation({ root, namespace, resource, name }: Location): string {
  const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `${root}${scope}/${resource}${name === undefined ? '' : `/${name}`}`;
}

export function kindOf({ resource }: Location): string {
  return KINDS[resource] ?? `${resource.charAt(0).toUpperCase()}${resource.slice(1, -1)}`;
}

/** As messages of Kubernetes name a resource: `leases.coordination.k8s.io`. */
export function qualifiedResource({ group, resource }: Location): string {
  return group === '' ? resource : `${resource}.${group}`;
}
