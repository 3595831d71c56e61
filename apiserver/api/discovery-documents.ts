import type {
  ApiGroup,
  ApiGroupDiscoveryList,
  ApiGroupList,
  ApiResource,
  ApiResourceDiscovery,
  ApiResourceList,
} from '../../openapi/kubernetes.js';
import type { ServedGroup, ServedVersion } from './api-surface.js';

/** GET /apis, plain. */
export function apiGroupList(surface: readonly ServedGroup[]): ApiGroupList {
  const groups = surface.map(apiGroup).map(({ kind: _kind, apiVersion: _apiVersion, ...group }) => group);
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** GET /apis/<group>. */
export function apiGroup({ name, versions: served }: ServedGroup): ApiGroup {
  const versions = served.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  const [preferredVersion] = versions;
  if (preferredVersion === undefined) throw new TypeError(`${name}: has no version`);
  return { kind: 'APIGroup', apiVersion: 'v1', name, versions, preferredVersion };
}

/** GET /apis/<group>/<version>. */
export function apiResourceList({ name }: ServedGroup, { version, resources }: ServedVersion): ApiResourceList {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${name}/${version}`,
    resources: [...resources],
  };
}

/** GET /apis, aggregated (apidiscovery.k8s.io). */
export function apiGroupDiscoveryList(
  surface: readonly ServedGroup[],
  discoveryVersion: 'v2' | 'v2beta1',
): ApiGroupDiscoveryList {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${discoveryVersion}`,
    metadata: {},
    items: surface.map(({ name, versions }) => ({
      metadata: { name },
      versions: versions.map(({ version, resources }) => ({
        version,
        freshness: 'Current',
        resources: discoveredResources(name, version, resources),
      })),
    })),
  };
}

/** A metric is a subresource of what it describes; the parent is named once, and answers nothing itself. */
function discoveredResources(
  group: string,
  version: string,
  resources: readonly ApiResource[],
): ApiResourceDiscovery[] {
  const parents = new Map<string, ApiResourceDiscovery>();
  for (const { name, singularName, namespaced, kind, verbs, shortNames } of resources) {
    const [resource = '', subresource] = name.split('/');
    const scope = namespaced ? 'Namespaced' : 'Cluster';
    const responseKind = { group, version, kind };
    if (subresource === undefined) {
      parents.set(resource, {
        ...{ resource, responseKind, scope, singularResource: singularName, verbs },
        ...(shortNames !== undefined && { shortNames }),
      });
      continue;
    }
    const nothing = { group: '', version: '', kind: '' };
    const parent = parents.get(resource) ?? { resource, responseKind: nothing, scope, singularResource: '', verbs: [] };
    const subresources = [...(parent.subresources ?? []), { subresource, responseKind, verbs }];
    parents.set(resource, { ...parent, subresources });
  }
  return [...parents.values()];
}
