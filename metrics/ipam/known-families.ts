import type { IpamSourceName, IpamType } from '../../openapi/report-terms.js';
import type { MetricFamily } from '../catalogue.js';
import { NODE_LABEL } from '../labels.js';
import { IPAM_PREFIX, bareName, servedName } from './names.js';

/** A family that a source is known to have. */
export interface KnownIpamFamily {
  readonly source: IpamSourceName;
  /** As the source calls it. */
  readonly name: string;
  readonly type: IpamType;
  /** As it is served of a node. */
  readonly family: MetricFamily;
  /** What a value of the source is divided by to be one of the family: ipamd has milliseconds. */
  readonly divisor?: number;
}

const MILLISECONDS = /_ms$/;

function known(
  source: IpamSourceName,
  [name, type, help, labels = []]: readonly [name: string, type: IpamType, help: string, labels?: readonly string[]],
): KnownIpamFamily {
  const bare = (bareName(source, name) ?? name).replace(MILLISECONDS, '_seconds');
  const served = IPAM_PREFIX + servedName(bare, type);
  return {
    ...{ source, name, type },
    ...(MILLISECONDS.test(name) && { divisor: 1_000 }),
    family: {
      ...{ name: served, type, help, labels: [NODE_LABEL, ...labels], stability: 'alpha' },
      ...(served.endsWith('_seconds') && { unit: 'seconds' }),
    },
  };
}

/** What ipamd registers (amazon-vpc-cni-k8s, utils/prometheusmetrics), in its order. */
const AWSCNI = (
  [
    ['awscni_eni_allocated', 'gauge', 'Network interfaces (ENIs) that the node has.'],
    ['awscni_eni_max', 'gauge', 'Network interfaces (ENIs) that the node can have.'],
    ['awscni_ip_max', 'gauge', 'IP addresses that the node can have.'],
    ['awscni_total_ip_addresses', 'gauge', 'IP addresses that the node has.'],
    ['awscni_assigned_ip_addresses', 'gauge', 'IP addresses that pods have.'],
    ['awscni_total_ipv4_prefixes', 'gauge', 'IPv4 prefixes that the node has.'],
    ['awscni_assigned_ip_per_cidr', 'gauge', 'IP addresses that pods have, by the prefix they are of.', ['cidr']],
    ['awscni_assigned_ip_per_eni', 'gauge', 'IP addresses that pods have, by the interface they are on.', ['eni']],
    ['awscni_no_available_ip_addresses', 'counter', 'Pods that got no address because there was none.'],
    ['awscni_add_ip_req_count', 'counter', 'Requests for an address.'],
    ['awscni_del_ip_req_count', 'counter', 'Addresses given back, by reason.', ['reason']],
    ['awscni_ipamd_action_inprogress', 'gauge', 'Actions that ipamd is at.', ['fn']],
    ['awscni_ipamd_error_count', 'counter', 'Errors of ipamd.', ['fn']],
    ['awscni_reconcile_count', 'counter', 'Times that ipamd reconciled interfaces and addresses.', ['fn']],
    ['awscni_pod_eni_error_count', 'counter', 'Errors of interfaces of single pods.', ['fn']],
    ['awscni_force_removed_enis', 'counter', 'Interfaces removed while pods had addresses on them.'],
    ['awscni_force_removed_ips', 'counter', 'Addresses removed while pods had them.'],
    ['awscni_aws_api_latency_ms', 'summary', 'Time that calls to AWS took.', ['api', 'error', 'status']],
    ['awscni_aws_api_error_count', 'counter', 'Calls to AWS that failed.', ['api', 'error']],
    [
      'awscni_aws_utils_error_count',
      'counter',
      'Errors that the AWS utilities of ipamd did not handle.',
      ['fn', 'error'],
    ],
    ['awscni_ec2api_req_count', 'counter', 'Calls to EC2.', ['fn']],
    ['awscni_ec2api_error_count', 'counter', 'Calls to EC2 that failed.', ['fn']],
    [
      'awscni_ipamd_startup_duration_seconds',
      'histogram',
      'Time from the start of ipamd until it could serve.',
      ['success', 'with_api_server', 'failure_reason'],
    ],
    [
      'awscni_ipamd_node_initialization_duration_seconds',
      'histogram',
      'Time that setting up the node took when ipamd started.',
      ['success'],
    ],
    ['awscni_connmark_backend', 'gauge', 'Backend of the connection marks: 1 for the one in use.', ['backend']],
    [
      'awscni_connmark_reconcile_total',
      'counter',
      'Times that the connection marks were set up or removed.',
      ['result'],
    ],
  ] as const
).map((row) => known('awscni', row));

const RANGE_LABELS = ['network', 'range'] as const;
const HOST_LOCAL = (
  [
    ['hostlocal_range_addresses', 'gauge', 'IP addresses of a range of the CNI plugin host-local.', RANGE_LABELS],
    ['hostlocal_range_used_addresses', 'gauge', 'IP addresses of a range that are given to somebody.', RANGE_LABELS],
    ['hostlocal_range_free_addresses', 'gauge', 'IP addresses of a range that are given to nobody.', RANGE_LABELS],
    [
      'hostlocal_range_leaked_addresses',
      'gauge',
      'IP addresses of a range that are given to no pod that lives. Absent where nobody can tell which addresses the pods have.',
      RANGE_LABELS,
    ],
  ] as const
).map((row) => known('host-local', row));

export const KNOWN_IPAM_FAMILIES: readonly KnownIpamFamily[] = [...AWSCNI, ...HOST_LOCAL];

/** Reckoned from what a source tells. */
const derived = (bare: string, help: string, labels: readonly string[] = []): MetricFamily => ({
  ...{ name: IPAM_PREFIX + bare, type: 'gauge', help, labels: [NODE_LABEL, ...labels], stability: 'alpha' },
  ...(bare.endsWith('_seconds') && { unit: 'seconds' }),
});
export const NODE_FREE = derived(
  'free_ip_addresses',
  'IP addresses that the node could still give to pods: those that it can have, less those that pods have.',
);
export const NODE_EXHAUSTION = derived(
  'exhaustion_seconds',
  'When the node has no address left to give, at the trend of the last hour. Absent where they do not become fewer, and before half an hour is known.',
);
export const RANGE_EXHAUSTION = derived(
  'range_exhaustion_seconds',
  'When a range has no address left to give, at the trend of the last hour. Absent where they do not become fewer, and before half an hour is known.',
  RANGE_LABELS,
);

/** Every family of a node's IP addresses that is known beforehand; a source may have others. */
export const IPAM_FAMILIES: readonly MetricFamily[] = [
  ...KNOWN_IPAM_FAMILIES.map(({ family }) => family),
  NODE_FREE,
  NODE_EXHAUSTION,
  RANGE_EXHAUSTION,
];
