import { createHash } from 'node:crypto';
import { PODNET_GROUP_VERSION, PodNetwork, PodNetworkList } from '../../../openapi/podnet-api.js';
import type { Clock } from '../../../runtime/clock.js';
import { ratesOf } from '../../store/interface-rates.js';
import type { InterfaceSeries } from '../../store/interface-series.js';
import type { KnownPod, Pods } from '../../store/pods.js';
import { timestampOf } from '../metric-value-list.js';
import { networkCell } from './cells.js';
import { rateColumns, trafficOf } from './rates.js';
import type { Candidate, Made, Resource } from './resource.js';

export interface PodNetworksDeps {
  readonly pods: Pods;
  readonly clock: Clock;
  readonly windowMs: number;
}

const HASH_LENGTH = 8;

/** One object for each interface of each pod. */
export function podNetworks(deps: PodNetworksDeps): Resource<PodNetwork> {
  return {
    plural: 'podnetworks',
    kind: 'PodNetwork',
    namespaces: () => deps.pods.namespaces(),
    fieldKeys: ['node', 'pod', 'network', 'interface'],
    schemas: { object: PodNetwork, list: PodNetworkList },
    columns: [
      {
        ...{ name: 'Network', description: 'Network that the interface is on.', priority: 0 },
        cell: ({ object }) => networkCell(object),
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
      for (const pod of deps.pods.inNamespace(namespace, nowMs)) {
        for (const series of [...(pod.series?.interfaces.values() ?? [])]) yield new InterfaceOf(pod, series, deps);
      }
    },
  };
}

/** Of most candidates of a large list nobody asks for the name or the fields: they are made when somebody does. */
class InterfaceOf implements Candidate<PodNetwork> {
  readonly #pod: KnownPod;
  readonly #series: InterfaceSeries;
  readonly #deps: PodNetworksDeps;
  #name: string | undefined;

  constructor(pod: KnownPod, series: InterfaceSeries, deps: PodNetworksDeps) {
    this.#pod = pod;
    this.#series = series;
    this.#deps = deps;
  }

  get namespace(): string {
    return this.#pod.namespace;
  }

  get name(): string {
    return (this.#name ??= `${this.#pod.name}.${segmentOf(this.#series.name)}`);
  }

  get labels(): KnownPod['labels'] {
    return this.#pod.labels;
  }

  get fields(): Record<string, string> {
    const { name, meta } = this.#series;
    const node = this.#pod.series?.node.node ?? '';
    return { node, pod: this.#pod.name, network: meta.network, interface: name };
  }

  /** Of the pod as it is by now: the counters of one that is gone are held no more. */
  make(nowMs: number): Made<PodNetwork> | undefined {
    const { pods, clock, windowMs } = this.#deps;
    const pod = pods.get(this.#pod.namespace, this.#pod.name, nowMs);
    const series = pod?.series?.interfaces.get(this.#series.name);
    if (pod?.series === undefined || series !== this.#series) return undefined;
    const { node, meta } = pod.series;
    const figures = ratesOf(node, series, { windowMs, nowMs });
    const described = { pod, node: node.node, createdMs: meta.createdMs, series };
    return { object: { ...toPodNetwork(this.name, described), ...trafficOf(figures, clock.wallMs()) }, figures };
  }
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
