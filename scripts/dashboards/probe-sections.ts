import type { Section } from './dashboard.js';
import { CLUSTER, most, quantile, rate } from './expressions.js';
import { heatmap, timeSeries } from './panels.js';
import { BY_PROBER, FAILED, failing, MOST, quantiles, reasons, SHOWN } from './probe-panels.js';

export const DNS_SECTION: Section = {
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
};

export const TIME_SECTION: Section = {
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
};

export const PROBER_SECTION: Section = {
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
      queries: [{ expr: `sum by (cluster, kind) (podnet_nodeagent_probe_targets{${CLUSTER}})`, legend: '{{kind}}' }],
    }),
  ],
};
