import type { PodDescription } from '../node-families.js';
import { recordedFamilies } from './container-network.js';
import type { CompatInterface, CompatInterfaceSet, LabelPairs } from './predecessor.js';

const LABELS = ['container', 'id', 'image', 'interface', 'name', 'namespace', 'node', 'pod'];

/**
 * sjdaws/prometheus-network-shim: what is behind an interface of the node. Its counters are the pod's: what the pod receives is
 * `receive`, and not what its peer on the node does.
 */
export const PROMETHEUS_NETWORK_SHIM: readonly CompatInterfaceSet[] = [
  {
    families: [
      {
        name: 'pod_interface_shim',
        type: 'gauge',
        help: 'Shim to identify network interfaces assigned to pods.',
        labels: LABELS,
        stability: 'alpha',
      },
      ...recordedFamilies({
        rename: (name) => name,
        labels: LABELS,
        by: 'the rules of prometheus-network-shim',
      }),
    ],
    labelsOf: shimLabels,
  },
];

function shimLabels({ node, pod, meta: { hostInterface } }: CompatInterface): LabelPairs | undefined {
  if (hostInterface === undefined || hostInterface === '') return undefined;
  return [
    ['container', pod.container?.name ?? ''],
    ['id', pod.container?.cgroup ?? ''],
    ['image', pod.container?.image ?? ''],
    ['interface', hostInterface],
    ['name', containerName(pod)],
    ['namespace', pod.namespace],
    ['node', node],
    ['pod', pod.name],
  ];
}

/** As the kubelet names a container, and the predecessor with it, which always said that it is the first restart. */
function containerName({ namespace, name, uid, container }: PodDescription): string {
  if (container === undefined || uid === undefined) return '';
  return `k8s_${container.name}_${name}_${namespace}_${uid}_1`;
}
