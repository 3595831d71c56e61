import { last, rate, type AlertGroup } from './alert.js';

/** Of all that was tried the share that failed. */
function failing(kind: 'dial' | 'dns' | 'ntp', by: string, range: string): string {
  const failed = `sum by (${by}) (${rate(`podnet_${kind}_errors_total`, '', range)})`;
  return `${failed} / (${failed} + sum by (${by}) (${rate(`podnet_${kind}_latency_seconds_count`, '', range)}))`;
}

const quantile = (q: number, kind: 'dial' | 'dns', { by, range }: Record<'by' | 'range', string>): string =>
  `histogram_quantile(${q}, sum by (${by}, le) (${rate(`podnet_${kind}_latency_seconds_bucket`, '', range)}))`;

const PAIR = 'cluster, node, peer_node, host, network';
const SERVER = 'cluster, server, protocol, host';
const OF_NODES = `${failing('dns', `${SERVER}, node`, '5m')} > 0.05`;

export const LATENCY: AlertGroup = {
  name: 'podnet-latency',
  alerts: [
    {
      name: 'NodeSuspect',
      severity: 'critical',
      expr: `${last('podnet_node_suspect_ratio', '1m')} > 0.5`,
      for: '2m',
      summary:
        'Node {{ $labels.node }} is failing or slow over {{ $labels.network }}, as {{ $value | humanizePercentage }} of its peers see it.',
      description: 'Others that dial it reach all other nodes: it is this node.',
    },
    {
      // as test/fixtures/net-exporter-rules.yml has it
      name: 'DialsFail',
      severity: 'warning',
      expr: `${failing('dial', PAIR, '15m')} > 0.12`,
      for: '15m',
      summary:
        '{{ $value | humanizePercentage }} of the dials from {{ $labels.node }} to {{ $labels.peer_node }}{{ $labels.host }} fail.',
      description:
        'Over network {{ $labels.network }}. NodeSuspect beside it says which of the two nodes it is; without it, it is the path.',
    },
    {
      name: 'DialsSlow',
      severity: 'warning',
      expr: `${quantile(0.95, 'dial', { by: PAIR, range: '15m' })} > 0.5`,
      for: '5m',
      summary:
        'One in twenty dials from {{ $labels.node }} to {{ $labels.peer_node }}{{ $labels.host }} takes {{ $value | humanizeDuration }}.',
      description: 'Over network {{ $labels.network }}: packets are lost on the way.',
    },
    {
      name: 'DnsFailing',
      severity: 'critical',
      expr: `${failing('dns', SERVER, '5m')} > 0.05 and count by (${SERVER}) (${OF_NODES}) > 1`,
      for: '5m',
      summary:
        '{{ $value | humanizePercentage }} of the lookups of {{ $labels.host }} at {{ $labels.server }} fail ({{ $labels.protocol }}).',
      description:
        'Over all nodes that ask, and more than one of them sees it. Whatever looks up names in the cluster fails as often.',
    },
    {
      name: 'NodeDnsFailing',
      severity: 'warning',
      expr: OF_NODES,
      for: '5m',
      summary:
        'On node {{ $labels.node }} {{ $value | humanizePercentage }} of the lookups of {{ $labels.host }} at {{ $labels.server }} fail ({{ $labels.protocol }}).',
      description: 'DnsFailing beside it says that it is not this node alone.',
    },
    {
      name: 'DnsSlow',
      severity: 'warning',
      expr: `${quantile(0.99, 'dns', { by: SERVER, range: '5m' })} > 0.5`,
      for: '10m',
      summary:
        'One in a hundred lookups at {{ $labels.server }} takes {{ $value | humanizeDuration }} ({{ $labels.protocol }}).',
      description: 'Of {{ $labels.host }}, over all nodes that ask.',
    },
    {
      name: 'NtpOffset',
      severity: 'warning',
      expr: `min by (cluster, node) (abs(${last('podnet_ntp_offset_seconds')})) > 0.1`,
      for: '10m',
      summary: 'The clock of node {{ $labels.node }} is off by {{ $value | humanizeDuration }} at least.',
      description: 'Every time server that it asks says so.',
    },
    {
      name: 'NtpFailing',
      severity: 'warning',
      expr: `${failing('ntp', 'cluster, server', '15m')} > 0.5`,
      for: '15m',
      summary: '{{ $value | humanizePercentage }} of the exchanges with time server {{ $labels.server }} fail.',
      description: 'Over all nodes that ask: their clocks have one server less to go by.',
    },
  ],
};
