import { devicesView } from './device-view.js';
import { addressGauges, ipamFamily, ipamHistogram } from './ipam-view.js';
import { everyProbe } from './probe-view.js';
import type { InterfaceView, NodeView, PodDescription } from '../../metrics/node-families.js';

/** A pod with a container that is known: what the labels of prometheus-network-shim are made of. */
export const WEB: PodDescription = {
  namespace: 'shop',
  name: 'web-0',
  uid: '1cdae767-00ab-4a34-ba55-c2a642098751',
  labels: {},
  hostNetwork: false,
  container: {
    name: 'web',
    image: 'docker.io/library/web:1',
    cgroup:
      '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1cdae767_00ab_4a34_ba55_c2a642098751.slice/crio-de37.scope',
  },
};

const CPUS = [2, 34].map((cpu) => ({ container: 'web', containerId: 'de37', cpu, numaNode: 0 }));

export function interfaceView(name: string, first: number, meta: Partial<InterfaceView['meta']> = {}): InterfaceView {
  return {
    meta: { name, network: '', nadNamespace: '', primary: false, source: 'netdev', ...meta },
    counters: Array.from({ length: 8 }, (_, column) => first + column),
  };
}

/** As ipamd tells them, one of them unknown to anybody. */
const IPAMD = [
  ipamFamily('awscni_add_ip_req_count', 'counter', [[{}, 184]], 'The number of add IP address requests'),
  ...addressGauges(27, 12, 18),
  {
    ...{ name: 'awscni_aws_api_latency_ms', type: 'summary' as const, help: 'AWS API call latency in ms' },
    samples: [
      { labels: { status: '200', api: 'a"b', quantile: '1' }, value: 341 },
      { suffix: '_sum' as const, labels: { status: '200', api: 'a"b' }, value: 1_187 },
      { suffix: '_count' as const, labels: { status: '200', api: 'a"b' }, value: 5 },
    ],
  },
  ipamHistogram(
    'awscni_ipamd_node_initialization_duration_seconds',
    { '1': 1, '10': 1, '+Inf': 1 },
    { success: 'true' },
  ),
  ipamFamily('awscni_new_thing', 'unknown', [[{ node: 'x' }, 7]], 'Of a later version.'),
];

/**
 * A node with a pod of two annotated networks and an interface of none, one without the annotation, and one on the node's network;
 * with SR-IOV devices, of which the first pod has one; with an agent that probes; and with ipamd.
 */
export function compatView(): NodeView {
  const eth0 = interfaceView('eth0', 10, { network: 'kindnet', primary: true, hostInterface: 'lxcbfb8a72ac2b8' });
  const net1 = interfaceView('net1', 20, { network: 'n3', nadNamespace: 'telco', hostInterface: 'veth7' });
  const plain: PodDescription = { namespace: 'shop', name: 'plain', labels: {}, hostNetwork: false };
  const agent: PodDescription = { ...WEB, namespace: 'system', name: 'agent', hostNetwork: true };
  const machine: PodDescription = { ...WEB, name: 'host', machine: true };
  const device = interfaceView('eth0', 50, { network: 'default', hostInterface: 'eth0' });
  return {
    node: 'n1',
    pods: [
      {
        meta: { ...WEB, exclusiveCpus: CPUS, numaAligned: true },
        interfaces: [eth0, net1, interfaceView('tunl0', 30)],
      },
      {
        meta: plain,
        interfaces: [
          {
            ...interfaceView('eth0', 40, { network: 'default', primary: true, hostInterface: 'cali"1' }),
            counters: [40, NaN, NaN, NaN, 44],
          },
        ],
      },
      { meta: agent, interfaces: [device] },
      { meta: machine, interfaces: [device] },
    ],
    devices: devicesView(WEB),
    probes: { ...everyProbe(), internalErrors: { dial: 0, dns: 3, ntp: 0 } },
    ipam: [{ name: 'awscni', families: IPAMD, pools: [] }],
  };
}
