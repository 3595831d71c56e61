import { type DashboardSpec, linkTo } from './dashboard.js';
import { CLUSTER, most, rate } from './expressions.js';
import { type Panel, stat, table, timeSeries } from './panels.js';
import {
  BY_INTERFACE,
  BY_POD,
  COUNTED_ONCE,
  COUNTED_ONCE_BY_NETWORK,
  IN_NAMESPACES,
  MOST,
  OF_INTERFACES,
  OF_WORKLOADS,
  ON_NETWORKS,
  PODS_SHOWN,
  TOTALS_BY_NETWORK,
  TOTALS_COUNTED_ONCE,
} from './pod-selectors.js';
import { TRANSPORT_SECTION } from './pod-transport.js';
import { clusterVariable, labelVariable } from './variables.js';

const NAME = 'pod-networks';

/** What pods beyond --max-series count together. */
const ofTotals = (what: string, more: readonly string[] = []): string =>
  rate(`podnet_workload_network_${what}_total`, [ON_NETWORKS, 'workload=~"$workload"', ...more].join(', '));

const allPods = (what: string, by: string, countedOnce: string, totals: string): string =>
  `sum by (${by}) (
  ${rate(`podnet_interface_${what}_total`, ON_NETWORKS)} * ${OF_WORKLOADS}
    ${countedOnce}
  or ${totals}
)`;

/** What all pods count, those included that --max-series keeps out of the series of single pods. */
const total = (what: string, by: string): string =>
  allPods(what, by, COUNTED_ONCE, ofTotals(what, [TOTALS_COUNTED_ONCE]));

/** The same of each network, whatever is stacked on it. */
const totalByNetwork = (what: string): string =>
  allPods(what, 'cluster, nad_namespace, network', COUNTED_ONCE_BY_NETWORK, ofTotals(what, [TOTALS_BY_NETWORK]));

const perSecond = (what: string): string =>
  `${rate(`podnet_interface_${what}_total`, OF_INTERFACES)} * ${OF_WORKLOADS}`;

/** What single pods count. */
const ofPods = (what: string): string => `sum by (${BY_POD}) (${perSecond(what)} ${COUNTED_ONCE})`;

/** What each of their interfaces counts. */
const ofInterfaces = (what: string): string => `sum by (${BY_INTERFACE}) (${perSecond(what)})`;

const WHOLE = 'Pods that --max-series keeps out of single series are in it.';
const SINGLE = 'Pods that --max-series leaves out are not among them: see the last row.';

const DIRECTIONS = ['receive', 'transmit'] as const;
const TITLE = { receive: 'Receive', transmit: 'Transmit' } as const;

const byNamespace: readonly Panel[] = DIRECTIONS.flatMap((direction) => [
  timeSeries({
    title: `${TITLE[direction]} by namespace`,
    description: `Bytes per second that pods ${direction}, by namespace. ${WHOLE}`,
    unit: 'Bps',
    isStacked: true,
    queries: [{ expr: total(`${direction}_bytes`, 'cluster, namespace'), legend: '{{namespace}}' }],
  }),
  timeSeries({
    title: `${TITLE[direction]} by network`,
    description: `Bytes per second that pods ${direction}, by network and the namespace of its NetworkAttachmentDefinition. What a bond or a VLAN on a network of its own carries is in the network below it, too. The line without a name is of unknown networks and of those that --max-series has no room for, without what is stacked there. ${WHOLE}`,
    unit: 'Bps',
    queries: [{ expr: totalByNetwork(`${direction}_bytes`), legend: '{{nad_namespace}}/{{network}}' }],
  }),
]);

const byPod: readonly Panel[] = DIRECTIONS.flatMap((direction) => [
  timeSeries({
    title: `${TITLE[direction]} by pod`,
    description: `Bytes per second that each pod ${direction}s over the chosen networks. ${MOST} ${SINGLE}`,
    unit: 'Bps',
    queries: [{ expr: most(PODS_SHOWN, ofPods(`${direction}_bytes`)), legend: '{{namespace}}/{{pod}}' }],
  }),
  timeSeries({
    title: `${TITLE[direction]} packets by interface`,
    description: `Packets per second on each interface of each pod. ${MOST} ${SINGLE}`,
    unit: 'pps',
    queries: [
      {
        expr: most(PODS_SHOWN, ofInterfaces(`${direction}_packets`)),
        legend: '{{namespace}}/{{pod}} {{interface}} ({{network}})',
      },
    ],
  }),
]);

const share = (what: string, direction: string): string =>
  `${ofInterfaces(`${direction}_${what}`)} / ${ofInterfaces(`${direction}_packets`)}`;

const trouble: readonly Panel[] = DIRECTIONS.flatMap((direction) => [
  timeSeries({
    title: `${TITLE[direction]} errors`,
    description: `Packets per second that a pod failed to ${direction} for an error. ${MOST} Zero is normal. ${SINGLE}`,
    unit: 'pps',
    queries: [
      {
        expr: most(PODS_SHOWN, ofInterfaces(`${direction}_errors`)),
        legend: '{{namespace}}/{{pod}} {{interface}} ({{network}})',
      },
    ],
  }),
  timeSeries({
    title: `${TITLE[direction]} drops`,
    description: `Packets per second that were dropped when a pod was to ${direction} them. ${MOST} ${SINGLE}`,
    unit: 'pps',
    queries: [
      {
        expr: most(PODS_SHOWN, ofInterfaces(`${direction}_packets_dropped`)),
        legend: '{{namespace}}/{{pod}} {{interface}} ({{network}})',
      },
    ],
  }),
  timeSeries({
    title: `Share of packets dropped, ${direction}`,
    description: `Drops over packets of each interface. PodNetworkDrops fires at 1 %. ${MOST}`,
    unit: 'percentunit',
    thresholds: [0.01, 0.05],
    queries: [
      {
        expr: most(PODS_SHOWN, share('packets_dropped', direction)),
        legend: '{{namespace}}/{{pod}} {{interface}} ({{network}})',
      },
    ],
  }),
]);

const TO_PODS = linkTo(NAME, 'Pods of the workload', {
  'var-namespace': '${__data.fields.namespace}',
  'var-workload': '${__data.fields.workload}',
});

export const POD_NETWORKS: DashboardSpec = {
  name: NAME,
  title: 'podnet / Pod networks',
  description: 'Traffic, errors and drops of every interface of every pod: by namespace, network, workload, pod.',
  variables: [
    clusterVariable('podnet_pod_info'),
    labelVariable('namespace', {
      label: 'Namespace',
      description: 'Of the pods.',
      from: `podnet_pod_info{${CLUSTER}}`,
    }),
    labelVariable('network', {
      label: 'Network',
      description: 'NetworkAttachmentDefinition or CNI network, without its namespace.',
      from: `podnet_interface_info{${IN_NAMESPACES}}`,
    }),
    labelVariable('workload', {
      label: 'Workload',
      description: 'Deployment, StatefulSet, … that runs the pods.',
      from: `podnet_pod_info{${IN_NAMESPACES}}`,
    }),
    labelVariable('node', {
      label: 'Node',
      description: 'That the pods run on. For the rows of single pods.',
      from: `podnet_pod_info{${IN_NAMESPACES}, workload=~"$workload"}`,
    }),
    labelVariable('pod', {
      label: 'Pod',
      description: 'For the rows of single pods.',
      from: `podnet_pod_info{${IN_NAMESPACES}, workload=~"$workload", node=~"$node"}`,
    }),
  ],
  sections: [
    {
      title: 'Overview',
      panels: [
        stat({
          title: 'Receive',
          description: `Bytes per second that all chosen pods receive. ${WHOLE}`,
          unit: 'Bps',
          queries: [{ expr: total('receive_bytes', 'cluster') }],
        }),
        stat({
          title: 'Transmit',
          description: `Bytes per second that all chosen pods transmit. ${WHOLE}`,
          unit: 'Bps',
          queries: [{ expr: total('transmit_bytes', 'cluster') }],
        }),
        stat({
          title: 'Pods',
          description: 'Pods with a network of their own that have series. A pod whose newest sample is old has none.',
          unit: 'short',
          queries: [
            {
              expr: `count by (cluster) (podnet_pod_info{${IN_NAMESPACES}, workload=~"$workload", host_network="false"})`,
            },
          ],
        }),
        stat({
          title: 'Networks',
          description: 'Networks that the chosen pods are on.',
          unit: 'short',
          queries: [
            {
              expr: `count by (cluster) (count by (cluster, nad_namespace, network) (podnet_interface_info{${ON_NETWORKS}}))`,
            },
          ],
        }),
        stat({
          title: 'Interfaces that miss traffic',
          description:
            'Interfaces that count less than the pod receives (eBPF host routing of the CNI): what they received is not known. None is the good case.',
          unit: 'short',
          absent: 'none',
          thresholds: [1, 1],
          queries: [{ expr: `count by (cluster) (podnet_interface_receive_unreliable{${ON_NETWORKS}})` }],
        }),
        stat({
          title: 'Pods beyond --max-series',
          description:
            'Pods that have no series of their own for --max-series: they are added up by workload. none: nobody is left out.',
          unit: 'short',
          absent: 'none',
          thresholds: [1, 1000],
          queries: [
            {
              expr: `sum by (cluster) (max by (cluster, namespace) (podnet_apiserver_pods_beyond_max_series{${IN_NAMESPACES}}))`,
            },
          ],
        }),
        ...byNamespace,
        table({
          title: 'Workloads',
          description: `What the pods of each workload do together; a click leads to its pods. ${WHOLE}`,
          queries: [
            'receive_bytes',
            'transmit_bytes',
            'receive_packets',
            'transmit_packets',
            'receive_packets_dropped',
            'transmit_packets_dropped',
          ].map((what) => ({ expr: total(what, 'cluster, namespace, workload_kind, workload') })),
          columns: {
            namespace: { name: 'Namespace' },
            workload_kind: { name: 'Kind' },
            workload: { name: 'Workload', links: [TO_PODS] },
            'Value #A': { name: 'Receive', unit: 'Bps' },
            'Value #B': { name: 'Transmit', unit: 'Bps' },
            'Value #C': { name: 'Packets in', unit: 'pps' },
            'Value #D': { name: 'Packets out', unit: 'pps' },
            'Value #E': { name: 'Drops in', unit: 'pps', thresholds: [1, 100] },
            'Value #F': { name: 'Drops out', unit: 'pps', thresholds: [1, 100] },
          },
          sortBy: { column: 'Receive', descending: true },
        }),
      ],
    },
    { title: 'Pods', panels: byPod },
    { title: 'Errors and drops', panels: trouble },
    TRANSPORT_SECTION,
    {
      title: 'Beyond --max-series',
      panels: DIRECTIONS.map((direction) =>
        timeSeries({
          title: `${TITLE[direction]} of workloads whose pods have no series`,
          description:
            'Bytes per second of the pods that --max-series leaves out, by workload. Absent where it leaves none out.',
          unit: 'Bps',
          queries: [
            {
              expr: `sum by (cluster, namespace, workload) (${ofTotals(`${direction}_bytes`, [TOTALS_COUNTED_ONCE])})`,
              legend: '{{namespace}}/{{workload}}',
            },
          ],
        }),
      ),
    },
  ],
};
