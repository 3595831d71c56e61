import { rate, type AlertGroup } from './alert.js';

const PUSHES = 'podnet_nodeagent_pushes_total';
const BY = 'cluster, instance, server';

/** What agents say of themselves, where their own /metrics are scraped. */
export const AGENTS: AlertGroup = {
  name: 'podnet-agents',
  alerts: [
    {
      name: 'PodnetCollectorFails',
      severity: 'warning',
      expr: 'podnet_nodeagent_collector_success == 0',
      for: '10m',
      summary: 'The collector {{ $labels.collector }} of agent {{ $labels.instance }} fails.',
      description: 'What it collects is absent for that node; everything else goes on.',
    },
    {
      name: 'PodnetPushesFail',
      severity: 'warning',
      expr: `sum by (${BY}) (${rate(PUSHES, 'result!="ok"')}) / sum by (${BY}) (${rate(PUSHES)}) > 0.5`,
      for: '10m',
      summary: 'Agent {{ $labels.instance }} cannot push to {{ $labels.server }}.',
      description: 'The server refuses, or does not answer. That replica has no values of the node.',
    },
    {
      name: 'PodnetReportsCut',
      severity: 'warning',
      expr: 'podnet_nodeagent_pods_cut > 0',
      for: '15m',
      summary: 'The report of agent {{ $labels.instance }} has no room for {{ $value }} pods ({{ $labels.what }}).',
      description: 'They have no values, or not of every interface.',
    },
    {
      name: 'VfOwnerConflict',
      severity: 'warning',
      expr: 'podnet_nodeagent_device_conflicts > 0',
      for: '10m',
      summary: 'On the node of agent {{ $labels.instance }} {{ $value }} devices are said to be of several pods.',
      description: "They are given to none of them: what they count is nobody's.",
    },
  ],
};
