import type { DashboardSpec } from './dashboard.js';
import { CLUSTER, most, quantile, rate } from './expressions.js';
import { heatmap, matrix, type Panel, stat, table, timeSeries } from './panels.js';
import { clusterVariable, labelVariable } from './variables.js';

const DIALS = `${CLUSTER}, node=~"$node", peer_node=~"$peer_node", network=~"$network", family=~"$family"`;
/** Dials of the Service have no peer. */
const OF_PEERS = `${DIALS}, peer_node!=""`;
const OF_SERVICE = `${CLUSTER}, node=~"$node", network=~"$network", family=~"$family", host!=""`;
const BY_PROBER = `${CLUSTER}, node=~"$node"`;
const SHOWN = 20;
const MOST = `The ${SHOWN} highest.`;
const FAILED = 'What failed is in no latency.';
/** Seconds. Within one zone a healthy handshake is well below the first; a SYN that is lost costs one second more (RFC 6298). */
const SLOW = [0.005, 0.5] as const;

const dialQuantile = (q: number, by: string): string =>
  quantile(q, 'podnet_dial_latency_seconds', { matchers: OF_PEERS, by });

/** Failed over all, where there were any. A target that is probed has both families from its first reading on. */
const failing = (kind: 'dial' | 'dns' | 'ntp', matchers: string, by: string): string => {
  const failed = `sum by (${by}) (${rate(`podnet_${kind}_errors_total`, matchers)})`;
  return `${failed} / (${failed} + sum by (${by}) (${rate(`podnet_${kind}_latency_seconds_count`, matchers)}))`;
};

const quantiles = (
  title: string,
  histogram: string,
  { matchers, by, legend, description }: { matchers: string; by: string; legend: string; description: string },
): Panel =>
  timeSeries({
    title,
    description: `${description} Median and 99th percentile. ${MOST} ${FAILED}`,
    unit: 's',
    queries: [0.5, 0.99].map((q) => ({
      expr: most(SHOWN, quantile(q, histogram, { matchers, by })),
      legend: `${legend} p${q * 100}`,
    })),
  });

interface Failures {
  readonly title: string;
  readonly kind: 'dial' | 'dns' | 'ntp';
  readonly matchers: string;
  readonly by: string;
  readonly legend: string;
}

const reasons = ({ title, kind, matchers, by, legend }: Failures): Panel =>
  timeSeries({
    title,
    description: `Failures per second by reason (docs/latency.md says what each is). ${MOST} A flat zero is the good case; absent: nothing is probed.`,
    unit: 'cps',
    queries: [
      {
        expr: most(SHOWN, `sum by (${by}, reason) (${rate(`podnet_${kind}_errors_total`, matchers)})`),
        legend: `${legend} {{reason}}`,
      },
    ],
  });

export const LATENCY_MESH: DashboardSpec = {
  name: 'latency-mesh',
  title: 'podnet / Latency mesh',
  description: 'Who is slow to whom, over which network; DNS and time servers, from every node.',
  variables: [
    clusterVariable('podnet_node_suspect_ratio'),
    labelVariable('node', {
      label: 'From node',
      description: 'That dials and asks.',
      from: `podnet_dial_latency_seconds_count{${CLUSTER}}`,
    }),
    labelVariable('peer_node', {
      label: 'To node',
      description: 'That is dialled. In a large cluster choose some: a matrix of thousands of nodes is no picture.',
      from: `podnet_dial_latency_seconds_count{${CLUSTER}}`,
    }),
    labelVariable('network', {
      label: 'Network',
      description: 'Over which nodes are dialled.',
      from: `podnet_dial_latency_seconds_count{${CLUSTER}}`,
    }),
    labelVariable('family', {
      label: 'Address family',
      description: 'ipv4 or ipv6; a peer that is dialled by its name has none.',
      from: `podnet_dial_latency_seconds_count{${CLUSTER}}`,
    }),
  ],
  sections: [
    {
      title: 'Which node it is',
      panels: [
        stat({
          title: 'Suspect nodes',
          description: 'Nodes that more than half of those that dial them see failing or slow. none is the good case.',
          unit: 'short',
          absent: 'none',
          thresholds: [1, 1],
          queries: [{ expr: `count by (cluster) (podnet_node_suspect_ratio{${CLUSTER}, network=~"$network"} > 0.5)` }],
        }),
        stat({
          title: 'Nodes that are dialled',
          description: 'Nodes of which there is a suspect ratio.',
          unit: 'short',
          queries: [{ expr: `count by (cluster) (count by (cluster, node) (podnet_node_suspect_ratio{${CLUSTER}}))` }],
        }),
        stat({
          title: 'Dial latency, median',
          description: `Of all chosen pairs together. ${FAILED}`,
          unit: 's',
          thresholds: SLOW,
          queries: [{ expr: dialQuantile(0.5, 'cluster') }],
        }),
        stat({
          title: 'Dial latency, 99th percentile',
          description: `Of all chosen pairs together. ${FAILED}`,
          unit: 's',
          thresholds: SLOW,
          queries: [{ expr: dialQuantile(0.99, 'cluster') }],
        }),
        stat({
          title: 'Dials that fail',
          description: 'Share of all dials between the chosen nodes.',
          unit: 'percentunit',
          thresholds: [0.001, 0.05],
          queries: [{ expr: failing('dial', OF_PEERS, 'cluster') }],
        }),
        stat({
          title: 'Lookups that fail',
          description: 'Share of the DNS lookups of the chosen nodes.',
          unit: 'percentunit',
          thresholds: [0.001, 0.05],
          queries: [{ expr: failing('dns', BY_PROBER, 'cluster') }],
        }),
        table({
          title: 'Suspects',
          description:
            'Share of the agents dialling a node over a network that see it failing or slow: 1 for a bad node, up to 1/k for each that a bad node dials.',
          width: 12,
          queries: [{ expr: `podnet_node_suspect_ratio{${CLUSTER}, network=~"$network"}` }],
          columns: {
            node: { name: 'Node' },
            network: { name: 'Network' },
            Value: { name: 'Suspect', unit: 'percentunit', thresholds: [0.26, 0.5] },
          },
          sortBy: { column: 'Suspect', descending: true },
        }),
        heatmap({
          title: 'Dial latencies over time',
          description: `How many dials per second between the chosen nodes took how long: a second band is a second path, a cloud above is loss. ${FAILED}`,
          unit: 's',
          query: `sum by (le) (${rate('podnet_dial_latency_seconds_bucket', OF_PEERS)})`,
        }),
      ],
    },
    {
      title: 'Who dials whom',
      panels: [
        matrix({
          title: 'Median from row to column',
          description: `Seconds to connect. A red column is a slow node, a red row one that is slow to all, a red cell a path. Who is not dialled by a node has an empty cell. ${FAILED}`,
          unit: 's',
          thresholds: SLOW,
          ...{ rows: 'node', columns: 'peer_node', query: dialQuantile(0.5, 'node, peer_node') },
        }),
        matrix({
          title: '99th percentile from row to column',
          description: `Seconds to connect, of the slowest in a hundred. ${FAILED}`,
          unit: 's',
          thresholds: SLOW,
          ...{ rows: 'node', columns: 'peer_node', query: dialQuantile(0.99, 'node, peer_node') },
        }),
        matrix({
          title: 'Failing from row to column',
          description:
            'Share of dials that failed: a red column is a node that is down, a red cell a path or a policy.',
          unit: 'percentunit',
          thresholds: [0.001, 0.1],
          ...{ rows: 'node', columns: 'peer_node', query: failing('dial', OF_PEERS, 'node, peer_node') },
        }),
        quantiles('Dial latency by node dialled', 'podnet_dial_latency_seconds', {
          ...{ matchers: OF_PEERS, by: 'cluster, peer_node, network', legend: '{{peer_node}} ({{network}})' },
          description: 'Over all that dial the node.',
        }),
        quantiles('Dial latency by zone dialled', 'podnet_dial_latency_seconds', {
          ...{ matchers: OF_PEERS, by: 'cluster, peer_zone, network', legend: '{{peer_zone}} ({{network}})' },
          description: 'Over all that dial nodes of the zone; an empty one is not known.',
        }),
        reasons({
          title: 'Failed dials',
          kind: 'dial',
          matchers: OF_PEERS,
          by: 'cluster, peer_node, network',
          legend: '{{peer_node}} ({{network}})',
        }),
        quantiles('Dial latency of the Service', 'podnet_dial_latency_seconds', {
          ...{ matchers: OF_SERVICE, by: 'cluster, host, family', legend: '{{host}} {{family}}' },
          description: 'Through the Service in front of the agents: kube-proxy or its replacement is on the way.',
        }),
        reasons({
          title: 'Failed dials of the Service',
          kind: 'dial',
          matchers: OF_SERVICE,
          by: 'cluster, node, host',
          legend: '{{node}} {{host}}',
        }),
      ],
    },
    {
      title: 'DNS',
      panels: [
        quantiles('Lookup latency by server', 'podnet_dns_latency_seconds', {
          ...{ matchers: BY_PROBER, by: 'cluster, server, protocol, host', legend: '{{server}} {{protocol}} {{host}}' },
          description: 'Until both A and AAAA were answered, as an application waits.',
        }),
        reasons({
          title: 'Failed lookups',
          kind: 'dns',
          matchers: BY_PROBER,
          by: 'cluster, server, protocol, host',
          legend: '{{server}} {{protocol}} {{host}}',
        }),
        heatmap({
          title: 'Lookup latencies over time',
          description: `How many lookups per second took how long. ${FAILED}`,
          unit: 's',
          query: `sum by (le) (${rate('podnet_dns_latency_seconds_bucket', BY_PROBER)})`,
        }),
        timeSeries({
          title: 'Nodes whose lookups fail',
          description: `Share of the lookups of each node that failed. ${MOST}`,
          unit: 'percentunit',
          thresholds: [0.001, 0.05],
          queries: [
            { expr: most(SHOWN, failing('dns', BY_PROBER, 'cluster, node, server')), legend: '{{node}} {{server}}' },
          ],
        }),
      ],
    },
    {
      title: 'Time',
      panels: [
        timeSeries({
          title: 'Clock offset',
          description:
            "Clock of the time server less the node's, by its newest answer: below 0 the node is ahead. Absent where that answer is old.",
          unit: 's',
          min: -Infinity,
          queries: [{ expr: `podnet_ntp_offset_seconds{${BY_PROBER}}`, legend: '{{node}} {{server}}' }],
        }),
        timeSeries({
          title: 'Stratum of time servers',
          description:
            'How far a time server is from a reference clock. 16 would be unsynchronized, which is counted as a failure.',
          unit: 'short',
          queries: [{ expr: `max by (cluster, server) (podnet_ntp_stratum{${BY_PROBER}})`, legend: '{{server}}' }],
        }),
        quantiles('Time server latency', 'podnet_ntp_latency_seconds', {
          ...{ matchers: BY_PROBER, by: 'cluster, server', legend: '{{server}}' },
          description: 'Of exchanges with each time server.',
        }),
        reasons({
          title: 'Failed exchanges with time servers',
          kind: 'ntp',
          matchers: BY_PROBER,
          by: 'cluster, server',
          legend: '{{server}}',
        }),
      ],
    },
    {
      title: 'Those that probe (their own /metrics)',
      panels: [
        timeSeries({
          title: 'Probes left out',
          description:
            'Probes per second that are not counted, and why: the agent itself was held up (loop_delay), too many were under way (busy), who was asked is no more (peer_gone).',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (cluster, kind, reason) (${rate('podnet_nodeagent_probes_left_out_total', CLUSTER)})`,
              legend: '{{kind}} {{reason}}',
            },
          ],
        }),
        timeSeries({
          title: 'Delay of the agents themselves',
          description: `How late agents got to what was due, 99th percentile: above 10 ms a latency is left out. ${MOST}`,
          unit: 's',
          thresholds: [0.01, 0.1],
          queries: [
            {
              expr: most(
                SHOWN,
                quantile(0.99, 'podnet_nodeagent_event_loop_delay_seconds', {
                  matchers: CLUSTER,
                  by: 'cluster, instance',
                }),
              ),
              legend: '{{instance}}',
            },
          ],
        }),
        timeSeries({
          title: 'Targets',
          description: 'Targets that all agents together probe.',
          unit: 'short',
          queries: [
            { expr: `sum by (cluster, kind) (podnet_nodeagent_probe_targets{${CLUSTER}})`, legend: '{{kind}}' },
          ],
        }),
      ],
    },
  ],
};
