import type { MetricFamily } from '../catalogue.js';
import { IPAM_PREFIX, bareName, servedName } from './names.js';
import { KNOWN_IPAM_FAMILIES } from './known-families.js';

/**
 * How a figure comes about. gauge: the samples of a family added up, and over nodes. counter: growth. latency: the highest 99th percentile.
 * free and exhaustion: reckoned from others.
 */
export type IpamFigureKind = 'gauge' | 'counter' | 'latency' | 'free' | 'exhaustion';

/** A figure of ipamd: of a node, and of all nodes together. */
export interface IpamFigure {
  readonly kind: IpamFigureKind;
  /** The family of ipamd that it is of; undefined of what is reckoned from several. */
  readonly reads?: string;
  /** Whether ipamd has exactly one sample of it at all times: without it a node's share is not known. Otherwise none is 0. */
  readonly isAlwaysThere: boolean;
  /** Of all nodes together. */
  readonly cluster: MetricFamily;
  /** Name on custom.metrics.k8s.io (of nodes) and external.metrics.k8s.io (of all together). */
  readonly metricName: string;
  readonly metricHelp: string;
  readonly cloudWatch?: { readonly name: string; readonly unit: 'Count' | 'Milliseconds' };
}

/** Names that cni-metrics-helper gave them on CloudWatch, by the family of ipamd. */
const CLOUDWATCH_NAMES: Readonly<Record<string, string>> = {
  awscni_assigned_ip_addresses: 'assignIPAddresses',
  awscni_total_ip_addresses: 'totalIPAddresses',
  awscni_total_ipv4_prefixes: 'totalIPv4Prefixes',
  awscni_assigned_ip_per_cidr: 'totalAssignedIPv4sPerCidr',
  awscni_eni_allocated: 'eniAllocated',
  awscni_eni_max: 'eniMaxAvailable',
  awscni_ip_max: 'maxIPAddresses',
  awscni_ipamd_action_inprogress: 'ipamdActionInProgress',
  awscni_aws_api_latency_ms: 'awsAPILatency',
  awscni_aws_api_error_count: 'awsAPIErr',
  awscni_aws_utils_error_count: 'awsUtilErr',
  awscni_ipamd_error_count: 'ipamdErr',
  awscni_force_removed_enis: 'forceRemoveENI',
  awscni_force_removed_ips: 'forceRemoveIPs',
  awscni_reconcile_count: 'reconcileCount',
  awscni_add_ip_req_count: 'addReqCount',
  awscni_del_ip_req_count: 'delReqCount',
  awscni_pod_eni_error_count: 'podENIErr',
  awscni_ec2api_req_count: 'ec2ApiReqCount',
  awscni_ec2api_error_count: 'ec2ApiErrCount',
};

/** What is not of the present, of one node, or no total that anybody could use. */
const NOT_ADDED_UP: ReadonlySet<string> = new Set([
  'awscni_assigned_ip_per_eni',
  'awscni_ipamd_startup_duration_seconds',
  'awscni_ipamd_node_initialization_duration_seconds',
  'awscni_connmark_backend',
]);

const clusterFamily = (bare: string, type: 'gauge' | 'counter', help: string): MetricFamily => ({
  ...{ name: `${IPAM_PREFIX}cluster_${bare}`, type, help, labels: [], stability: 'alpha' },
  ...(bare.endsWith('_seconds') && { unit: 'seconds' }),
});

function figureOf({ name, type, family }: (typeof KNOWN_IPAM_FAMILIES)[number]): IpamFigure {
  const bare = bareName('awscni', name) ?? name;
  const isAlwaysThere = family.labels.length === 1;
  const cloudWatchName = CLOUDWATCH_NAMES[name];
  if (type === 'summary') {
    const seconds = bare.replace(/_ms$/, '_seconds');
    const help =
      'The highest 99th percentile that a node tells of the time its calls to AWS took. Absent where none tells any.';
    return {
      ...{ kind: 'latency', reads: name, isAlwaysThere: false, cluster: clusterFamily(seconds, 'gauge', help) },
      ...{ metricName: `ipam_${seconds}`, metricHelp: help },
      ...(cloudWatchName !== undefined && { cloudWatch: { name: cloudWatchName, unit: 'Milliseconds' } }),
    };
  }
  const cloudWatch =
    cloudWatchName === undefined ? {} : { cloudWatch: { name: cloudWatchName, unit: 'Count' } as const };
  if (type === 'counter') {
    const served = servedName(bare, type);
    const help = `${family.help} What it grew on each node, added up: since this server started or, where replicas are scraped as one, since the first of them did.`;
    return {
      ...{
        kind: 'counter',
        reads: name,
        isAlwaysThere,
        cluster: clusterFamily(served, 'counter', help),
        ...cloudWatch,
      },
      metricName: `ipam_${served.replace(/_total$/, '')}_per_second`,
      metricHelp: `${family.help} Per second.`,
    };
  }
  return {
    ...{ kind: 'gauge', reads: name, isAlwaysThere, ...cloudWatch },
    cluster: clusterFamily(bare, 'gauge', `${family.help} Added up over the nodes that report.`),
    ...{ metricName: `ipam_${bare}`, metricHelp: family.help },
  };
}

export const FREE: IpamFigure = {
  ...{ kind: 'free', isAlwaysThere: true, metricName: 'ipam_free_ip_addresses' },
  cluster: clusterFamily(
    'free_ip_addresses',
    'gauge',
    'IP addresses that the nodes that report could still give to pods: those that they can have, less those that pods have.',
  ),
  metricHelp: 'IP addresses that could still be given to pods.',
};

export const EXHAUSTION: IpamFigure = {
  ...{ kind: 'exhaustion', isAlwaysThere: false, metricName: 'ipam_exhaustion_seconds' },
  cluster: clusterFamily(
    'exhaustion_seconds',
    'gauge',
    'When the nodes that report have no address left to give, at their trends of the last hour together. Absent where they do not become fewer.',
  ),
  metricHelp: 'When no address is left to give, at the trend of the last hour.',
};

/** In the order in which they are printed and listed. */
export const IPAM_FIGURES: readonly IpamFigure[] = [
  ...KNOWN_IPAM_FAMILIES.filter(({ source, name }) => source === 'awscni' && !NOT_ADDED_UP.has(name)).map(figureOf),
  FREE,
  EXHAUSTION,
];

const BY_METRIC_NAME = new Map(IPAM_FIGURES.map((figure) => [figure.metricName, figure]));

/** The figure of a metric that the HPA asks for; undefined for a name that is none of them. */
export function ipamFigureOf(metricName: string): IpamFigure | undefined {
  return BY_METRIC_NAME.get(metricName);
}

/** How many nodes the totals are of. */
export const IPAM_NODES: MetricFamily = {
  name: 'podnet_ipam_nodes',
  type: 'gauge',
  help: 'Nodes by whether what they tell of their IP addresses is of the present (reporting) or ought to be there and is not (missing): the totals of the cluster are of the former alone.',
  labels: ['state'],
  stability: 'alpha',
};
