import type { NodeCpus, VirtualFunctionReport } from '../../openapi/device-report.js';
import type { VfCounter } from '../../openapi/report-terms.js';
import type { MetricFamily } from '../catalogue.js';
import { distinct } from '../device-lines.js';
import type { NodeView } from '../node-families.js';
import { labelPairs, renderLabels, renderSample } from '../render.js';
import type { CompatViewSet, LabelPairs } from './predecessor.js';

/** What its readers call the counters: netlink.VfInfo, and the files of `device/sriov/<vf>/stats` that drivers have. */
const STATS: Readonly<Record<VfCounter, string>> = {
  receiveBytes: 'rx_bytes',
  receivePackets: 'rx_packets',
  receiveErrors: 'rx_errors',
  receivePacketsDropped: 'rx_dropped',
  transmitBytes: 'tx_bytes',
  transmitPackets: 'tx_packets',
  transmitErrors: 'tx_errors',
  transmitPacketsDropped: 'tx_dropped',
  receiveBroadcastPackets: 'rx_broadcast',
  receiveMulticastPackets: 'rx_multicast',
  transmitBroadcastPackets: 'tx_broadcast',
  transmitMulticastPackets: 'tx_multicast',
  transmitSpoofedPackets: 'tx_spoofed',
};
/** Those that the rules of the SR-IOV network operator record. */
const RECORDED = /^([rt]x_(bytes|packets|dropped)|rx_(broadcast|multicast))$/;

// Labels in the order in which the predecessor prints them: by name.
const VF_LABELS = ['node', 'numa_node', 'pciAddr', 'pf', 'vf'];
const RECORDED_LABELS = ['dev_type', 'namespace', 'node', 'numa_node', 'pciAddr', 'pf', 'pod', 'vf'];
const DEVICE_LABELS = ['container', 'dev_type', 'namespace', 'node', 'pciAddr', 'pod'];
const POD_CPU_LABELS = ['container_id', 'cpu_id', 'node', 'numa_node', 'uid'];
const CPU_LABELS = ['cpu', 'node', 'numa_node'];

type Series = readonly [labels: LabelPairs, value: number | string];

/** A family, and its series on a node. */
interface ViewFamily {
  readonly family: MetricFamily;
  readonly seriesOf: (view: NodeView) => Iterable<Series>;
}

function statFamily(counter: VfCounter, stat: string): ViewFamily {
  return {
    family: {
      ...{ name: `sriov_vf_${stat}`, labels: VF_LABELS, stability: 'alpha' },
      // In OpenMetrics the name of a counter ends in _total, and no other name can be one.
      type: 'unknown',
      help: `${stat} of each VF as its driver counts, whoever has it: a counter.`,
    },
    *seriesOf({ node, devices }) {
      for (const vf of distinct(devices?.virtualFunctions ?? [])) {
        const value = currentValue(vf, counter);
        if (value !== undefined) yield [vfLabels(node, vf), value];
      }
    },
  };
}

function recordedFamily(counter: VfCounter, stat: string): ViewFamily {
  return {
    family: {
      ...{ name: `network:sriov_vf_${stat}`, type: 'unknown', labels: RECORDED_LABELS, stability: 'alpha' },
      help: `${stat} of each VF that a container has, as the rules of the SR-IOV network operator recorded it: a counter of the VF, not of the pod.`,
    },
    *seriesOf({ node, devices }) {
      for (const vf of distinct(devices?.virtualFunctions ?? [])) {
        const value = currentValue(vf, counter);
        const owner = allocated(vf);
        if (value === undefined || owner === undefined) continue;
        const { resource, namespace, pod } = owner;
        const values = [resource, namespace, node, numa(vf.numaNode), vf.pciAddress, vf.pf, pod, String(vf.vf)];
        yield [labelPairs(RECORDED_LABELS, values), value];
      }
    },
  };
}

function deviceFamily(name: string): ViewFamily {
  return {
    family: {
      ...{ name, type: 'gauge', labels: DEVICE_LABELS, stability: 'alpha' },
      help: 'Each VF that the kubelet gave to a container, by its resource (dev_type). Always 1.',
    },
    *seriesOf({ node, devices }) {
      for (const vf of distinct(devices?.virtualFunctions ?? [])) {
        const owner = allocated(vf);
        if (owner === undefined) continue;
        const { container, resource, namespace, pod } = owner;
        const values = [container, resource, namespace, node, vf.pciAddress, pod];
        yield [labelPairs(DEVICE_LABELS, values), 1];
      }
    },
  };
}

function podCpuFamily(name: string): ViewFamily {
  return {
    family: {
      ...{ name, type: 'gauge', labels: POD_CPU_LABELS, stability: 'alpha' },
      help: 'Each CPU that a container has to itself. Always 1.',
    },
    *seriesOf({ node, pods, devices }) {
      const seriesOf = (uid: string, cpu: PodCpu): Series => {
        const values = [cpu.containerId ?? '', String(cpu.cpu), node, numa(cpu.numaNode), uid];
        return [labelPairs(POD_CPU_LABELS, values), 1];
      };
      for (const { meta } of pods) {
        if (meta.uid === undefined) continue; // with an empty uid it would be of no pod
        for (const cpu of meta.exclusiveCpus ?? []) yield seriesOf(meta.uid, cpu);
      }
      for (const cpu of devices?.unlistedCpus ?? []) yield seriesOf(cpu.uid, cpu);
    },
  };
}

interface PodCpu {
  readonly containerId?: string;
  readonly cpu: number;
  readonly numaNode?: number;
}

const CPU_INFO: ViewFamily = {
  family: {
    ...{ name: 'sriov_cpu_info', type: 'gauge', labels: CPU_LABELS, stability: 'alpha' },
    help: 'Each CPU of the node, by the NUMA node it is on. Always 1.',
  },
  *seriesOf({ node, devices }) {
    for (const [cpu, numaNode] of cpusOf(devices?.cpus ?? [])) {
      yield [labelPairs(CPU_LABELS, [`cpu${cpu}`, node, String(numaNode)]), 1];
    }
  },
};

const COUNTERS = Object.entries(STATS) as [VfCounter, string][];
const FAMILIES: readonly ViewFamily[] = [
  ...COUNTERS.map(([counter, stat]) => statFamily(counter, stat)),
  deviceFamily('sriov_kubepoddevice'),
  podCpuFamily('sriov_kubepodcpu'),
  CPU_INFO,
  ...COUNTERS.filter(([, stat]) => RECORDED.test(stat)).map(([counter, stat]) => recordedFamily(counter, stat)),
  // What its README calls them.
  deviceFamily('kubepoddevice'),
  podCpuFamily('kubepodcpu'),
];

/**
 * k8snetworkplumbingwg/sriov-network-metrics-exporter: what each VF counted since its driver made it, and who has it. Every series has the
 * node: two of them have VFs of the same PCI address as a rule.
 */
export const SRIOV_NETWORK_METRICS_EXPORTER: readonly CompatViewSet[] = [
  {
    families: FAMILIES.map(({ family }) => family),
    linesOf: (view) => FAMILIES.map(({ family, seriesOf }) => linesOf(family.name, seriesOf(view))),
  },
];

/** Each series once, whatever a report says: one that is there twice costs a whole scrape. */
function linesOf(name: string, series: Iterable<Series>): string {
  const seen = new Set<string>();
  let lines = '';
  for (const [labels, value] of series) {
    const text = renderLabels(labels);
    if (seen.has(text)) continue;
    seen.add(text);
    lines += renderSample(name, text, value);
  }
  return lines;
}

/** Exact, in decimal digits; undefined where it is not known. */
function currentValue({ isCurrent, raw = {} }: VirtualFunctionReport, counter: VfCounter): string | undefined {
  return isCurrent ? raw[counter] : undefined;
}

/** The owner of a VF that the kubelet gave to a container; the predecessor knows no other. */
function allocated({ owner }: VirtualFunctionReport) {
  if (owner?.container === undefined || owner.resource === undefined) return undefined;
  const { namespace, pod, container, resource } = owner;
  return { namespace, pod, container, resource };
}

function vfLabels(node: string, { numaNode, pciAddress, pf, vf }: VirtualFunctionReport): LabelPairs {
  return labelPairs(VF_LABELS, [node, numa(numaNode), pciAddress, pf, String(vf)]);
}

/** Numbers of CPUs are below it, as those of a report are; of all NUMA nodes together no more are looked at. */
const MAX_CPUS = 65_536;

/** Each CPU with its NUMA node. What is no list of the kernel's (`0-3,8-11`) has none. */
function* cpusOf(numaNodes: Iterable<NodeCpus>): Generator<readonly [cpu: number, numaNode: number]> {
  const seen = new Set<number>();
  let left = MAX_CPUS;
  for (const { numaNode, cpus } of numaNodes) {
    for (const range of cpus.split(',')) {
      const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
      if (first === '') continue;
      for (let cpu = Number(first); cpu <= Number(last) && cpu < MAX_CPUS && left > 0; cpu++, left--) {
        if (!seen.has(cpu)) yield [cpu, numaNode];
        seen.add(cpu);
      }
    }
  }
}

function numa(numaNode: number | undefined): string {
  return numaNode === undefined ? '' : String(numaNode);
}
