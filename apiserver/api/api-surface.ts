import type { ApiResource } from '../../openapi/kubernetes.js';
import {
  CUSTOM_METRICS_GROUP,
  CUSTOM_METRICS_VERSIONS,
  EXTERNAL_METRICS_GROUP,
  EXTERNAL_METRICS_VERSION,
} from '../../openapi/metric-values.js';
import { PODNET_GROUP, PODNET_VERSION } from '../../openapi/podnet-api.js';
import { RATE_NAMES } from '../../metrics/catalogue.js';
import { ADDRESS_METRICS, DESCRIBED_KINDS, metricsOf } from './described-objects.js';

/** The groups this server can serve, in the order in which discovery lists them. */
export const API_GROUP_NAMES = [CUSTOM_METRICS_GROUP, EXTERNAL_METRICS_GROUP, PODNET_GROUP] as const;
export type ApiGroupName = (typeof API_GROUP_NAMES)[number];

export interface ServedVersion {
  readonly version: string;
  readonly resources: readonly ApiResource[];
}

export interface ServedGroup {
  readonly name: ApiGroupName;
  /** The preferred one first. */
  readonly versions: readonly ServedVersion[];
}

// One scope for each parent resource: a group version with one that has two is stale as a whole (contract 1.2).
// Nothing but get: controllers pick resources to delete, to collect or to count by the other verbs (contract 1.1).
const CUSTOM_METRICS: readonly ApiResource[] = DESCRIBED_KINDS.flatMap((kind) =>
  metricsOf(kind).map((metric) => ({
    name: `${kind.resource}/${metric}`,
    singularName: '',
    namespaced: kind.namespaced,
    kind: 'MetricValueList',
    verbs: ['get'],
  })),
);

const EXTERNAL_METRICS: readonly ApiResource[] = [...RATE_NAMES, ...ADDRESS_METRICS].map((name) => ({
  name,
  singularName: '',
  namespaced: true,
  kind: 'ExternalMetricValueList',
  verbs: ['get'],
}));

const READ = ['get', 'list'];
const PODNET: readonly ApiResource[] = [
  { name: 'explain', singularName: '', namespaced: true, kind: 'Explanation', verbs: ['get'] },
  {
    name: 'nodenetworks',
    singularName: 'nodenetwork',
    namespaced: false,
    kind: 'NodeNetwork',
    verbs: READ,
    shortNames: ['nn'],
  },
  { name: 'nodereports', singularName: 'nodereport', namespaced: false, kind: 'NodeReport', verbs: ['create'] },
  {
    name: 'podnetworks',
    singularName: 'podnetwork',
    namespaced: true,
    kind: 'PodNetwork',
    verbs: READ,
    shortNames: ['pn'],
  },
  {
    name: 'virtualfunctions',
    singularName: 'virtualfunction',
    namespaced: false,
    kind: 'VirtualFunction',
    verbs: READ,
    shortNames: ['vf'],
  },
];

const GROUPS: readonly ServedGroup[] = [
  {
    name: CUSTOM_METRICS_GROUP,
    versions: CUSTOM_METRICS_VERSIONS.map((version) => ({ version, resources: CUSTOM_METRICS })),
  },
  { name: EXTERNAL_METRICS_GROUP, versions: [{ version: EXTERNAL_METRICS_VERSION, resources: EXTERNAL_METRICS }] },
  { name: PODNET_GROUP, versions: [{ version: PODNET_VERSION, resources: PODNET }] },
];

/**
 * What discovery tells: the catalogue and not the data, as an aggregator that finds a list empty or changing marks the group version
 * stale.
 */
export function apiSurface(enabled: ReadonlySet<ApiGroupName>): readonly ServedGroup[] {
  return GROUPS.filter(({ name }) => enabled.has(name));
}
