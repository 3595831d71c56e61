/** A group version of Kubernetes' own, as far as kubectl is to find it. */
export interface GroupVersion {
  readonly groupVersion: string;
  /** As an APIGroup. */
  readonly group: object;
  readonly kinds: readonly Kind[];
}

interface Kind {
  readonly kind: string;
  readonly resource: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
}

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

function groupVersion(name: string, version: string, kinds: readonly Kind[]): GroupVersion {
  const full = name === '' ? version : `${name}/${version}`;
  const served = { groupVersion: full, version };
  const group = { kind: 'APIGroup', apiVersion: 'v1', name, versions: [served], preferredVersion: served };
  return { groupVersion: full, group, kinds };
}

const of = (kind: string, resource: string, ...shortNames: string[]): Kind => ({
  ...{ kind, resource, namespaced: true, shortNames },
});
const ofCluster = (kind: string, resource: string, ...shortNames: string[]): Kind => ({
  ...{ kind, resource, namespaced: false, shortNames },
});

export const KINDS: readonly GroupVersion[] = [
  groupVersion('', 'v1', [
    of('ConfigMap', 'configmaps', 'cm'),
    of('Event', 'events', 'ev'),
    ofCluster('Namespace', 'namespaces', 'ns'),
    ofCluster('Node', 'nodes', 'no'),
    of('Pod', 'pods', 'po'),
    of('Secret', 'secrets'),
    of('Service', 'services', 'svc'),
    of('ServiceAccount', 'serviceaccounts', 'sa'),
  ]),
  groupVersion('apiregistration.k8s.io', 'v1', [ofCluster('APIService', 'apiservices')]),
  groupVersion('apps', 'v1', [
    of('DaemonSet', 'daemonsets', 'ds'),
    of('Deployment', 'deployments', 'deploy'),
    of('ReplicaSet', 'replicasets', 'rs'),
    of('StatefulSet', 'statefulsets', 'sts'),
  ]),
  groupVersion('autoscaling', 'v2', [of('HorizontalPodAutoscaler', 'horizontalpodautoscalers', 'hpa')]),
  groupVersion('coordination.k8s.io', 'v1', [of('Lease', 'leases')]),
  groupVersion('discovery.k8s.io', 'v1', [of('EndpointSlice', 'endpointslices')]),
  groupVersion('k8s.cni.cncf.io', 'v1', [
    of('NetworkAttachmentDefinition', 'network-attachment-definitions', 'net-attach-def'),
  ]),
  groupVersion('monitoring.coreos.com', 'v1', [of('PrometheusRule', 'prometheusrules', 'promrule')]),
  groupVersion('rbac.authorization.k8s.io', 'v1', [
    ofCluster('ClusterRole', 'clusterroles'),
    ofCluster('ClusterRoleBinding', 'clusterrolebindings'),
    of('Role', 'roles'),
    of('RoleBinding', 'rolebindings'),
  ]),
];

/** As an APIResourceList. */
export function resourceList({ groupVersion: version, kinds }: GroupVersion): object {
  const resources = kinds.map(({ kind, resource, namespaced, shortNames = [] }) => ({
    ...{ name: resource, singularName: kind.toLowerCase(), kind, namespaced, verbs: VERBS, shortNames },
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: version, resources };
}
