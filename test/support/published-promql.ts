// What predecessors and those who use them have published, and the right answer in the world of predecessor-world.ts at its end.
// `source` names the section of the inventory of the predecessors from which an expression is (rules, README, code of consumers).
import type { CompatName } from '../../metrics/compat/compat.js';
import { VF_COUNTERS, type VfCounter } from '../../openapi/report-terms.js';
import { CONTAINER_NETWORK } from './cadvisor.js';
import { VF3 } from './device-reports.js';
import { GAUGES } from './ipam-reports.js';
import {
  CPUS,
  END_SECONDS,
  FAILING,
  INTERFACES,
  NODES,
  STEP_SECONDS,
  TAKES_SECONDS,
  VFS,
  VF_BEFORE,
  counted,
} from './predecessor-world.js';

/** Values, each with what tells its series apart. */
export type Answer = readonly (readonly [series: string, value: number])[];

export interface Published {
  readonly predecessor: CompatName;
  readonly source: string;
  readonly expression: string;
  /** Which of the two or three that have one name is scraped; see published-promql.test.ts. */
  readonly world?: 'cadvisor' | 'shim' | 'agents';
  /** Labels that tell series apart. */
  readonly by: readonly string[];
  /** Of the expression as it was published. */
  readonly answer: Answer | { readonly fails: RegExp };
  /** Of the one over podnet's families, where that is another: null where there is none. */
  readonly podnet?: { readonly by?: readonly string[]; readonly answer?: Answer } | null;
  /** An alert, and minutes that it waits. */
  readonly alert?: { readonly name: string; readonly forMinutes: number };
}

const INFO_JOIN = 'on(namespace,pod,interface) group_left(network_name) ( pod_network_name_info )';
const BY_INTERFACE = ['pod', 'interface'];

const ofInterfaces = (valueOf: (one: (typeof INTERFACES)[number]) => number, of = INTERFACES): Answer =>
  of.map((one) => [`${one.pod}/${one.name}`, valueOf(one)]);
const UPF_0 = INTERFACES.filter(({ pod }) => pod === 'upf-0');

const consoleQuery = (direction: 'receive' | 'transmit'): Published => ({
  ...{ predecessor: 'network-metrics-daemon', source: '1.5, OpenShift console', by: BY_INTERFACE },
  expression: `(sum(irate(container_network_${direction}_bytes_total{pod='upf-0',namespace='telco'}[5m])) by (pod, namespace, interface)) + ${INFO_JOIN}`,
  answer: ofInterfaces(({ perSecond }) => perSecond * (direction === 'receive' ? 1 : 5), UPF_0),
});

const NETWORK_METRICS_DAEMON: readonly Published[] = [
  ...CONTAINER_NETWORK.flatMap((family, column): Published[] => {
    const common = { predecessor: 'network-metrics-daemon', by: BY_INTERFACE } as const;
    const answer = ofInterfaces((one) => counted(one, column, END_SECONDS));
    return [
      { ...common, source: '1.5, rule', expression: `network:${family}`, answer },
      { ...common, source: '1.5, rule', expression: `(${family}) + ${INFO_JOIN}`, answer },
      { ...common, source: '1.6, first README', expression: `${family}_intf`, answer },
      {
        ...{ ...common, source: '1.7, e2e', answer: ofInterfaces(() => 0) },
        expression: `((${family}) + ${INFO_JOIN}) - ignoring(network_name) ${family} == 0`,
      },
    ];
  }),
  consoleQuery('receive'),
  consoleQuery('transmit'),
  {
    ...{ predecessor: 'network-metrics-daemon', source: '1.5, origin e2e', by: BY_INTERFACE },
    expression: 'pod_network_name_info{pod="upf-0",namespace="telco",interface="eth0"} == 0',
    answer: [['upf-0/eth0', 0]],
    podnet: { answer: [['upf-0/eth0', 1]] },
  },
  {
    ...{ predecessor: 'network-metrics-daemon', source: '1.5, origin e2e', by: BY_INTERFACE },
    expression: 'pod_network_name_info{pod="upf-0",namespace="telco",network_name="telco/n3"} == 0',
    answer: [['upf-0/net1', 0]],
    podnet: { answer: [['upf-0/net1', 1]] },
  },
];

/** As one writes them over what was published. */
const USUAL: readonly Published[] = [
  {
    ...{ predecessor: 'network-metrics-daemon', source: 'usual', by: ['pod'] },
    expression: `sum by (pod) (rate(container_network_receive_packets_total[5m]) + ${INFO_JOIN.replace('info )', 'info{network_name="telco/n3"} )')})`,
    answer: INTERFACES.filter(({ network }) => network === 'n3').map(({ pod, perSecond }) => [pod, perSecond * 2]),
  },
  {
    ...{ predecessor: 'network-metrics-daemon', source: 'usual', by: ['pod'] },
    expression:
      'sum by (pod) (rate(network:container_network_receive_packets_total{network_name=~"telco/(n3|n6)"}[5m]))',
    answer: INTERFACES.filter(({ network }) => network === 'n3').map(({ pod, perSecond }) => [pod, perSecond * 2]),
  },
  {
    ...{ predecessor: 'network-metrics-daemon', source: 'usual', by: BY_INTERFACE },
    expression: `rate(container_network_receive_packets_total[5m]) + ${INFO_JOIN.replace('( pod_network_name_info )', 'topk by (namespace, pod, interface) (1, pod_network_name_info)')}`,
    answer: ofInterfaces(({ perSecond }) => perSecond * 2),
  },
  {
    // what is grouped is 1
    ...{ predecessor: 'network-metrics-daemon', source: 'usual', by: BY_INTERFACE },
    expression: `rate(container_network_receive_packets_total[5m]) * ${INFO_JOIN.replace('( pod_network_name_info )', 'group by (namespace, pod, interface, network_name) (pod_network_name_info)')}`,
    answer: ofInterfaces(({ perSecond }) => perSecond * 2),
    podnet: null,
  },
  {
    ...{ predecessor: 'network-metrics-daemon', source: 'usual', by: ['network_name'] },
    expression: 'count by (network_name) (pod_network_name_info)',
    answer: [
      ['kindnet', 2],
      ['telco/n3', 2],
      ['default', 1],
    ],
    podnet: {
      by: ['network'],
      answer: [
        ['kindnet', 2],
        ['n3', 2],
        ['default', 1],
      ],
    },
  },
  {
    ...{ predecessor: 'prometheus-network-shim', source: 'usual', world: 'shim', by: ['namespace'] },
    expression: 'sum by (namespace) (rate(container_network_transmit_bytes_total{container!="POD"}[5m]))',
    answer: [
      ['telco', 100 * 5],
      ['shop', 50 * 5],
    ],
  },
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: 'usual', by: ['node', 'dev_type'] },
    expression:
      'sum by (node, dev_type) (rate(sriov_vf_tx_bytes[5m]) * on (node, pciAddr) group_left(dev_type) sriov_kubepoddevice{namespace="telco"})',
    answer: ratesOfVfs('transmitBytes').map(([node, value]) => [`${node}/openshift.io/inteldpdk`, value]),
    podnet: { by: ['node', 'resource'] },
  },
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: 'usual', by: ['dev_type'] },
    expression: 'count by (dev_type) (sriov_kubepoddevice)',
    answer: [['openshift.io/inteldpdk', VFS.length]],
    podnet: { by: ['resource'] },
  },
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: 'usual', by: ['node', 'device'] },
    expression: 'label_replace(rate(network:sriov_vf_rx_bytes[5m]), "device", "$1", "pciAddr", "(.*)")',
    answer: ratesOfVfs('receiveBytes').map(([node, value]) => [`${node}/${VF3}`, value]),
  },
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: 'usual', by: ['pf'] },
    expression: 'absent(sriov_vf_rx_bytes{pf="none"})',
    answer: [['none', 1]],
  },
  {
    ...{ predecessor: 'cni-metrics-helper', source: 'usual', world: 'agents', by: [] },
    expression: 'count(awscni_ip_max)',
    answer: [['', NODES.length]],
  },
  {
    ...{ predecessor: 'net-exporter', source: 'usual', by: ['node', 'proto'] },
    expression: 'max by (proto, node) (rate(dns_resolve_error_total[15m]))',
    answer: NODES.flatMap((node): Answer => [
      [`${node}/tcp`, 0],
      [`${node}/udp`, node === 'node-a' ? FAILING.dns / STEP_SECONDS : 0],
    ]),
    podnet: { by: ['node', 'protocol'] },
  },
  {
    ...{ predecessor: 'net-exporter', source: 'usual', by: ['node'] },
    expression: 'increase(dns_udp_latency_seconds_sum[10m]) / increase(dns_udp_latency_seconds_count[10m])',
    answer: NODES.map((node) => [node, TAKES_SECONDS.dns]),
  },
  {
    ...{ predecessor: 'cni-metrics-helper', source: 'usual', by: [] },
    expression: 'awscni_total_ip_addresses - awscni_assigned_ip_addresses < 100',
    answer: [['', NODES.length * (GAUGES.awscni_total_ip_addresses - GAUGES.awscni_assigned_ip_addresses)]],
  },
  {
    ...{ predecessor: 'cni-metrics-helper', source: 'usual', world: 'agents', by: ['instance'] },
    expression: 'avg by (instance) (awscni_ip_max)',
    answer: NODES.map((node) => [node, GAUGES.awscni_ip_max]),
    podnet: { by: ['node'] },
  },
];

function ratesOfVfs(counter: VfCounter): Answer {
  return VFS.map(({ node, perSecond }) => [node, perSecond * (VF_COUNTERS.indexOf(counter) + 1)]);
}

const PROMETHEUS_NETWORK_SHIM: readonly Published[] = [
  ...CONTAINER_NETWORK.map((family, column): Published => ({
    ...{ predecessor: 'prometheus-network-shim', source: '2.4, rule', world: 'shim', by: ['namespace', 'pod'] },
    expression: family,
    answer: INTERFACES.map((one) => [`${one.namespace}/${one.pod}`, counted(one, column, END_SECONDS)]),
  })),
  {
    ...{ predecessor: 'prometheus-network-shim', source: '2.1', world: 'shim', by: ['node', 'pod'] },
    expression: 'pod_interface_shim{interface="lxc1"}',
    answer: [
      ['node-a/upf-0', 0],
      ['node-b/upf-1', 0],
    ],
    podnet: {
      answer: [
        ['node-a/upf-0', 1],
        ['node-b/upf-1', 1],
      ],
    },
  },
];

/** The stats that the operator's rules record, by the place of the counter. */
const RECORDED_STATS: readonly (readonly [stat: string, counter: VfCounter])[] = [
  ['rx_bytes', 'receiveBytes'],
  ['rx_packets', 'receivePackets'],
  ['rx_dropped', 'receivePacketsDropped'],
  ['rx_broadcast', 'receiveBroadcastPackets'],
  ['rx_multicast', 'receiveMulticastPackets'],
  ['tx_bytes', 'transmitBytes'],
  ['tx_packets', 'transmitPackets'],
  ['tx_dropped', 'transmitPacketsDropped'],
];
const columnOf = (counter: VfCounter): number => VF_COUNTERS.indexOf(counter);
const ofVfs = (valueOf: (vf: (typeof VFS)[number]) => number): Answer => VFS.map((vf) => [vf.pod, valueOf(vf)]);
const sinceGot = (counter: VfCounter): Answer => ofVfs((vf) => counted(vf, columnOf(counter), END_SECONDS));
const DUPLICATES = /found duplicate series/;

const SRIOV: readonly Published[] = [
  ...RECORDED_STATS.flatMap(([stat, counter]): Published[] => {
    const common = {
      predecessor: 'sriov-network-metrics-exporter',
      source: '4.7, rule of the operator',
      by: ['pod'],
    } as const;
    const podnet = { answer: sinceGot(counter) };
    const answer = ofVfs((vf) => VF_BEFORE + counted(vf, columnOf(counter), END_SECONDS));
    return [
      { ...common, expression: `network:sriov_vf_${stat}`, answer, podnet },
      {
        ...{ ...common, answer: { fails: DUPLICATES }, podnet },
        expression: `sriov_vf_${stat} * on (pciAddr) group_left(pod,namespace,dev_type) sriov_kubepoddevice`,
      },
      // As docs/migrate has it.
      {
        ...{ ...common, answer, podnet },
        expression: `sriov_vf_${stat} * on (node, pciAddr) group_left(pod,namespace,dev_type) sriov_kubepoddevice`,
      },
    ];
  }),
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: '4.7, README', by: ['pod'] },
    expression: '(sriov_vf_tx_errors * on (pciAddr) group_left(pod,namespace) sriov_kubepoddevice)',
    answer: { fails: DUPLICATES },
    podnet: { answer: sinceGot('transmitErrors') },
  },
  {
    ...{
      predecessor: 'sriov-network-metrics-exporter',
      source: '4.7, README',
      by: ['pod', 'label_app_kubernetes_io_name'],
    },
    expression:
      '(sriov_vf_tx_errors * on (pciAddr) group_left(pod,namespace) sriov_kubepoddevice) * on (pod,namespace) group_left (label_app_kubernetes_io_name) kube_pod_labels',
    answer: { fails: DUPLICATES },
    podnet: { answer: sinceGot('transmitErrors').map(([pod, value]) => [`${pod}/app-${pod}`, value]) },
  },
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: '4.6, docs/prometheus-queries', by: ['pod'] },
    expression: 'sriov_kubepodcpu * on(uid) group_left(pod, namespace) kube_pod_info',
    answer: CPUS.map(() => ['upf-0', 1]),
  },
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: 'usual', by: ['pod'] },
    expression: 'sriov_vf_rx_bytes offset 5m * on (node, pciAddr) group_left(pod) sriov_kubepoddevice offset 5m',
    answer: ofVfs((vf) => VF_BEFORE + counted(vf, columnOf('receiveBytes'), END_SECONDS - 300)),
    podnet: { answer: ofVfs((vf) => counted(vf, columnOf('receiveBytes'), END_SECONDS - 300)) },
  },
  {
    ...{ predecessor: 'sriov-network-metrics-exporter', source: '4.1', by: ['node'] },
    expression: 'sum by (node) (rate(sriov_vf_rx_bytes[5m]))',
    answer: VFS.map(({ node, perSecond }) => [node, perSecond * (columnOf('receiveBytes') + 1)]),
  },
];

const perStep = (count: number): number => count / STEP_SECONDS;
const atNodeA = (count: number): Answer => [['node-a', perStep(count)]];
const alert = (name: string, forMinutes = 15): Omit<Published, 'expression' | 'answer'> => ({
  ...{ predecessor: 'net-exporter', source: '3.5, giantswarm/prometheus-rules', by: ['node'] },
  alert: { name, forMinutes },
});

const NET_EXPORTER: readonly Published[] = [
  {
    ...alert('DNSErrorRateTooHigh'),
    expression: 'rate(dns_resolve_error_total[15m]) > 0.015',
    answer: atNodeA(FAILING.dns),
  },
  {
    ...alert('DNSCheckErrorRateTooHigh'),
    expression: 'rate(dns_error_total[15m]) > 0.015',
    answer: atNodeA(FAILING.internal),
    podnet: null,
  },
  {
    ...alert('NetworkErrorRateTooHigh'),
    expression: 'rate(network_dial_error_total[15m]) > 0.002',
    answer: atNodeA(FAILING.dial),
  },
  {
    ...alert('NetworkCheckErrorRateTooHigh'),
    expression: 'rate(network_error_total[15m]) > 0',
    answer: atNodeA(FAILING.internal),
    podnet: null,
  },
  {
    ...{ predecessor: 'net-exporter', source: '3.5, giantswarm/prometheus-rules', by: [] },
    expression:
      'histogram_quantile(0.95, sum(irate(network_latency_seconds_bucket[15m])) by (le, cluster_id, installation, pipeline, provider)) > 0.5',
    answer: [],
    // All of them in the bucket that ends at 1.024 s.
    podnet: { answer: [['', 0.512 + 0.95 * 0.512]] },
  },
  {
    ...{ predecessor: 'net-exporter', source: '3.6, README', by: ['host'] },
    expression: 'histogram_quantile(0.99, sum(rate(dns_latency_seconds_bucket[5m])) by (le, host))',
    answer: [['kubernetes.default.svc.cluster.local.', 0.002 + 0.99 * 0.002]],
  },
  {
    ...{ predecessor: 'net-exporter', source: '3.1', by: ['node'] },
    expression: 'rate(network_latency_seconds_sum[5m]) / rate(network_latency_seconds_count[5m])',
    answer: NODES.flatMap((node): Answer => [
      [node, TAKES_SECONDS.dial],
      [node, TAKES_SECONDS.dial],
    ]),
  },
  {
    ...{ predecessor: 'net-exporter', source: '3.1', by: ['node'] },
    expression: 'rate(ntp_sync_error_total[15m])',
    answer: [
      ['node-a', perStep(FAILING.ntp)],
      ['node-b', 0],
    ],
  },
];

const TOTALS = Object.entries(GAUGES);
const CNI_METRICS_HELPER: readonly Published[] = [
  ...TOTALS.map(([family, ofNode]): Published => ({
    ...{ predecessor: 'cni-metrics-helper', source: '5.3, its gauges', by: [], expression: family },
    answer: [['', NODES.length * ofNode]],
  })),
  {
    ...{ predecessor: 'cni-metrics-helper', source: '5.3, added up over ipamd', world: 'agents', by: [] },
    expression: 'sum(awscni_total_ip_addresses) - sum(awscni_assigned_ip_addresses)',
    answer: [['', NODES.length * (GAUGES.awscni_total_ip_addresses - GAUGES.awscni_assigned_ip_addresses)]],
  },
  {
    ...{ predecessor: 'cni-metrics-helper', source: 'appendix A, ipamd', world: 'agents', by: ['instance'] },
    expression: 'rate(awscni_add_ip_req_count[5m])',
    answer: NODES.map((node) => [node, 1]),
    podnet: { by: ['node'] },
  },
];

export const PUBLISHED: readonly Published[] = [
  ...NETWORK_METRICS_DAEMON,
  ...PROMETHEUS_NETWORK_SHIM,
  ...SRIOV,
  ...NET_EXPORTER,
  ...CNI_METRICS_HELPER,
  ...USUAL,
];
