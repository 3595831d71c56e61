import type { InterfaceDescription } from '../node-families.js';
import { recordedFamilies } from './container-network.js';
import type { CompatInterface, CompatInterfaceSet, LabelPairs } from './predecessor.js';

// Labels in the order in which the predecessors print them: by name.
const INFO_LABELS = ['interface', 'namespace', 'network_name', 'pod'];
const RECORDED_LABELS = ['interface', 'namespace', 'network_name', 'node', 'pod'];
const EARLY_LABELS = ['interface', 'namespace', 'networkname', 'node', 'pod'];

/**
 * openshift/network-metrics-daemon: one series for each interface of a pod, so that a join on namespace, pod and interface finds
 * exactly one and loses none. The node is no label of the info: theirs has none, and a pod's name is one pod in the whole cluster.
 */
export const NETWORK_METRICS_DAEMON: readonly CompatInterfaceSet[] = [
  {
    families: [
      {
        name: 'pod_network_name_info',
        type: 'gauge',
        help: 'Metric to identify network names of networks added to pods.',
        labels: INFO_LABELS,
        stability: 'alpha',
      },
    ],
    labelsOf: ({ pod, meta }) => [
      ['interface', meta.name],
      ['namespace', pod.namespace],
      ['network_name', networkName(meta)],
      ['pod', pod.name],
    ],
  },
  {
    families: recordedFamilies({
      rename: (name) => `network:${name}`,
      labels: RECORDED_LABELS,
      by: 'the rules of network-metrics-daemon',
    }),
    labelsOf: recordedLabels('network_name'),
  },
  {
    // Until March 2020 the rules had these names and this label (openshift/network-metrics-daemon#9).
    families: recordedFamilies({
      rename: (name) => `${name}_intf`,
      labels: EARLY_LABELS,
      by: 'the first rules of network-metrics-daemon',
    }),
    labelsOf: recordedLabels('networkname'),
  },
];

function recordedLabels(networkLabel: string): (item: CompatInterface) => LabelPairs {
  return ({ node, pod, meta }) => [
    ['interface', meta.name],
    ['namespace', pod.namespace],
    [networkLabel, networkName(meta)],
    ['node', node],
    ['pod', pod.name],
  ];
}

/** As the annotation has it: `<namespace>/<name>` of a NetworkAttachmentDefinition, the bare name of a CNI's own network. */
function networkName({ network, nadNamespace }: InterfaceDescription): string {
  return nadNamespace === '' ? network : `${nadNamespace}/${network}`;
}
