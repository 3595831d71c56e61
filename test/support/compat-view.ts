import { devicesView } from './device-view.js';
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

/**
 * A node with a pod of two annotated networks and an interface of none, one without the annotation, and one on the node's network;
 * with SR-IOV devices, of which the first pod has one; and with an agent that probes.
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
  };
}
