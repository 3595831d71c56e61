import type { DashboardSpec } from './dashboard.js';
import { CLUSTER, quantile, rate, withNameOf } from './expressions.js';
import { heatmap, matrix, stat, table } from './panels.js';
import { BY_PROBER, FAILED, failing, quantiles, reasons } from './probe-panels.js';
import { DNS_SECTION, PROBER_SECTION, TIME_SECTION } from './probe-sections.js';
import { clusterVariable, labelVariable } from './variables.js';

const DIALS = `${CLUSTER}, node=~"$node", peer_node=~"$peer_node", network=~"$network", family=~"$family"`;
/** Dials of the Service have no peer. */
const OF_PEERS = `${DIALS}, peer_node!=""`;
const OF_SERVICE = `${CLUSTER}, node=~"$node", network=~"$network", family=~"$family", host!=""`;
/** Seconds. Within one zone a healthy handshake is well below the first; a SYN that is lost costs one second more (RFC 6298). */
const SLOW = [0.005, 0.5] as const;

const dialQuantile = (q: number, by: string): string =>
  quantile(q, 'podnet_dial_latency_seconds', { matchers: OF_PEERS, by });

const BY_PAIR = 'cluster, node, peer_node';

/** For a matrix, of something by pair. */
const fromTo = (expression: string) => ({
  ...{ rows: 'from', columns: 'to' },
  query: withNameOf('peer_node', 'to', withNameOf('node', 'from', expression)),
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
          ...fromTo(dialQuantile(0.5, BY_PAIR)),
        }),
        matrix({
          title: '99th percentile from row to column',
          description: `Seconds to connect, of the slowest in a hundred. ${FAILED}`,
          unit: 's',
          thresholds: SLOW,
          ...fromTo(dialQuantile(0.99, BY_PAIR)),
        }),
        matrix({
          title: 'Failing from row to column',
          description:
            'Share of dials that failed: a red column is a node that is down, a red cell a path or a policy.',
          unit: 'percentunit',
          thresholds: [0.001, 0.1],
          ...fromTo(failing('dial', OF_PEERS, BY_PAIR)),
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
    DNS_SECTION,
    TIME_SECTION,
    PROBER_SECTION,
  ],
};
