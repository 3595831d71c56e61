import { INTERFACE_COUNTER_FAMILIES, INTERFACE_INFO, POD_INFO } from './catalogue.js';
import { INTERFACE_LABELS, POD_LABELS, type PodLabel } from './labels.js';
import { renderLabels, renderSample } from './render.js';

/** What the families of a node are rendered from; whoever holds the figures shows them in this shape. */
export interface NodeView {
  readonly node: string;
  /** In a stable order. */
  readonly pods: Iterable<PodView>;
}

export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload?: { readonly kind: string; readonly name: string };
  readonly hostNetwork: boolean;
  readonly interfaces: Iterable<InterfaceView>;
}

export interface InterfaceView {
  readonly name: string;
  readonly network: string;
  readonly nadNamespace: string;
  readonly primary: boolean;
  readonly hostInterface?: string;
  readonly pciAddress?: string;
  readonly source: string;
  /** The newest reading in the order of INTERFACE_COUNTERS; NaN where a counter is not known. */
  readonly counters: ArrayLike<number>;
}

/**
 * Sample lines of a node, one text for each of NODE_FAMILIES and in its order, without headers. A counter that is not known has no line.
 */
export function renderNode(view: NodeView, podLabels: readonly PodLabel[] = []): string[] {
  const counters = INTERFACE_COUNTER_FAMILIES.map(() => '');
  let interfaceInfo = '';
  let podInfo = '';
  for (const pod of view.pods) {
    const ofPod = renderLabels(zip(POD_LABELS, [view.node, pod.namespace, pod.name]));
    const chosen = chosenLabels(pod, podLabels);
    podInfo += renderSample(POD_INFO.name, join(ofPod, renderLabels(podDetails(pod)), chosen), 1);
    for (const item of pod.interfaces) {
      const labels = join(ofPod, renderLabels(interfaceLabels(item)), chosen);
      for (const { name, column } of INTERFACE_COUNTER_FAMILIES) {
        const value = item.counters[column] ?? NaN;
        if (!Number.isNaN(value)) counters[column] = (counters[column] ?? '') + renderSample(name, labels, value);
      }
      interfaceInfo += renderSample(INTERFACE_INFO.name, join(labels, renderLabels(interfaceDetails(item))), 1);
    }
  }
  return [...counters, interfaceInfo, podInfo];
}

function chosenLabels(pod: PodView, podLabels: readonly PodLabel[]): string {
  const present = podLabels.filter(({ key }) => Object.hasOwn(pod.labels, key));
  return renderLabels(present.map(({ key, name }) => [name, pod.labels[key] ?? '']));
}

function interfaceLabels({ name, network, nadNamespace, primary }: InterfaceView): [string, string][] {
  return zip(INTERFACE_LABELS.slice(POD_LABELS.length), [name, network, nadNamespace, String(primary)]);
}

function podDetails(pod: PodView): [string, string][] {
  return [
    ['workload_kind', pod.workload?.kind ?? ''],
    ['workload', pod.workload?.name ?? ''],
    ['host_network', String(pod.hostNetwork)],
  ];
}

function interfaceDetails(item: InterfaceView): [string, string][] {
  return [
    ['host_interface', item.hostInterface ?? ''],
    ['pci_address', item.pciAddress ?? ''],
    ['source', item.source],
  ];
}

/** Label texts side by side, as one flat string: it goes into many lines. */
function join(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(',');
}

function zip(names: readonly string[], values: readonly string[]): [string, string][] {
  return names.map((name, i) => [name, values[i] ?? '']);
}
