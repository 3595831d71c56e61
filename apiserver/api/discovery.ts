import type { ApiGroup, ApiGroupList, ApiResourceList } from '../../openapi/kubernetes.js';
import { CUSTOM_METRICS_GROUP, CUSTOM_METRICS_VERSIONS } from '../../openapi/metric-values.js';
import { RATE_NAMES } from '../../metrics/catalogue.js';
import type { App } from './app-types.js';

/**
 * Discovery documents. They are the catalogue and not the data: an aggregator that finds a list empty or changing marks the whole
 * group version stale.
 */
export function discoveryRoutes(app: App): void {
  const group = apiGroup(CUSTOM_METRICS_GROUP, CUSTOM_METRICS_VERSIONS);
  const { kind: _kind, apiVersion: _apiVersion, ...listed } = group;
  const groups: ApiGroupList = { kind: 'APIGroupList', apiVersion: 'v1', groups: [listed] };
  app.get('/apis', () => groups);
  app.get(`/apis/${CUSTOM_METRICS_GROUP}`, () => group);
  for (const version of CUSTOM_METRICS_VERSIONS) {
    const resources = apiResources(version);
    app.get(`/apis/${CUSTOM_METRICS_GROUP}/${version}`, () => resources);
  }
}

function apiGroup(name: string, served: readonly string[]): ApiGroup {
  const versions = served.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  const [preferredVersion = { groupVersion: '', version: '' }] = versions;
  return { kind: 'APIGroup', apiVersion: 'v1', name, versions, preferredVersion };
}

function apiResources(version: string): ApiResourceList {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${CUSTOM_METRICS_GROUP}/${version}`,
    resources: RATE_NAMES.map((metric) => ({
      name: `pods/${metric}`,
      singularName: '',
      namespaced: true,
      kind: 'MetricValueList',
      verbs: ['get'],
    })),
  };
}
