import { last, rate, type AlertGroup } from './alert.js';

const HOUR = 3_600;
const RANGE = '{{ $labels.range }} ({{ $labels.network }}) on {{ $labels.node }}';

export const IPAM: AlertGroup = {
  name: 'podnet-ipam',
  alerts: [
    {
      // as docs/ipam.md has it
      name: 'ClusterIpAddressesRunOut',
      severity: 'critical',
      expr: `${last('podnet_ipam_cluster_exhaustion_seconds')} < ${6 * HOUR} and on (cluster) ${last('podnet_ipam_nodes{state="missing"}')} == 0`,
      for: '5m',
      summary: 'The nodes have no IP address left in {{ $value | humanizeDuration }}.',
      description: 'At the trend of the last hour, over all nodes. Pods that find none stay in ContainerCreating.',
    },
    {
      name: 'IpamOfNodesMissing',
      severity: 'warning',
      expr: `${last('podnet_ipam_nodes{state="missing"}')} > 0`,
      for: '10m',
      summary: 'The IP addresses of {{ $value }} nodes are not known.',
      description: 'Totals of the cluster are too small by theirs, and ClusterIpAddressesRunOut cannot fire.',
    },
    {
      name: 'NodeIpAddressesRunOut',
      severity: 'warning',
      expr: `${last('podnet_ipam_exhaustion_seconds')} > 0 < ${HOUR}`,
      for: '10m',
      summary: 'Node {{ $labels.node }} has no IP address left in {{ $value | humanizeDuration }}.',
      description:
        'At the trend of the last hour. A node that is full is well, until it refuses a pod: IpAssignmentsFail.',
    },
    {
      name: 'IpAssignmentsFail',
      severity: 'critical',
      expr: `${rate('podnet_ipam_no_available_ip_addresses_total')} > 0`,
      for: '5m',
      summary: 'Pods on node {{ $labels.node }} get no IP address.',
      description: '{{ $value | humanize }} a second are refused: the subnet or the node has none left.',
    },
    {
      name: 'RangeIpAddressesRunOut',
      severity: 'warning',
      expr: `${last('podnet_ipam_range_exhaustion_seconds')} < ${HOUR}`,
      for: '10m',
      summary: `The range ${RANGE} has no address left in {{ $value | humanizeDuration }}.`,
      description: 'At the trend of the last hour; 0: none is left.',
    },
    {
      name: 'RangeIpAddressesLeaked',
      severity: 'warning',
      expr: `${last('podnet_ipam_range_leaked_addresses')} / ${last('podnet_ipam_range_addresses')} > 0.1`,
      for: '1h',
      summary: `{{ $value | humanizePercentage }} of the range ${RANGE} are given to no pod that lives.`,
      description: 'They are not given back by themselves, and the range runs out.',
    },
    {
      name: 'CloudWatchPublishingFails',
      severity: 'warning',
      expr: 'max by (cluster) (podnet_apiserver_cloudwatch_queue_periods) > 5',
      for: '5m',
      summary: 'Publishing to CloudWatch is {{ $value }} pushes behind.',
      description: 'Nothing is lost for two hours; alarms of CloudWatch see no data.',
    },
    {
      name: 'CloudWatchValuesDropped',
      severity: 'warning',
      expr: 'sum by (cluster, reason) (increase(podnet_apiserver_cloudwatch_dropped_values_total[15m])) > 0',
      for: '0m',
      summary: '{{ $value | humanize }} values for CloudWatch were given up: {{ $labels.reason }}.',
      description: 'They will be missing there.',
    },
  ],
};
