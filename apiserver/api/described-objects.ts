import { DIAL_LATENCY, RATE_FAMILIES } from '../../metrics/catalogue.js';
import { IPAM_FIGURES } from '../../metrics/ipam/figures.js';

/** A kind of object that metrics of custom.metrics.k8s.io describe. */
export interface DescribedKind {
  /** As discovery lists it: plural, and its group unless that is the core one. */
  readonly resource: string;
  /** The singular is understood too, as by the reference. */
  readonly singular: string;
  readonly kind: string;
  /** Of the described object. */
  readonly apiVersion: string;
  readonly namespaced: boolean;
  /** Where the objects themselves are listed. */
  readonly path: { readonly root: string; readonly plural: string };
}

const core = (kind: string, plural: string, namespaced: boolean): DescribedKind => ({
  resource: plural,
  singular: kind.toLowerCase(),
  kind,
  apiVersion: 'v1',
  namespaced,
  path: { root: '/api/v1', plural },
});

const grouped = (kind: string, plural: string, group: string): DescribedKind => ({
  resource: `${plural}.${group}`,
  singular: `${plural.replace(/s$/, '')}.${group}`,
  kind,
  apiVersion: `${group}/v1`,
  namespaced: true,
  path: { root: `/apis/${group}/v1`, plural },
});

export const DESCRIBED = {
  pods: core('Pod', 'pods', true),
  services: core('Service', 'services', true),
  deployments: grouped('Deployment', 'deployments', 'apps'),
  statefulSets: grouped('StatefulSet', 'statefulsets', 'apps'),
  daemonSets: grouped('DaemonSet', 'daemonsets', 'apps'),
  networks: grouped('NetworkAttachmentDefinition', 'network-attachment-definitions', 'k8s.cni.cncf.io'),
  nodes: core('Node', 'nodes', false),
  namespaces: core('Namespace', 'namespaces', false),
} as const satisfies Readonly<Record<string, DescribedKind>>;

export const DESCRIBED_KINDS: readonly DescribedKind[] = Object.values(DESCRIBED);

/** The kind that a path segment names; undefined for one that nothing describes. */
export function describedKind(segment: string): DescribedKind | undefined {
  return DESCRIBED_KINDS.find(({ resource, singular }) => segment === resource || segment === singular);
}

/** Figures of IP addresses: of nodes, and of all of them together. */
export const ADDRESS_METRICS: readonly string[] = IPAM_FIGURES.map(({ metricName }) => metricName);

/**
 * The metrics of a kind: of a network no more than what its interfaces count, of nodes also how long it takes to connect to them, and the
 * IP addresses they have.
 */
export function metricsOf(kind: DescribedKind): string[] {
  const rates = RATE_FAMILIES.flatMap(({ level, rateName }) =>
    kind === DESCRIBED.networks && level === 'pod' ? [] : [rateName],
  );
  return kind === DESCRIBED.nodes ? [...rates, DIAL_LATENCY.metricName, ...ADDRESS_METRICS] : rates;
}
