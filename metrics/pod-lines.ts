import { INTERFACE_COUNTERS, TRANSPORT_COUNTERS } from '../openapi/report-terms.js';
import {
  INTERFACE_COUNTER_FAMILIES,
  INTERFACE_INFO,
  INTERFACE_STACKED_INFO,
  POD_INFO,
  RECEIVE_UNRELIABLE,
  blockOf,
} from './catalogue.js';
import { EXCLUSIVE_CPU_BLOCKS, addExclusiveCpus, adderTo } from './device-lines.js';
import { INTERFACE_LABELS, POD_LABELS, chosenLabels, type PodLabel } from './labels.js';
import type { InterfaceDescription, NodeView, PodDescription, PodView } from './node-families.js';
import { joinLabels, labelPairs, renderLabels, renderSample, type SampleLines } from './render.js';
import { isStacked, networksBelow } from './stacking.js';
import { TRANSPORT_FAMILIES } from './transport-families.js';

/** What was printed of the pods of a node. */
export interface PrintedPods {
  readonly pods: readonly PodTexts[];
  /** Of the interfaces of one pod after the other; the same object while the pods are the same. */
  readonly labels: readonly string[];
  /** Of each counter those of all interfaces, and then pod after pod its transport counters, if any; NaN where there was no line. */
  readonly values: Float64Array;
}

/** Which counters have other values than before. */
interface Changes {
  readonly ofInterfaces: Uint8Array;
  readonly ofTransport: Uint8Array;
}

/** Labels of the lines of a pod, as they are printed. */
interface PodTexts {
  readonly meta: PodDescription;
  readonly ofPod: string;
  readonly chosen: string;
  readonly hasTransport: boolean;
  readonly interfaces: readonly { readonly meta: InterfaceDescription; readonly labels: string }[];
}

const BLOCKS = {
  receiveUnreliable: blockOf(RECEIVE_UNRELIABLE),
  interfaceInfo: blockOf(INTERFACE_INFO),
  interfaceStackedInfo: blockOf(INTERFACE_STACKED_INFO),
  podInfo: blockOf(POD_INFO),
};
/** What is printed in them is in the descriptions alone. */
const DESCRIBED_BLOCKS = [...Object.values(BLOCKS), ...EXCLUSIVE_CPU_BLOCKS];
const STACKED_LABELS = INTERFACE_STACKED_INFO.labels.slice(POD_LABELS.length);
const INTERFACE_LINES = INTERFACE_COUNTER_FAMILIES.map((family) => ({
  block: blockOf(family),
  name: family.name,
  column: family.column,
}));
const TRANSPORT_LINES = TRANSPORT_FAMILIES.map((family) => ({
  block: blockOf(family),
  name: family.name,
  series: family.series.map(({ column, labels }) => ({ column, labels: renderLabels(labels) })),
}));

/**
 * The lines of pods and their interfaces.
 * @param blocks get the texts; undefined where one is what it was before
 * @param before its values are overwritten where the pods are the same: it is of no use afterwards
 */
export function addPods(
  view: NodeView,
  podLabels: readonly PodLabel[],
  blocks: (string | SampleLines | undefined)[],
  before: PrintedPods | undefined,
): PrintedPods {
  const pods = textsOf(view, podLabels, before);
  const same = before !== undefined && isSame(pods, before.pods) ? before : undefined;
  const labels = same?.labels ?? pods.flatMap(({ interfaces }) => interfaces.map((one) => one.labels));
  const values = same?.values ?? new Float64Array(numbersOf(pods, labels));
  const { ofInterfaces, ofTransport } = takeValues(view, values, labels.length);
  for (const { block, name, column } of INTERFACE_LINES) {
    const isChanged = same === undefined || ofInterfaces[column] === 1;
    const ofColumn = values.subarray(column * labels.length, (column + 1) * labels.length);
    blocks[block] = isChanged ? { name, labels, labelsBefore: before?.labels, values: ofColumn } : undefined;
  }
  for (const { block, name, series } of TRANSPORT_LINES) {
    const isChanged = same === undefined || series.some(({ column }) => ofTransport[column] === 1);
    blocks[block] = isChanged ? transportLines(name, series, pods, { labels, values }) : undefined;
  }
  if (same === undefined) addDescriptions(pods, blocks);
  else for (const block of DESCRIBED_BLOCKS) blocks[block] = undefined;
  return same ?? { pods, labels, values };
}

/** The same objects as before where they are to say the same. */
function textsOf({ node, pods }: NodeView, podLabels: readonly PodLabel[], before?: PrintedPods): PodTexts[] {
  const texts: PodTexts[] = [];
  let byMeta: Map<PodDescription, PodTexts> | undefined;
  for (const pod of pods) {
    let held = before?.pods[texts.length];
    if (held !== undefined && held.meta !== pod.meta) {
      byMeta ??= new Map(before?.pods.map((one) => [one.meta, one]));
      held = byMeta.get(pod.meta);
    }
    texts.push(held !== undefined && isAbout(held, pod) ? held : podTexts(node, pod, podLabels));
  }
  return texts;
}

function isSame(pods: readonly PodTexts[], before: readonly PodTexts[]): boolean {
  return pods.length === before.length && pods.every((pod, i) => pod === before[i]);
}

function isAbout({ meta, hasTransport, interfaces }: PodTexts, pod: PodView): boolean {
  if (meta !== pod.meta || hasTransport !== (pod.transport !== undefined)) return false;
  let i = 0;
  for (const one of pod.interfaces) if (interfaces[i++]?.meta !== one.meta) return false;
  return i === interfaces.length;
}

function podTexts(node: string, { meta, interfaces, transport }: PodView, podLabels: readonly PodLabel[]): PodTexts {
  const ofPod = renderLabels(labelPairs(POD_LABELS, [node, meta.namespace, meta.name]));
  const chosen = renderLabels(chosenLabels(meta.labels, podLabels));
  const texts = Array.from(interfaces, (one) => ({
    meta: one.meta,
    labels: joinLabels(ofPod, renderLabels(interfaceLabels(one.meta)), chosen),
  }));
  return { meta, ofPod, chosen, hasTransport: transport !== undefined, interfaces: texts };
}

function numbersOf(pods: readonly PodTexts[], labels: readonly string[]): number {
  const ofTransport = pods.reduce((sum, { hasTransport }) => sum + (hasTransport ? TRANSPORT_COUNTERS.length : 0), 0);
  return labels.length * INTERFACE_COUNTERS.length + ofTransport;
}

/** @param values those of before, which they take the place of */
function takeValues({ pods }: NodeView, values: Float64Array, interfaceCount: number): Changes {
  const ofInterfaces = new Uint8Array(INTERFACE_COUNTERS.length);
  const ofTransport = new Uint8Array(TRANSPORT_COUNTERS.length);
  let row = 0;
  let rest = interfaceCount * INTERFACE_COUNTERS.length;
  for (const { transport, interfaces } of pods) {
    for (const { counters } of interfaces) {
      takeEach(counters, values, { from: row++, step: interfaceCount, changed: ofInterfaces });
    }
    if (transport === undefined) continue;
    takeEach(transport, values, { from: rest, step: 1, changed: ofTransport });
    rest += TRANSPORT_COUNTERS.length;
  }
  return { ofInterfaces, ofTransport };
}

function takeEach(
  counters: ArrayLike<number>,
  values: Float64Array,
  { from, step, changed }: { readonly from: number; readonly step: number; readonly changed: Uint8Array },
): void {
  for (let column = 0, at = from; column < changed.length; column++, at += step) {
    const value = counters[column] ?? NaN;
    if (Object.is(values[at], value)) continue;
    values[at] = value;
    changed[column] = 1;
  }
}

function transportLines(
  name: string,
  series: readonly { readonly column: number; readonly labels: string }[],
  pods: readonly PodTexts[],
  { labels: ofInterfaces, values }: Pick<PrintedPods, 'labels' | 'values'>,
): string {
  let text = '';
  let start = ofInterfaces.length * INTERFACE_COUNTERS.length;
  for (const pod of pods) {
    if (!pod.hasTransport) continue;
    for (const { column, labels } of series) {
      const value = values[start + column] ?? NaN;
      if (!Number.isNaN(value)) text += renderSample(name, joinLabels(pod.ofPod, labels, pod.chosen), value);
    }
    start += TRANSPORT_COUNTERS.length;
  }
  return text;
}

function addDescriptions(pods: readonly PodTexts[], blocks: (string | SampleLines | undefined)[]): void {
  const add = adderTo(blocks);
  for (const texts of pods) {
    const { meta: pod, ofPod, chosen, interfaces } = texts;
    add(BLOCKS.podInfo, renderSample(POD_INFO.name, joinLabels(ofPod, renderLabels(podDetails(pod)), chosen), 1));
    addExclusiveCpus(pod, { ofPod, chosen, add });
    if (interfaces.some(({ meta }) => isStacked(meta))) add(BLOCKS.interfaceStackedInfo, stackedLines(texts));
    for (const { meta, labels } of interfaces) {
      const details = renderLabels(interfaceDetails(meta));
      add(BLOCKS.interfaceInfo, renderSample(INTERFACE_INFO.name, joinLabels(labels, details), 1));
      if (meta.receiveUnreliable === true) {
        add(BLOCKS.receiveUnreliable, renderSample(RECEIVE_UNRELIABLE.name, labels, 1));
      }
    }
  }
}

function stackedLines({ ofPod, chosen, interfaces }: PodTexts): string {
  const byName = new Map(interfaces.map(({ meta }) => [meta.name, meta]));
  let text = '';
  for (const { meta } of interfaces) {
    for (const { network, nadNamespace } of networksBelow(meta, (name) => byName.get(name))) {
      const details = labelPairs(STACKED_LABELS, [meta.name, network, nadNamespace]);
      text += renderSample(INTERFACE_STACKED_INFO.name, joinLabels(ofPod, renderLabels(details), chosen), 1);
    }
  }
  return text;
}

function interfaceLabels({ name, network, nadNamespace, primary }: InterfaceDescription): [string, string][] {
  return labelPairs(INTERFACE_LABELS.slice(POD_LABELS.length), [name, network, nadNamespace, String(primary)]);
}

function podDetails(pod: PodDescription): [string, string][] {
  return [
    ['workload_kind', pod.workload?.kind ?? ''],
    ['workload', pod.workload?.name ?? ''],
    // the machine's own namespace is that network
    ['host_network', String(pod.hostNetwork || pod.machine === true)],
  ];
}

function interfaceDetails(item: InterfaceDescription): [string, string][] {
  return [
    ['host_interface', item.hostInterface ?? ''],
    ['pci_address', item.pciAddress ?? ''],
    ['source', item.source],
  ];
}
