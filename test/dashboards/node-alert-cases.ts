import { growing, histogram, steady, type AlertCase } from './alert-series.js';
import type { Series } from './promtool.js';

interface Befallen {
  readonly labels: string;
  readonly what: string;
  readonly perSecond: number;
}

/** Packets in both directions, and what befell some of those of one. */
function packets(prefix: string, { labels, what, perSecond }: Befallen): Series[] {
  return (['receive', 'transmit'] as const).flatMap((direction) => [
    growing(`${prefix}_${direction}_packets_total{${labels}}`, 1_000),
    growing(`${prefix}_${direction}_${what}_total{${labels}}`, direction === 'receive' ? perSecond : 0),
  ]);
}

/** Of two nodes, whose interfaces have no packets but those, or none at all. */
function idle(prefix: string, { labels, what, perSecond }: Befallen): Series[] {
  return [perSecond, 0].flatMap((packetsPerSecond, i) => {
    const there = labels.replace('n1', `idle${i}`);
    return [
      growing(`${prefix}_receive_packets_total{${there}}`, packetsPerSecond),
      growing(`${prefix}_receive_${what}_total{${there}}`, perSecond),
    ];
  });
}

const POD = 'node="n1",namespace="shop",pod="web-0"';
const INTERFACE = `${POD},interface="eth0",network="default",nad_namespace="",primary="true"`;
const ONE_VF = 'node="n1",namespace="telco",pod="du-0",network="sriov",pf="ens1f0",vf="3"';
const retransmitted = (packetsSent: number, perSecond: number): Series[] => [
  growing(`podnet_interface_transmit_packets_total{${INTERFACE}}`, packetsSent),
  growing(`podnet_tcp_retransmitted_segments_total{${POD}}`, perSecond),
];

export const POD_CASES: readonly AlertCase[] = [
  {
    ...{ alert: 'PodNetworkErrors', severity: 'warning', labels: `${INTERFACE},direction="receive"` },
    fires: packets('podnet_interface', { labels: INTERFACE, what: 'errors', perSecond: 11 }),
    quiet: [
      ...packets('podnet_interface', { labels: INTERFACE, what: 'errors', perSecond: 10 }),
      ...idle('podnet_interface', { labels: INTERFACE, what: 'errors', perSecond: 0.5 }),
    ],
  },
  {
    ...{ alert: 'PodNetworkDrops', severity: 'warning', labels: `${INTERFACE},direction="receive"` },
    fires: packets('podnet_interface', { labels: INTERFACE, what: 'packets_dropped', perSecond: 11 }),
    quiet: [
      ...packets('podnet_interface', { labels: INTERFACE, what: 'packets_dropped', perSecond: 10 }),
      ...idle('podnet_interface', { labels: INTERFACE, what: 'packets_dropped', perSecond: 0.5 }),
    ],
  },
  {
    ...{ alert: 'PodTcpRetransmissions', severity: 'warning', labels: POD },
    // a VLAN counts the packets of its parent again
    fires: [
      ...retransmitted(20, 1.1),
      growing(`podnet_interface_transmit_packets_total{${INTERFACE.replace('eth0', 'eth0.7')}}`, 20),
      steady(`podnet_interface_stacked_info{${POD},interface="eth0.7",network="default",nad_namespace=""}`, 1),
    ],
    // neither a small share of many, nor a large one of next to none
    quiet: [
      ...retransmitted(1_000, 50),
      ...retransmitted(1, 1).map(([series, values]): Series => [series.replace('web-0', 'idle-0'), values]),
    ],
  },
  {
    ...{ alert: 'PodListenQueueOverflows', severity: 'warning', labels: POD },
    fires: [growing(`podnet_tcp_listen_overflows_total{${POD}}`, 0.1)],
    quiet: [growing(`podnet_tcp_listen_overflows_total{${POD}}`, 0)],
  },
  {
    ...{ alert: 'VfDrops', severity: 'warning', labels: `${ONE_VF},direction="receive"` },
    fires: packets('podnet_vf', { labels: ONE_VF, what: 'packets_dropped', perSecond: 11 }),
    quiet: [
      ...packets('podnet_vf', { labels: ONE_VF, what: 'packets_dropped', perSecond: 10 }),
      ...idle('podnet_vf', { labels: ONE_VF, what: 'packets_dropped', perSecond: 0.5 }),
    ],
  },
  {
    ...{ alert: 'VfSpoofedPackets', severity: 'warning', labels: ONE_VF },
    fires: [growing(`podnet_vf_transmit_spoofed_packets_total{${ONE_VF}}`, 0.1)],
    quiet: [growing(`podnet_vf_transmit_spoofed_packets_total{${ONE_VF}}`, 0)],
  },
  {
    ...{ alert: 'VfCountersUnknown', severity: 'warning', labels: 'node="n1",pf="ens1f0",reason="unproven"' },
    fires: [
      steady('podnet_pf_info{node="n1",pf="ens1f0",reason="unproven"}', 1),
      steady(`podnet_vf_info{${ONE_VF}}`, 1),
    ],
    // a PF of which nobody has a VF, and one that counts
    quiet: [
      steady('podnet_pf_info{node="n1",pf="ens2f0",reason="unproven"}', 1),
      steady('podnet_pf_info{node="n1",pf="ens1f0",reason=""}', 1),
      steady(`podnet_vf_info{${ONE_VF}}`, 1),
      steady('podnet_vf_info{node="n1",pod="",pf="ens2f0",vf="0"}', 1),
    ],
  },
];

/** What was tried a second, and how many of it failed. */
function tried(
  kind: 'dial' | 'dns' | 'ntp',
  labels: string,
  { ok, failed }: Record<'ok' | 'failed', number>,
): Series[] {
  return [
    growing(`podnet_${kind}_latency_seconds_count{${labels}}`, ok),
    growing(`podnet_${kind}_errors_total{${labels},reason="timeout"}`, failed),
  ];
}

const PAIR = 'node="n1",peer_node="n2",network="default"';
const LOOKUP = 'server="10.96.0.10",protocol="udp",host="kubernetes.default.svc.cluster.local."';
const ofOther = (labels: string): string => `node="n2",${labels}`;
const ofNode = (labels: string): string => `node="n1",${labels}`;

export const LATENCY_CASES: readonly AlertCase[] = [
  {
    ...{ alert: 'NodeSuspect', severity: 'critical', labels: 'node="n2",network="default"' },
    fires: [steady('podnet_node_suspect_ratio{node="n2",network="default"}', 0.75)],
    quiet: [steady('podnet_node_suspect_ratio{node="n2",network="default"}', 0.5)],
  },
  {
    ...{ alert: 'DialsFail', severity: 'warning', labels: PAIR },
    fires: tried('dial', `${PAIR},family="ipv4"`, { ok: 87, failed: 13 }),
    quiet: tried('dial', `${PAIR},family="ipv4"`, { ok: 88, failed: 12 }),
  },
  {
    ...{ alert: 'DialsSlow', severity: 'warning', labels: PAIR },
    fires: histogram('podnet_dial_latency_seconds', `${PAIR},family="ipv4"`, { 0.256: 90, 0.512: 95.05, '+Inf': 100 }),
    quiet: histogram('podnet_dial_latency_seconds', `${PAIR},family="ipv4"`, { 0.256: 90, 0.512: 96, '+Inf': 100 }),
  },
  {
    ...{ alert: 'DnsFailing', severity: 'critical', labels: LOOKUP },
    fires: [
      ...tried('dns', ofNode(LOOKUP), { ok: 94, failed: 6 }),
      ...tried('dns', ofOther(LOOKUP), { ok: 94, failed: 6 }),
    ],
    // little everywhere, and nearly all of it on one node
    quiet: [
      ...[ofNode(LOOKUP), ofOther(LOOKUP)].flatMap((labels) => tried('dns', labels, { ok: 95, failed: 5 })),
      ...[ofNode, ofOther].flatMap((of, i) =>
        tried('dns', of(LOOKUP.replace('.10', '.11')), { ok: 100 * i, failed: 100 - 99 * i }),
      ),
    ],
    also: ['NodeDnsFailing'],
  },
  {
    ...{ alert: 'NodeDnsFailing', severity: 'warning', labels: ofNode(LOOKUP) },
    fires: [
      ...tried('dns', ofNode(LOOKUP), { ok: 94, failed: 6 }),
      ...tried('dns', ofOther(LOOKUP), { ok: 100, failed: 0 }),
    ],
    quiet: tried('dns', ofNode(LOOKUP), { ok: 95, failed: 5 }),
  },
  {
    ...{ alert: 'DnsSlow', severity: 'warning', labels: LOOKUP },
    fires: histogram('podnet_dns_latency_seconds', ofNode(LOOKUP), { 0.256: 97, 0.512: 99.05, '+Inf': 100 }),
    quiet: histogram('podnet_dns_latency_seconds', ofNode(LOOKUP), { 0.256: 97, 0.512: 99.4, '+Inf': 100 }),
  },
  {
    ...{ alert: 'NtpOffset', severity: 'warning', labels: 'node="n1"' },
    fires: [
      steady('podnet_ntp_offset_seconds{node="n1",server="a"}', -0.11),
      steady('podnet_ntp_offset_seconds{node="n1",server="b"}', -0.2),
    ],
    // one server that is wrong is not the node
    quiet: [
      steady('podnet_ntp_offset_seconds{node="n1",server="a"}', 0.1),
      steady('podnet_ntp_offset_seconds{node="n1",server="b"}', 30),
    ],
  },
  {
    ...{ alert: 'NtpFailing', severity: 'warning', labels: 'server="ntp.example.com"' },
    fires: tried('ntp', ofNode('server="ntp.example.com"'), { ok: 4, failed: 6 }),
    quiet: tried('ntp', ofNode('server="ntp.example.com"'), { ok: 5, failed: 5 }),
  },
];

const HOUR = 3_600;
const range = (labels = ''): string => `{node="n1",network="cbr0",range="10.0.0.2-10.0.0.254"${labels}}`;
const LEAKED = 'podnet_ipam_range_leaked_addresses';

export const IPAM_CASES: readonly AlertCase[] = [
  {
    ...{ alert: 'ClusterIpAddressesRunOut', severity: 'critical', labels: '' },
    fires: [
      steady('podnet_ipam_cluster_exhaustion_seconds', 6 * HOUR - 1),
      steady('podnet_ipam_nodes{state="missing"}', 0),
    ],
    quiet: [
      steady('podnet_ipam_cluster_exhaustion_seconds', 6 * HOUR),
      steady('podnet_ipam_nodes{state="missing"}', 0),
    ],
  },
  {
    ...{ alert: 'IpamOfNodesMissing', severity: 'warning', labels: 'state="missing"' },
    // and a sum that lacks a node is not believed
    fires: [steady('podnet_ipam_nodes{state="missing"}', 1), steady('podnet_ipam_cluster_exhaustion_seconds', 60)],
    quiet: [steady('podnet_ipam_nodes{state="missing"}', 0), steady('podnet_ipam_nodes{state="reporting"}', 5)],
  },
  {
    ...{ alert: 'NodeIpAddressesRunOut', severity: 'warning', labels: 'node="n1"' },
    fires: [steady('podnet_ipam_exhaustion_seconds{node="n1"}', HOUR - 1)],
    // and a node that is full
    quiet: [
      steady('podnet_ipam_exhaustion_seconds{node="n1"}', HOUR),
      steady('podnet_ipam_exhaustion_seconds{node="full"}', 0),
    ],
  },
  {
    ...{ alert: 'IpAssignmentsFail', severity: 'critical', labels: 'node="n1"' },
    fires: [growing('podnet_ipam_no_available_ip_addresses_total{node="n1"}', 0.1)],
    quiet: [growing('podnet_ipam_no_available_ip_addresses_total{node="n1"}', 0)],
  },
  {
    ...{ alert: 'RangeIpAddressesRunOut', severity: 'warning', labels: 'node="n1",network="cbr0"' },
    fires: [steady(`podnet_ipam_range_exhaustion_seconds${range()}`, HOUR - 1)],
    quiet: [steady(`podnet_ipam_range_exhaustion_seconds${range()}`, HOUR)],
  },
  {
    ...{ alert: 'RangeIpAddressesLeaked', severity: 'warning', labels: 'node="n1",network="cbr0"' },
    fires: [steady(`${LEAKED}${range()}`, 26), steady(`podnet_ipam_range_addresses${range()}`, 253)],
    quiet: [steady(`${LEAKED}${range()}`, 25), steady(`podnet_ipam_range_addresses${range()}`, 253)],
  },
  {
    ...{ alert: 'CloudWatchPublishingFails', severity: 'warning', labels: '' },
    fires: [steady('podnet_apiserver_cloudwatch_queue_periods{instance="a"}', 6)],
    quiet: [steady('podnet_apiserver_cloudwatch_queue_periods{instance="a"}', 5)],
  },
  {
    ...{ alert: 'CloudWatchValuesDropped', severity: 'warning', labels: 'reason="expired"' },
    fires: [growing('podnet_apiserver_cloudwatch_dropped_values_total{instance="a",reason="expired"}', 0.1)],
    quiet: [growing('podnet_apiserver_cloudwatch_dropped_values_total{instance="a",reason="expired"}', 0)],
  },
];
