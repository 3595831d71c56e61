import type { DashboardSpec } from './dashboard.js';
import { CLUSTER, most, rate } from './expressions.js';
import { type Panel, stat, table, timeSeries } from './panels.js';
import { clusterVariable, labelVariable } from './variables.js';

const OF_NODES = `${CLUSTER}, node=~"$node"`;
const SHOWN = 20;
const HOUR = 3_600;
const LOWEST = `The ${SHOWN} lowest.`;
const MOST = `The ${SHOWN} highest.`;
const PARTIAL = 'Of the nodes that report: beside missing nodes it is too small.';
const TREND =
  'At the trend of the last hour. Absent where addresses do not become fewer, or less than half an hour is known.';

interface Growth {
  readonly title: string;
  readonly whats: readonly string[];
  readonly by: string;
  readonly description: string;
}

const grown = ({ title, whats, by, description }: Growth): Panel =>
  timeSeries({
    ...{ title, unit: 'cps', description: `${description} ${MOST}` },
    queries: whats.map((what) => ({
      expr: most(SHOWN, `sum by (cluster, ${by}) (${rate(`podnet_ipam_${what}_total`, OF_NODES)})`),
      legend: `{{${by.split(', ').join('}} {{')}}} ${what.replaceAll('_', ' ')}`,
    })),
  });

const ofCluster = (series: string, legend: string) => ({
  expr: `sum by (cluster) (podnet_ipam_cluster_${series}{${CLUSTER}})`,
  legend,
});

export const IP_ADDRESSES: DashboardSpec = {
  name: 'ip-addresses',
  title: 'podnet / IP addresses',
  description: 'What the nodes have, use and can still get; when it runs out; and of how many nodes that is known.',
  variables: [
    clusterVariable('podnet_ipam_nodes'),
    labelVariable('node', {
      label: 'Node',
      description: 'Of those that have pods. For the rows of single nodes.',
      from: `podnet_pod_info{${CLUSTER}}`,
    }),
  ],
  sections: [
    {
      title: 'Cluster',
      panels: [
        stat({
          title: 'Free addresses',
          description: `Addresses that could still be given to pods. ${PARTIAL}`,
          unit: 'short',
          queries: [{ expr: `podnet_ipam_cluster_free_ip_addresses{${CLUSTER}}` }],
        }),
        stat({
          title: 'None left in',
          description: `When the nodes that report have no address left. ${TREND}`,
          unit: 's',
          absent: 'no trend',
          thresholds: [24 * HOUR, 6 * HOUR],
          queries: [{ expr: `podnet_ipam_cluster_exhaustion_seconds{${CLUSTER}}` }],
        }),
        stat({
          title: 'Addresses in use',
          description: `Share of the addresses that nodes can have that pods have. ${PARTIAL}`,
          unit: 'percentunit',
          thresholds: [0.8, 0.95],
          queries: [
            {
              expr: `podnet_ipam_cluster_assigned_ip_addresses{${CLUSTER}} / podnet_ipam_cluster_ip_max{${CLUSTER}}`,
            },
          ],
        }),
        stat({
          title: 'Nodes reporting',
          description: 'Nodes whose addresses are known at present.',
          unit: 'short',
          queries: [{ expr: `podnet_ipam_nodes{${CLUSTER}, state="reporting"}` }],
        }),
        stat({
          title: 'Nodes missing',
          description: 'Nodes that ought to be in the totals and are not. Above 0 every total is too small.',
          unit: 'short',
          thresholds: [1, 1],
          queries: [{ expr: `podnet_ipam_nodes{${CLUSTER}, state="missing"}` }],
        }),
        stat({
          title: 'Pods without an address',
          description: 'Pods per second that got no address because there was none.',
          unit: 'cps',
          thresholds: [0.001, 0.1],
          queries: [
            { expr: `sum by (cluster) (${rate('podnet_ipam_cluster_no_available_ip_addresses_total', CLUSTER)})` },
          ],
        }),
        timeSeries({
          title: 'Addresses of the cluster',
          description: `What pods have, what nodes have fetched, what they can have, and what is free. ${PARTIAL}`,
          unit: 'short',
          queries: [
            ofCluster('assigned_ip_addresses', 'assigned to pods'),
            ofCluster('total_ip_addresses', 'of nodes'),
            ofCluster('ip_max', 'most that nodes can have'),
            ofCluster('free_ip_addresses', 'free'),
          ],
        }),
        timeSeries({
          title: 'Interfaces of the cluster',
          description: `Network interfaces (ENIs) that nodes have and can have, and IPv4 prefixes. ${PARTIAL}`,
          unit: 'short',
          queries: [
            ofCluster('eni_allocated', 'interfaces'),
            ofCluster('eni_max', 'most that nodes can have'),
            ofCluster('total_ipv4_prefixes', 'IPv4 prefixes'),
          ],
        }),
        timeSeries({
          title: 'Nodes in the totals',
          description: 'Nodes that report, and nodes that are missing from the totals.',
          unit: 'short',
          queries: [{ expr: `sum by (cluster, state) (podnet_ipam_nodes{${CLUSTER}})`, legend: '{{state}}' }],
        }),
        timeSeries({
          title: 'Requests of the cluster',
          description:
            'Addresses asked for and given back, and pods that got none, per second. What it grew on each node, added up.',
          unit: 'cps',
          queries: (['add_ip_req', 'del_ip_req', 'no_available_ip_addresses'] as const).map((what) => ({
            expr: `sum by (cluster) (${rate(`podnet_ipam_cluster_${what}_total`, CLUSTER)})`,
            legend: what.replaceAll('_', ' '),
          })),
        }),
      ],
    },
    {
      title: 'Nodes',
      panels: [
        timeSeries({
          title: 'Free addresses by node',
          description: `What each node could still give to pods. ${LOWEST} Absent where the maximum of ipamd bounds nothing (IPv6).`,
          unit: 'short',
          queries: [
            {
              expr: `bottomk(${SHOWN}, podnet_ipam_free_ip_addresses{${OF_NODES}})`,
              legend: '{{node}}',
            },
          ],
        }),
        timeSeries({
          title: 'None left by node in',
          description: `When each node has no address left. ${LOWEST} ${TREND}`,
          unit: 's',
          thresholds: [6 * HOUR, HOUR],
          queries: [{ expr: `bottomk(${SHOWN}, podnet_ipam_exhaustion_seconds{${OF_NODES}})`, legend: '{{node}}' }],
        }),
        table({
          title: 'Addresses by node',
          description: 'What ipamd knows of each node.',
          queries: [
            { expr: `podnet_ipam_free_ip_addresses{${OF_NODES}}` },
            { expr: `podnet_ipam_assigned_ip_addresses{${OF_NODES}}` },
            { expr: `podnet_ipam_total_ip_addresses{${OF_NODES}}` },
            { expr: `podnet_ipam_ip_max{${OF_NODES}}` },
            { expr: `podnet_ipam_eni_allocated{${OF_NODES}}` },
            { expr: `podnet_ipam_eni_max{${OF_NODES}}` },
            { expr: `podnet_ipam_exhaustion_seconds{${OF_NODES}}` },
          ],
          columns: {
            node: { name: 'Node' },
            'Value #A': { name: 'Free', unit: 'short', thresholds: [5, 1] },
            'Value #B': { name: 'Assigned', unit: 'short' },
            'Value #C': { name: 'Fetched', unit: 'short' },
            'Value #D': { name: 'Most', unit: 'short' },
            'Value #E': { name: 'Interfaces', unit: 'short' },
            'Value #F': { name: 'Most interfaces', unit: 'short' },
            'Value #G': { name: 'None left in', unit: 's', thresholds: [6 * HOUR, HOUR] },
          },
          sortBy: { column: 'Free', descending: false },
        }),
        grown({
          title: 'Pods that got no address',
          whats: ['no_available_ip_addresses'],
          by: 'node',
          description: 'Pods per second that got no address because there was none.',
        }),
        grown({
          title: 'Errors of ipamd',
          whats: ['ipamd_error', 'pod_eni_error'],
          by: 'node, fn',
          description: 'Errors per second, by what ipamd was at.',
        }),
        grown({
          title: 'Calls to EC2 that failed',
          whats: ['ec2api_error'],
          by: 'node, fn',
          description: 'Per second and call: throttling, rights, or a subnet that is full.',
        }),
        timeSeries({
          title: 'Time of calls to AWS',
          description: `Mean of a call, by node and call. ${MOST}`,
          unit: 's',
          queries: [
            {
              expr: most(
                SHOWN,
                `sum by (cluster, node, api) (${rate('podnet_ipam_aws_api_latency_seconds_sum', OF_NODES)}) / sum by (cluster, node, api) (${rate('podnet_ipam_aws_api_latency_seconds_count', OF_NODES)})`,
              ),
              legend: '{{node}} {{api}}',
            },
          ],
        }),
        grown({
          title: 'Taken away from pods',
          whats: ['force_removed_ips', 'force_removed_enis'],
          by: 'node',
          description: 'Addresses and interfaces removed while pods had addresses on them, per second. Zero is normal.',
        }),
        timeSeries({
          title: 'Addresses assigned by prefix',
          description: `Addresses that pods have, by the prefix they are of. ${MOST}`,
          unit: 'short',
          queries: [
            {
              expr: most(SHOWN, `podnet_ipam_assigned_ip_per_cidr{${OF_NODES}}`),
              legend: '{{node}} {{cidr}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Ranges of host-local',
      panels: [
        table({
          title: 'Ranges',
          description:
            'Addresses of each range of the CNI plugin host-local: leaked are those given to no pod that lives; absent where nobody can tell.',
          queries: [
            { expr: `podnet_ipam_range_addresses{${OF_NODES}}` },
            { expr: `podnet_ipam_range_used_addresses{${OF_NODES}}` },
            { expr: `podnet_ipam_range_free_addresses{${OF_NODES}}` },
            { expr: `podnet_ipam_range_leaked_addresses{${OF_NODES}}` },
            { expr: `podnet_ipam_range_exhaustion_seconds{${OF_NODES}}` },
          ],
          columns: {
            node: { name: 'Node' },
            network: { name: 'Network' },
            range: { name: 'Range' },
            'Value #A': { name: 'Addresses', unit: 'short' },
            'Value #B': { name: 'Used', unit: 'short' },
            'Value #C': { name: 'Free', unit: 'short', thresholds: [5, 1] },
            'Value #D': { name: 'Leaked', unit: 'short', thresholds: [1, 10] },
            'Value #E': { name: 'None left in', unit: 's', thresholds: [6 * HOUR, HOUR] },
          },
          sortBy: { column: 'Free', descending: false },
        }),
        timeSeries({
          title: 'Free addresses by range',
          description: `What each range could still give. ${LOWEST}`,
          unit: 'short',
          queries: [
            {
              expr: `bottomk(${SHOWN}, podnet_ipam_range_free_addresses{${OF_NODES}})`,
              legend: '{{node}} {{network}} {{range}}',
            },
          ],
        }),
        timeSeries({
          title: 'Leaked addresses by range',
          description: `Addresses that are given to no pod that lives. ${MOST}`,
          unit: 'short',
          queries: [
            {
              expr: most(SHOWN, `podnet_ipam_range_leaked_addresses{${OF_NODES}}`),
              legend: '{{node}} {{network}} {{range}}',
            },
          ],
        }),
      ],
    },
  ],
};
