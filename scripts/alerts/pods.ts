import { last, rate, RATE_RANGE, type AlertGroup } from './alert.js';

/**
 * Of the packets of each interface or VF the share that `what` happened to, with the direction as a label; where that is more than one a second:
 * of an interface that idles a frame that nobody wanted is all there is.
 */
function shares(prefix: string, what: string): string {
  const direction = (one: 'receive' | 'transmit'): string => {
    const bad = rate(`${prefix}_${one}_${what}_total`);
    const share = `${bad} / ${rate(`${prefix}_${one}_packets_total`)} > 0.01 and ${bad} > 1`;
    return `label_replace(${share}, "direction", "${one}", "", "")`;
  };
  return `${direction('receive')} or ${direction('transmit')}`;
}

const ON = 'on (cluster, node, namespace, pod)';
/** Packets per second of each pod, those of a bond or a VLAN and of what is below it once. */
const TRANSMITTED = `sum by (cluster, node, namespace, pod) (${rate('podnet_interface_transmit_packets_total')} unless on (cluster, node, namespace, pod, interface) ${last('podnet_interface_stacked_info', RATE_RANGE)})`;
const RETRANSMITTED = rate('podnet_tcp_retransmitted_segments_total');
const WHOSE = '{{ $labels.namespace }}/{{ $labels.pod }}';
const VF = 'VF {{ $labels.vf }} of {{ $labels.pf }} on {{ $labels.node }}';
const OWNER = `(of {{ $labels.namespace }}/{{ $labels.pod }})`;

export const PODS: AlertGroup = {
  name: 'podnet-pods',
  alerts: [
    {
      name: 'PodNetworkErrors',
      severity: 'warning',
      expr: shares('podnet_interface', 'errors'),
      for: '15m',
      summary: `{{ $value | humanizePercentage }} of the packets of ${WHOSE} fail ({{ $labels.interface }}, {{ $labels.direction }}).`,
      description: 'Network {{ $labels.network }} on node {{ $labels.node }}.',
    },
    {
      name: 'PodNetworkDrops',
      severity: 'warning',
      expr: shares('podnet_interface', 'packets_dropped'),
      for: '15m',
      summary: `{{ $value | humanizePercentage }} of the packets of ${WHOSE} are dropped ({{ $labels.interface }}, {{ $labels.direction }}).`,
      description: 'Network {{ $labels.network }} on node {{ $labels.node }}.',
    },
    {
      name: 'PodTcpRetransmissions',
      severity: 'warning',
      expr: `${RETRANSMITTED} / ${ON} ${TRANSMITTED} > 0.05 and ${ON} ${RETRANSMITTED} > 1`,
      for: '15m',
      summary: `${WHOSE} sends {{ $value | humanizePercentage }} of its packets again.`,
      description:
        'On node {{ $labels.node }}. Its connections are slow: loss on the way, or a peer that does not answer.',
    },
    {
      name: 'PodListenQueueOverflows',
      severity: 'warning',
      expr: `${rate('podnet_tcp_listen_overflows_total')} > 0`,
      for: '10m',
      summary: `${WHOSE} does not accept its connections in time.`,
      description:
        'On node {{ $labels.node }}: {{ $value | humanize }} connections a second find the accept queue full.',
    },
  ],
};

export const SRIOV: AlertGroup = {
  name: 'podnet-sriov',
  alerts: [
    {
      name: 'VfDrops',
      severity: 'warning',
      expr: shares('podnet_vf', 'packets_dropped'),
      for: '15m',
      summary: `{{ $value | humanizePercentage }} of the packets of ${VF} are dropped ({{ $labels.direction }}).`,
      description: `${OWNER} on network {{ $labels.network }}.`,
    },
    {
      name: 'VfSpoofedPackets',
      severity: 'warning',
      expr: `${rate('podnet_vf_transmit_spoofed_packets_total')} > 0`,
      for: '5m',
      summary: `${VF} sends packets with a source that it may not have.`,
      description: `${OWNER}: {{ $value | humanize }} packets a second are not let out.`,
    },
    {
      name: 'VfCountersUnknown',
      severity: 'warning',
      expr: `${last('podnet_pf_info{reason!=""}')} and on (cluster, node, pf) ${last('podnet_vf_info{pod!=""}')}`,
      for: '1h',
      summary: 'What the VFs of {{ $labels.pf }} on {{ $labels.node }} count is not known: {{ $labels.reason }}.',
      description: 'Pods have VFs of it (driver {{ $labels.driver }}): they have no values, and no HPA can use them.',
    },
  ],
};
