import { createHash } from 'node:crypto';
import { PODNET_GROUP_VERSION, PodNetwork, PodNetworkList } from '../../../openapi/podnet-api.js';
import type { Clock } from '../../../runtime/clock.js';
import { ratesOf } from '../../store/interface-rates.js';
import type { InterfaceSeries } from '../../store/interface-series.js';
import type { PodSeries } from '../../store/pod-series.js';
import type { KnownPod, Pods } from '../../store/pods.js';
import { timestampOf } from '../metric-value-list.js';
import { rateColumns, trafficOf } from './rates.js';
import type { Candidate, Resource } from './resource.js';

export interface PodNetworksDeps {
  readonly pods: Pods;
  readonly clock: Clock;
  readonly windowMs: number;
}

const HASH_LENGTH = 8;

/** One object for each interface of each pod. */
export function podNetworks({ pods, clock, windowMs }: PodNetworksDeps): Resource<PodNetwork> {
  return {
    plural: 'podnetworks',
    kind: 'PodNetwork',
    namespaced: true,
    fieldKeys: ['node', 'pod', 'network', 'interface'],
    schemas: { object: PodNetwork, list: PodNetworkList },
    columns: [
      {
        ...{ name: 'Network', description: 'Network that the interface is on.', priority: 0 },
        cell: ({ object }) =>
          object.nadNamespace === '' ? object.network : `${object.nadNamespace}/${object.network}`,
      },
      ...rateColumns(),
      { name: 'Node', description: 'Node that the pod runs on.', priority: 1, cell: ({ object }) => object.node },
      {
        ...{ name: 'Host-Interface', description: 'Peer of the interface on the host.', priority: 1 },
        cell: ({ object }) => object.hostInterface ?? null,
      },
      {
        ...{ name: 'PCI-Address', description: 'Device behind the interface.', priority: 1 },
        cell: ({ object }) => object.pciAddress ?? null,
      },
    ],
    *candidates(namespace, nowMs) {
      // In the order of their pods, which is nearly their own: there may be 300,000, which are to be sorted.
      for (const one of namespace === undefined ? pods.namespaces().sort() : [namespace]) {
        for (const pod of [...pods.inNamespace(one, nowMs)].sort(byName)) {
          if (pod.series !== undefined) yield* candidatesOf(pod, pod.series, { clock, windowMs });
        }
      }
    },
  };
}

function byName(a: KnownPod, b: KnownPod): number {
  return a.name < b.name ? -1 : 1;
}

function candidatesOf(
  pod: KnownPod,
  { node, interfaces, meta }: PodSeries,
  { clock, windowMs }: Pick<PodNetworksDeps, 'clock' | 'windowMs'>,
): Candidate<PodNetwork>[] {
  const { namespace, labels } = pod;
  return [...interfaces.values()].map((series) => {
    const name = `${pod.name}.${segmentOf(series.name)}`;
    return {
      ...{ namespace, name, labels },
      fields: { node: node.node, pod: pod.name, network: series.meta.network, interface: series.name },
      make: (nowMs) => {
        const figures = ratesOf(node, series, { windowMs, nowMs });
        const described = { pod, node: node.node, createdMs: meta.createdMs, series };
        return { object: { ...toPodNetwork(name, described), ...trafficOf(figures, clock.wallMs()) }, figures };
      },
    };
  });
}

interface Described {
  readonly pod: KnownPod;
  readonly node: string;
  readonly createdMs: number;
  readonly series: InterfaceSeries;
}

function toPodNetwork(name: string, { pod, node, createdMs, series }: Described): PodNetwork {
  const { network, nadNamespace, primary, hostInterface, pciAddress, source, receiveUnreliable } = series.meta;
  return {
    apiVersion: PODNET_GROUP_VERSION,
    kind: 'PodNetwork',
    metadata: {
      ...{ name, namespace: pod.namespace, labels: pod.labels },
      creationTimestamp: timestampOf(createdMs),
    },
    pod: { name: pod.name, uid: pod.uid },
    ...{ node, interface: series.name, network, nadNamespace, primary, source },
    ...(hostInterface !== undefined && { hostInterface }),
    ...(pciAddress !== undefined && { pciAddress }),
    ...(receiveUnreliable !== undefined && { receiveUnreliable }),
  };
}

/**
 * An interface name as part of an object's name: what a path does not take is written `-`, as is the dot that ends the name of the pod,
 * and a hash tells two such apart.
 */
function segmentOf(interfaceName: string): string {
  const plain = interfaceName.replace(/[^a-z0-9-]/g, '-');
  if (plain === interfaceName && /^[a-z0-9]/.test(plain) && /[a-z0-9]$/.test(plain)) return plain;
  const hash = createHash('sha256').update(interfaceName).digest('hex').slice(0, HASH_LENGTH);
  return `${plain.replace(/^[^a-z0-9]+/, '')}${hash}`;
}
