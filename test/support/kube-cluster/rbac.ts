import type { Attributes } from '../../../apiserver/auth/attributes.js';
import type { User } from '../../../apiserver/auth/user.js';
import { at, listAt, textAt } from '../../cluster/json.js';
import type { KubeApiServer } from '../kube-api.js';
import { asObject } from '../kube-api/serve.js';

/** Something that somebody asked for, or that a server asked about, and whether it was allowed. */
export interface AskedFor {
  /** request: of the Kubernetes API; review: of another server, which had it judged by a SubjectAccessReview. */
  readonly by: 'request' | 'review';
  readonly user: User;
  readonly attributes: Attributes;
  readonly isAllowed: boolean;
}

/** Roles and bindings, by their paths, among whatever else. */
export interface Rights {
  readonly objects: ReadonlyMap<string, unknown>;
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const MASTERS = 'system:masters';

/**
 * What every cluster has of roles and bindings, as far as podnet needs them (kubernetes, plugin/pkg/auth/authorizer/rbac/bootstrappolicy:
 * policy.go, namespace_policy.go and controller_policy.go).
 */
export function addBuiltInRights(api: KubeApiServer): void {
  const rule = (apiGroups: string[], resources: string[], verbs: string[]): object => ({ apiGroups, resources, verbs });
  const role = (name: string, rules: object[]): unknown => api.put(`${RBAC}/clusterroles/${name}`, { rules });
  const bind = (name: string, subjects: object[]): unknown =>
    api.put(`${RBAC}/clusterrolebindings/${name}`, { roleRef: { kind: 'ClusterRole', name }, subjects });
  role('system:auth-delegator', [
    rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
    rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  ]);
  role('system:discovery', [
    { nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', '/version'], verbs: ['get'] },
  ]);
  role('system:basic-user', [rule(['authorization.k8s.io'], ['selfsubjectaccessreviews'], ['create'])]);
  role('system:service-account-issuer-discovery', [
    { nonResourceURLs: ['/.well-known/openid-configuration', '/openid/v1/jwks'], verbs: ['get'] },
  ]);
  const controller = 'system:controller:horizontal-pod-autoscaler';
  role(controller, [rule(['custom.metrics.k8s.io', 'external.metrics.k8s.io'], ['*'], ['get', 'list'])]);
  for (const name of ['system:discovery', 'system:basic-user']) {
    bind(name, [{ kind: 'Group', name: 'system:authenticated' }]);
  }
  bind('system:service-account-issuer-discovery', [{ kind: 'Group', name: 'system:serviceaccounts' }]);
  const clusterRoleSelectors = [{ matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } }];
  api.put(`${RBAC}/clusterroles/view`, { aggregationRule: { clusterRoleSelectors }, rules: [] });
  bind(controller, [{ kind: 'ServiceAccount', namespace: 'kube-system', name: 'horizontal-pod-autoscaler' }]);
  api.put(`${RBAC}/namespaces/kube-system/roles/extension-apiserver-authentication-reader`, {
    rules: [
      {
        ...rule([''], ['configmaps'], ['get', 'list', 'watch']),
        resourceNames: ['extension-apiserver-authentication'],
      },
    ],
  });
}

/** Whether roles and bindings allow something (kubernetes/plugin/pkg/auth/authorizer/rbac). */
export function isAllowed(rights: Rights, user: User, attributes: Attributes): boolean {
  if (user.groups.includes(MASTERS)) return true;
  const namespace = 'resourceAttributes' in attributes ? attributes.resourceAttributes.namespace : undefined;
  const scopes = ['', ...(namespace === undefined ? [] : [`/namespaces/${namespace}`])];
  return scopes.some((scope) => rulesOf(rights, user, scope).some((rule) => covers(rule, attributes)));
}

/** Rules of what binds a user in the cluster, or in a namespace. */
function rulesOf({ objects }: Rights, user: User, scope: string): unknown[] {
  const collection = `${RBAC}${scope}/${scope === '' ? 'clusterrolebindings' : 'rolebindings'}/`;
  return [...objects]
    .filter(([path, binding]) => path.startsWith(collection) && isBound(binding, user))
    .flatMap(([, binding]) => {
      const isOfCluster = textAt(binding, 'roleRef', 'kind') === 'ClusterRole';
      const roles = isOfCluster ? `${RBAC}/clusterroles` : `${RBAC}${scope}/roles`;
      const role = objects.get(`${roles}/${textAt(binding, 'roleRef', 'name')}`);
      return [...listAt(role, 'rules'), ...aggregated({ objects }, role)];
    });
}

/** What a controller writes into a ClusterRole that is made of others (kubernetes/pkg/controller/clusterroleaggregation). */
function aggregated({ objects }: Rights, role: unknown): unknown[] {
  const selectors = listAt(role, 'aggregationRule', 'clusterRoleSelectors').map((selector) =>
    Object.entries(asObject(at(selector, 'matchLabels'))),
  );
  return [...objects]
    .filter(([path]) => path.startsWith(`${RBAC}/clusterroles/`))
    .filter(([, one]) =>
      selectors.some((labels) => labels.every(([key, value]) => textAt(one, 'metadata', 'labels', key) === value)),
    )
    .flatMap(([, one]) => listAt(one, 'rules'));
}

function isBound(binding: unknown, { name, groups }: User): boolean {
  return listAt(binding, 'subjects').some((subject) => {
    const own = textAt(subject, 'name');
    if (textAt(subject, 'kind') === 'Group') return groups.includes(own);
    if (textAt(subject, 'kind') === 'User') return own === name;
    return name === `system:serviceaccount:${textAt(subject, 'namespace')}:${own}`;
  });
}

function covers(rule: unknown, attributes: Attributes): boolean {
  const has = (list: string, ...values: string[]): boolean =>
    listAt(rule, list).some((one) => one === '*' || values.some((value) => value === one));
  if ('nonResourceAttributes' in attributes) {
    const { path, verb } = attributes.nonResourceAttributes;
    return has('verbs', verb) && listAt(rule, 'nonResourceURLs').some((url) => isUnder(String(url), path));
  }
  const { verb, group = '', resource, subresource, name = '' } = attributes.resourceAttributes;
  const wanted = subresource === undefined ? resource : `${resource}/${subresource}`;
  const isNamed = at(rule, 'resourceNames') === undefined || listAt(rule, 'resourceNames').includes(name);
  return has('verbs', verb) && has('apiGroups', group) && has('resources', wanted) && isNamed;
}

function isUnder(url: string, path: string): boolean {
  return url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : url === path;
}

/** Whom and what a SubjectAccessReview asks about. */
export function attributesOfReview(spec: unknown): [User, Attributes] {
  const user = { name: textAt(spec, 'user'), groups: listAt(spec, 'groups').map(String), extra: {} };
  return [user, readAttributes(spec)];
}

/** Of a review, in which what is empty may be left out. */
export function readAttributes(spec: unknown): Attributes {
  const ofPath = at(spec, 'nonResourceAttributes');
  if (ofPath !== undefined) {
    return { nonResourceAttributes: { path: textAt(ofPath, 'path'), verb: textAt(ofPath, 'verb') } };
  }
  const given = at(spec, 'resourceAttributes');
  const [verb, group, version, resource] = ['verb', 'group', 'version', 'resource'].map((key) => textAt(given, key));
  const [namespace, subresource, name] = ['namespace', 'subresource', 'name'].map((key) => textAt(given, key));
  return {
    resourceAttributes: {
      ...{ verb: verb ?? '', group: group ?? '', version: version ?? '', resource: resource ?? '' },
      ...(namespace !== '' && { namespace: namespace ?? '' }),
      ...(subresource !== '' && { subresource: subresource ?? '' }),
      ...(name !== '' && { name: name ?? '' }),
    },
  };
}
