import { CUSTOM_METRICS_GROUP, EXTERNAL_METRICS_GROUP } from '../../../openapi/metric-values.js';
import { PODNET_GROUP } from '../../../openapi/podnet-api.js';
import type { NewObject } from '../cluster.js';
import type { Names } from '../names.js';

const RBAC = 'rbac.authorization.k8s.io/v1';
const RBAC_GROUP = 'rbac.authorization.k8s.io';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

type Subject = { readonly account: string } | { readonly group: string } | { readonly user: string };

/** Who may read metrics by a RoleBinding in the namespace of the Deployments. */
export const READERS = { account: 'reader', group: 'podnet-e2e:viewers' } as const;

/** Service accounts, and exactly the rights that the server, the agents and a reader need. */
export function rights(names: Names, apiServices: readonly string[]): NewObject[] {
  const { system, load, prefix, service } = names;
  const name = `${prefix}-server`;
  const server: Subject = { account: 'server' };
  return [
    ...['server', 'agent', READERS.account, 'nobody'].map((account) => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: metadata(names, account, system),
    })),
    role(names, { name }, [
      rule('', ['pods'], ['get', 'list', 'watch']),
      rule('', ['services'], ['list', 'watch']),
      rule('', ['namespaces', 'nodes'], ['list']),
      rule('apps', ['deployments', 'statefulsets', 'daemonsets'], ['list']),
      { ...rule('apiregistration.k8s.io', ['apiservices'], ['get', 'patch']), resourceNames: apiServices },
    ]),
    binding(names, { name }, { kind: 'ClusterRole', name }, [server]),
    binding(names, { name: `${prefix}-delegator` }, { kind: 'ClusterRole', name: 'system:auth-delegator' }, [server]),
    binding(
      names,
      { name: `${prefix}-authentication`, namespace: 'kube-system' },
      { kind: 'Role', name: 'extension-apiserver-authentication-reader' },
      [server],
    ),
    role(names, { name, namespace: system }, [
      { ...rule('', ['secrets'], ['get', 'update']), resourceNames: [`${service.name}-ca`] },
      { ...rule('', ['configmaps'], ['get', 'patch']), resourceNames: [`${service.name}-ca`] },
      rule('coordination.k8s.io', ['leases'], ['create']), // what does not exist yet has no name to allow by
      {
        ...rule('coordination.k8s.io', ['leases'], ['get', 'update']),
        resourceNames: [service.name, `${service.name}-exposer`],
      },
    ]),
    binding(names, { name, namespace: system }, { kind: 'Role', name }, [server]),
    role(names, { name: `${prefix}-agent` }, [rule(PODNET_GROUP, ['nodereports'], ['create'])]),
    binding(names, { name: `${prefix}-agent` }, { kind: 'ClusterRole', name: `${prefix}-agent` }, [
      { account: 'agent' },
    ]),
    role(names, { name: 'metrics-reader', namespace: load }, [
      rule(CUSTOM_METRICS_GROUP, ['*'], ['get', 'list']),
      rule(EXTERNAL_METRICS_GROUP, ['*'], ['get', 'list']),
      rule(PODNET_GROUP, ['podnetworks'], ['get', 'list']),
    ]),
    binding(names, { name: 'metrics-reader', namespace: load }, { kind: 'Role', name: 'metrics-reader' }, [
      READERS,
      { group: READERS.group },
    ]),
  ];
}

/** What the server writes its authority to, and may not make. */
export function emptyAuthority(names: Names): NewObject[] {
  const own = metadata(names, `${names.service.name}-ca`, names.system);
  return ['Secret', 'ConfigMap'].map((kind) => ({ apiVersion: 'v1', kind, metadata: own }));
}

function rule(group: string, resources: readonly string[], verbs: readonly string[]): Rule {
  return { apiGroups: [group], resources, verbs };
}

interface Place {
  readonly name: string;
  readonly namespace?: string;
}

function metadata({ labels }: Names, name: string, namespace?: string): NewObject['metadata'] {
  return { name, labels, ...(namespace !== undefined && { namespace }) };
}

function role(names: Names, { name, namespace }: Place, rules: readonly Rule[]): NewObject {
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  return { apiVersion: RBAC, kind, metadata: metadata(names, name, namespace), rules };
}

function binding(
  names: Names,
  { name, namespace }: Place,
  roleRef: { readonly kind: string; readonly name: string },
  subjects: readonly Subject[],
): NewObject {
  return {
    apiVersion: RBAC,
    kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: metadata(names, name, namespace),
    roleRef: { apiGroup: RBAC_GROUP, ...roleRef },
    subjects: subjects.map((subject) => {
      if ('account' in subject) return { kind: 'ServiceAccount', namespace: names.system, name: subject.account };
      if ('group' in subject) return { kind: 'Group', apiGroup: RBAC_GROUP, name: subject.group };
      return { kind: 'User', apiGroup: RBAC_GROUP, name: subject.user };
    }),
  };
}
