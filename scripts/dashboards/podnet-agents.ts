import type { Section } from './dashboard.js';
import { CLUSTER, most, quantile, rate } from './expressions.js';
import { timeSeries } from './panels.js';

const SHOWN = 20;
const MOST = `The ${SHOWN} highest.`;

/** Of agents, where their own /metrics are scraped. */
export const AGENT_SECTION: Section = {
  title: 'Agents (their own /metrics)',
  panels: [
    timeSeries({
      title: 'Memory of agents',
      description: `Resident memory. ${MOST}`,
      unit: 'bytes',
      queries: [
        {
          expr: most(SHOWN, `podnet_nodeagent_process_resident_memory_bytes{${CLUSTER}}`),
          legend: '{{instance}}',
        },
      ],
    }),
    timeSeries({
      title: 'CPU of agents',
      description: `Cores that each agent uses. ${MOST}`,
      unit: 'short',
      queries: [
        { expr: most(SHOWN, rate('podnet_nodeagent_process_cpu_seconds_total', CLUSTER)), legend: '{{instance}}' },
      ],
    }),
    timeSeries({
      title: 'Time of a sweep',
      description: `To find the pods and read all counters once, 99th percentile. ${MOST}`,
      unit: 's',
      queries: [
        {
          expr: most(
            SHOWN,
            quantile(0.99, 'podnet_nodeagent_sweep_duration_seconds', { matchers: CLUSTER, by: 'cluster, instance' }),
          ),
          legend: '{{instance}}',
        },
      ],
    }),
    timeSeries({
      title: 'Sweeps left out',
      description: `Per second, because the one before took too long. ${MOST} 0 is normal.`,
      unit: 'cps',
      queries: [{ expr: most(SHOWN, rate('podnet_nodeagent_sweeps_missed_total', CLUSTER)), legend: '{{instance}}' }],
    }),
    timeSeries({
      title: 'Pushes of agents',
      description: 'Pushes per second of all agents, by result: refused (the server said no), failed (no answer).',
      unit: 'cps',
      queries: [
        {
          expr: `sum by (cluster, result) (${rate('podnet_nodeagent_pushes_total', CLUSTER)})`,
          legend: '{{result}}',
        },
      ],
    }),
    timeSeries({
      title: 'Time of a push',
      description: `From building a report to its answer, 99th percentile. ${MOST}`,
      unit: 's',
      queries: [
        {
          expr: most(
            SHOWN,
            quantile(0.99, 'podnet_nodeagent_push_duration_seconds', { matchers: CLUSTER, by: 'cluster, instance' }),
          ),
          legend: '{{instance}}',
        },
      ],
    }),
    timeSeries({
      title: 'Collectors that fail',
      description: 'Agents of which the last run of a collector did not go through. 0 is the good case.',
      unit: 'short',
      queries: [
        {
          expr: `count by (cluster, collector) (podnet_nodeagent_collector_success{${CLUSTER}}) - sum by (cluster, collector) (podnet_nodeagent_collector_success{${CLUSTER}})`,
          legend: '{{collector}}',
        },
      ],
    }),
    timeSeries({
      title: 'Sources in use',
      description:
        'Agents that have a source of what is known beyond the counters (1) or not (0, with the reason): on average over the agents.',
      unit: 'percentunit',
      queries: [
        {
          expr: `avg by (cluster, source, reason) (podnet_nodeagent_source_up{${CLUSTER}})`,
          legend: '{{source}} {{reason}}',
        },
      ],
    }),
    timeSeries({
      title: 'Pods of agents',
      description: `Pods known to each agent. ${MOST}`,
      unit: 'short',
      queries: [{ expr: most(SHOWN, `podnet_nodeagent_pods{${CLUSTER}}`), legend: '{{instance}}' }],
    }),
    timeSeries({
      title: 'Devices said to be of several pods',
      description: `Given to none of them. ${MOST} 0 is the good case.`,
      unit: 'short',
      queries: [{ expr: most(SHOWN, `podnet_nodeagent_device_conflicts{${CLUSTER}}`), legend: '{{instance}}' }],
    }),
  ],
};
