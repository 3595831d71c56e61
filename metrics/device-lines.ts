import type { DeviceOwner, PhysicalFunctionReport, VirtualFunctionReport } from '../openapi/device-report.js';
import { blockOf, type MetricFamily } from './catalogue.js';
import {
  OWNER_LABELS,
  PF_INFO,
  PF_LABELS,
  PF_VIRTUAL_FUNCTIONS,
  POD_CPU_INFO,
  POD_NUMA_ALIGNED,
  VF_COUNTER_FAMILIES,
  VF_INFO,
  VF_LABELS,
  VF_RDMA_FAMILIES,
  VF_UNATTRIBUTED_FAMILIES,
} from './device-families.js';
import { NODE_LABEL, chosenLabels, type PodLabel } from './labels.js';
import type { NodeView, PodDescription } from './node-families.js';
import { joinLabels, labelPairs, renderLabels, renderSample, textOf, type SampleLines } from './render.js';

/** Adds a line to the text of a family, by its place in NODE_FAMILIES. */
export type AddLine = (block: number, line: string) => void;

export function adderTo(blocks: (string | SampleLines | undefined)[]): AddLine {
  return (block, line) => {
    blocks[block] = textOf(blocks[block] ?? '') + line;
  };
}

const BLOCKS = {
  vfInfo: blockOf(VF_INFO),
  pfInfo: blockOf(PF_INFO),
  virtualFunctions: blockOf(PF_VIRTUAL_FUNCTIONS),
  cpuInfo: blockOf(POD_CPU_INFO),
  numaAligned: blockOf(POD_NUMA_ALIGNED),
};
/** Those of addExclusiveCpus(). */
export const EXCLUSIVE_CPU_BLOCKS: readonly number[] = [BLOCKS.cpuInfo, BLOCKS.numaAligned];
const placed = <T extends MetricFamily>(families: readonly T[]) =>
  families.map((family) => ({ ...family, block: blockOf(family) }));
const COUNTED = placed(VF_COUNTER_FAMILIES);
const UNATTRIBUTED = placed(VF_UNATTRIBUTED_FAMILIES);
const RDMA = placed(VF_RDMA_FAMILIES);

/** Lines of the physical and virtual functions of a node. */
export function addDevices({ node, pods, devices }: NodeView, podLabels: readonly PodLabel[], add: AddLine): void {
  if (devices === undefined) return;
  for (const pf of distinct(devices.physicalFunctions)) addPhysicalFunction(node, pf, add);
  const chosenOf = chosenByOwner(pods, podLabels);
  for (const vf of distinct(devices.virtualFunctions)) {
    addVirtualFunction({ node, vf, chosen: vf.owner === undefined ? '' : chosenOf(vf.owner), add });
  }
}

/**
 * Lines of the CPUs that a pod has to itself.
 * @param ofPod its labels, and those that were chosen
 */
export function addExclusiveCpus(
  { exclusiveCpus = [], numaAligned }: PodDescription,
  { ofPod, chosen, add }: { readonly ofPod: string; readonly chosen: string; readonly add: AddLine },
): void {
  const seen = new Set<string>();
  for (const { container, cpu, numaNode } of exclusiveCpus) {
    const labels = renderLabels([
      ['container', container],
      ['cpu', String(cpu)],
      ['numa_node', known(numaNode)],
    ]);
    if (seen.has(labels)) continue;
    seen.add(labels);
    add(BLOCKS.cpuInfo, renderSample(POD_CPU_INFO.name, joinLabels(ofPod, labels, chosen), 1));
  }
  if (numaAligned !== undefined) {
    add(BLOCKS.numaAligned, renderSample(POD_NUMA_ALIGNED.name, joinLabels(ofPod, chosen), numaAligned ? 1 : 0));
  }
}

function addPhysicalFunction(node: string, pf: PhysicalFunctionReport, add: AddLine): void {
  const { name, pciAddress, numaNode, driver, linkLayer, counterSource, counterAbsence, virtualFunctions } = pf;
  const labels = renderLabels([[NODE_LABEL, node], ...labelPairs(PF_LABELS, [name, pciAddress, known(numaNode)])]);
  const details = renderLabels([
    ['driver', driver ?? ''],
    ['link_layer', linkLayer],
    ['counter_source', counterSource ?? ''],
    ['reason', counterAbsence ?? ''],
  ]);
  add(BLOCKS.pfInfo, renderSample(PF_INFO.name, joinLabels(labels, details), 1));
  add(BLOCKS.virtualFunctions, renderSample(PF_VIRTUAL_FUNCTIONS.name, labels, virtualFunctions));
}

interface VfLines {
  readonly node: string;
  readonly vf: VirtualFunctionReport;
  /** Labels of --pod-labels that the pod that has it has. */
  readonly chosen: string;
  readonly add: AddLine;
}

function addVirtualFunction({ node, vf, chosen, add }: VfLines): void {
  const { owner, counted = {}, unattributed = {} } = vf;
  const ofVf = renderLabels(labelPairs(VF_LABELS, [vf.pf, String(vf.vf), vf.pciAddress, known(vf.numaNode)]));
  const ofOwner = renderLabels(labelPairs(OWNER_LABELS, [node, ...ownerValues(owner)]));
  add(BLOCKS.vfInfo, renderSample(VF_INFO.name, joinLabels(ofOwner, ofVf, renderLabels(settings(vf)), chosen), 1));
  if (!vf.isCurrent) return;
  const plain = joinLabels(renderLabels([[NODE_LABEL, node]]), ofVf);
  for (const { block, name, counter } of UNATTRIBUTED) {
    const value = unattributed[counter];
    if (value !== undefined) add(block, renderSample(name, plain, value));
  }
  if (owner === undefined) return;
  const labels = joinLabels(ofOwner, ofVf, chosen);
  for (const { block, name, counter } of COUNTED) {
    const value = counted[counter];
    if (value !== undefined) add(block, renderSample(name, labels, value));
  }
  addRdma(counted, { ofDevice: joinLabels(ofOwner, ofVf), chosen, add });
}

interface RdmaLines {
  readonly ofDevice: string;
  readonly chosen: string;
  readonly add: AddLine;
}

function addRdma(counted: Readonly<Record<string, number>>, { ofDevice, chosen, add }: RdmaLines): void {
  for (const [key, value] of Object.entries(counted)) {
    const [, device = '', port = '', kind = '', file = ''] = RDMA_KEY.exec(key) ?? [];
    const family = RDMA.find((one) => one.kind === kind && (one.file ?? file) === file);
    if (family === undefined) continue;
    const ofPort = renderLabels([
      ['rdma_device', device],
      ['port', port],
      ...(family.file === undefined ? [['counter', file] as const] : []),
    ]);
    add(family.block, renderSample(family.name, joinLabels(ofDevice, ofPort, chosen), value * family.factor));
  }
}

/** Of report-terms: `rdma/<device>/<port>/<hw or port>/<file>`. */
const RDMA_KEY = /^rdma\/([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/;

function ownerValues(owner: DeviceOwner | undefined): string[] {
  if (owner === undefined) return [];
  const { namespace, pod, interface: name = '', network, nadNamespace, container = '', resource = '' } = owner;
  return [namespace, pod, name, network, nadNamespace, container, resource];
}

function settings(vf: VirtualFunctionReport): [string, string][] {
  return [
    ['driver', known(vf.driver)],
    ['mac', known(vf.mac)],
    ['vlan', known(vf.vlan)],
    ['link_state', known(vf.linkState)],
    ['spoof_check', known(vf.spoofCheck)],
    ['trust', known(vf.trust)],
    ['min_transmit_rate_mbps', known(vf.minTransmitRateMbps)],
    ['max_transmit_rate_mbps', known(vf.maxTransmitRateMbps)],
    ['owner_source', known(vf.owner?.source)],
  ];
}

/** Empty where nobody knows. */
function known(value: string | number | boolean | undefined): string {
  return value === undefined ? '' : String(value);
}

/** Every device once, whatever a report says: a series that is there twice costs a whole scrape. */
export function* distinct<T extends { readonly pciAddress: string }>(devices: Iterable<T>): Generator<T> {
  const seen = new Set<string>();
  for (const device of devices) {
    if (seen.has(device.pciAddress)) continue;
    seen.add(device.pciAddress);
    yield device;
  }
}

/** The labels of --pod-labels that the pods of owners have; none of a pod that is not there. */
function chosenByOwner(pods: NodeView['pods'], podLabels: readonly PodLabel[]): (owner: DeviceOwner) => string {
  if (podLabels.length === 0) return () => '';
  const byName = new Map([...pods].map(({ meta }) => [`${meta.namespace}/${meta.name}`, meta]));
  return ({ podUid, namespace, pod }) => {
    const found = byName.get(`${namespace}/${pod}`);
    const isOther = podUid !== undefined && found?.uid !== undefined && found.uid !== podUid;
    return found === undefined || isOther ? '' : renderLabels(chosenLabels(found.labels, podLabels));
  };
}
