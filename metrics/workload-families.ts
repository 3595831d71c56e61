import type { InterfaceCounterFamily, MetricFamily } from './catalogue.js';
import type { Network } from './network.js';
import { TRANSPORT_FAMILIES } from './transport-families.js';

/** A family of what the pods that --max-series leaves out count together. */
export interface WorkloadFamily extends MetricFamily {
  /** Of the counter in a reading of its level. */
  readonly column: number;
}

/** Of all its series: a pod without a workload has two empty ones. */
export const WORKLOAD_LABELS = ['namespace', 'workload_kind', 'workload'] as const;
/** Of those that count what interfaces do. */
export const WORKLOAD_NETWORK_LABELS = [...WORKLOAD_LABELS, 'network', 'nad_namespace', 'stacked_on'] as const;

const OF_WHOM =
  'Added up over the pods of a workload that --max-series leaves out, from when this server left them out';

/** What is added up of a counter of interfaces. */
export function workloadNetworkFamily({ name, help, unit, column }: InterfaceCounterFamily): WorkloadFamily {
  return {
    name: name.replace('podnet_interface_', 'podnet_workload_network_'),
    type: 'counter',
    help: `${OF_WHOM}, on one network: ${lowerFirst(help.replace(', on one of its interfaces', ''))}`,
    ...(unit !== undefined && { unit }),
    labels: WORKLOAD_NETWORK_LABELS,
    stability: 'alpha',
    column,
  };
}

/** What is added up of the transport counters. What pods have at a time (sockets) has no growth. */
export const WORKLOAD_TRANSPORT_FAMILIES: readonly WorkloadFamily[] = TRANSPORT_FAMILIES.filter(
  ({ type }) => type === 'counter',
).flatMap(({ name, help, unit, series }) =>
  series.map(({ column }) => ({
    name: name.replace('podnet_', 'podnet_workload_'),
    type: 'counter' as const,
    help: `${OF_WHOM}: ${help}`,
    ...(unit !== undefined && { unit }),
    labels: WORKLOAD_LABELS,
    stability: 'alpha' as const,
    column,
  })),
);

/** Longer lists of networks are not told. */
const STACKED_ON_MAX = 1_024;
/** On networks that are not told: no network has that name, and an expression that any network matches finds it as well. */
export const STACKED_ON_SOME = '*,';

/**
 * Other networks whose traffic interfaces count again, each with a comma behind it: of any choice of networks a regular expression finds
 * those that are stacked on one of it, `(.*,)?(<choice>),.*`. Empty: none.
 */
export function stackedOnLabel(networks: readonly Network[]): string {
  if (networks.length === 0) return '';
  const names = new Set(networks.map(({ network }) => `${network},`));
  const label = [...names].sort().join('');
  return label.length > STACKED_ON_MAX ? STACKED_ON_SOME : label;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
