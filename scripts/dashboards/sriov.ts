import type { DashboardSpec } from './dashboard.js';
import { CLUSTER, most, rate } from './expressions.js';
import { type Panel, stat, table, timeSeries } from './panels.js';
import type { Limits } from './thresholds.js';
import { clusterVariable, labelVariable } from './variables.js';
import { CPU_SECTION, MOST, OF_OWNERS, ON_PFS, RDMA_SECTION, SHOWN } from './vf-extras.js';

const BY_VF = 'cluster, node, pf, vf, namespace, pod, network';
const VF_LEGEND = '{{node}} {{pf}}/{{vf}} {{namespace}}/{{pod}} ({{network}})';
const SINCE = 'Counted by the PF, so DPDK and RoCE are in it, and credited to the pod that had the VF meanwhile.';

interface Counted {
  readonly title: string;
  readonly whats: readonly string[];
  readonly unit: string;
  readonly description: string;
}

const counted = ({ title, whats, unit, description }: Counted): Panel =>
  timeSeries({
    ...{ title, unit, description: `${description} ${MOST} ${SINCE}` },
    queries: whats.map((what) => ({
      expr: most(SHOWN, `sum by (${BY_VF}) (${rate(`podnet_vf_${what}_total`, OF_OWNERS)})`),
      legend: whats.length === 1 ? VF_LEGEND : `${VF_LEGEND} ${what.replaceAll('_', ' ')}`,
    })),
  });

const unattributed = (what: string, unit: string): Panel =>
  timeSeries({
    title: `Nobody's: ${what.replaceAll('_', ' ')}`,
    description: `What a VF counted that no pod can be credited with: while none had it, or around a hand-over. More than a trickle on a VF without an owner is worth a look. ${MOST}`,
    unit,
    queries: [
      {
        expr: most(SHOWN, `sum by (cluster, node, pf, vf) (${rate(`podnet_vf_unattributed_${what}_total`, ON_PFS)})`),
        legend: '{{node}} {{pf}}/{{vf}}',
      },
    ],
  });

interface Count {
  readonly title: string;
  readonly description: string;
  readonly expr: string;
  readonly thresholds?: Limits;
}

const count = ({ title, description, expr, thresholds }: Count): Panel =>
  stat({
    ...{ title, description, unit: 'short', absent: 'none', queries: [{ expr }] },
    ...(thresholds !== undefined && { thresholds }),
  });

export const SRIOV: DashboardSpec = {
  name: 'sriov',
  title: 'podnet / SR-IOV',
  description: 'Physical functions, virtual functions, who has them and what they count.',
  variables: [
    clusterVariable('podnet_pf_info'),
    labelVariable('node', { label: 'Node', description: 'With SR-IOV devices.', from: `podnet_pf_info{${CLUSTER}}` }),
    labelVariable('pf', {
      label: 'PF',
      description: 'Physical function, by the name of its interface.',
      from: `podnet_pf_info{${CLUSTER}, node=~"$node"}`,
    }),
    labelVariable('namespace', {
      label: 'Namespace',
      description: 'Of the pods that have VFs.',
      from: `podnet_vf_info{${ON_PFS}}`,
    }),
    labelVariable('pod', {
      label: 'Pod',
      description: 'That has VFs.',
      from: `podnet_vf_info{${ON_PFS}, namespace=~"$namespace"}`,
    }),
  ],
  sections: [
    {
      title: 'Functions',
      panels: [
        count({
          title: 'PFs',
          description: 'Physical functions of the chosen nodes.',
          expr: `count by (cluster) (podnet_pf_info{${ON_PFS}})`,
        }),
        count({
          title: 'VFs',
          description: 'Virtual functions that the chosen PFs have now.',
          expr: `sum by (cluster) (podnet_pf_virtual_functions{${ON_PFS}})`,
        }),
        count({
          title: 'VFs with an owner',
          description: 'VFs that a pod has.',
          expr: `count by (cluster) (podnet_vf_info{${OF_OWNERS}, pod!=""})`,
        }),
        count({
          title: 'VFs without an owner',
          description: 'Free VFs, and those that two living pods are said to have.',
          expr: `count by (cluster) (podnet_vf_info{${ON_PFS}, pod=""})`,
        }),
        count({
          title: 'PFs whose VFs are not counted',
          description: 'PFs that have no source of counters: the table says why. none is the good case.',
          expr: `count by (cluster) (podnet_pf_info{${ON_PFS}, reason!=""})`,
          thresholds: [1, 1],
        }),
        count({
          title: 'Pods across NUMA nodes',
          description: 'Pods whose exclusive CPUs and VFs are not all on one NUMA node. none is the good case.',
          expr: `count by (cluster) (podnet_pod_numa_aligned{${CLUSTER}, node=~"$node", namespace=~"$namespace", pod=~"$pod"} == 0)`,
          thresholds: [1, 1],
        }),
        table({
          title: 'Physical functions',
          description: 'Each PF, where the counters of its VFs come from, or the reason why they have none.',
          queries: [
            {
              expr: `podnet_pf_info{${ON_PFS}} * on (cluster, node, pf, pci_address) group_left podnet_pf_virtual_functions{${ON_PFS}}`,
            },
          ],
          columns: {
            node: { name: 'Node' },
            pf: { name: 'PF' },
            pci_address: { name: 'PCI address' },
            numa_node: { name: 'NUMA' },
            driver: { name: 'Driver' },
            link_layer: { name: 'Link layer' },
            counter_source: { name: 'Counters from' },
            reason: { name: 'Not counted because' },
            Value: { name: 'VFs', unit: 'short' },
          },
          sortBy: { column: 'Node', descending: false },
        }),
        table({
          title: 'Virtual functions and their owners',
          description:
            'Each VF: the pod that has it, who says so, and how its PF has it set up. A VF without an owner has an empty pod.',
          queries: [{ expr: `podnet_vf_info{${OF_OWNERS}}` }],
          height: 12,
          columns: {
            node: { name: 'Node' },
            pf: { name: 'PF' },
            vf: { name: 'VF' },
            pci_address: { name: 'PCI address' },
            driver: { name: 'Driver' },
            namespace: { name: 'Namespace' },
            pod: { name: 'Pod' },
            container: { name: 'Container' },
            interface: { name: 'Interface' },
            network: { name: 'Network' },
            resource: { name: 'Resource' },
            owner_source: { name: 'Owner said by' },
            mac: { name: 'MAC' },
            vlan: { name: 'VLAN' },
            link_state: { name: 'Link state' },
            spoof_check: { name: 'Spoof check' },
            trust: { name: 'Trust' },
            max_transmit_rate_mbps: { name: 'Rate limit (Mb/s)' },
          },
        }),
      ],
    },
    {
      title: 'Traffic',
      panels: [
        counted({
          title: 'Receive by VF',
          whats: ['receive_bytes'],
          unit: 'Bps',
          description: 'Bytes per second that each VF receives.',
        }),
        counted({
          title: 'Transmit by VF',
          whats: ['transmit_bytes'],
          unit: 'Bps',
          description: 'Bytes per second that each VF transmits.',
        }),
        counted({
          title: 'Packets received by VF',
          whats: ['receive_packets'],
          unit: 'pps',
          description: 'Packets per second that each VF receives.',
        }),
        counted({
          title: 'Packets transmitted by VF',
          whats: ['transmit_packets'],
          unit: 'pps',
          description: 'Packets per second that each VF transmits.',
        }),
        counted({
          title: 'Broadcast and multicast received',
          whats: ['receive_broadcast_packets', 'receive_multicast_packets'],
          unit: 'pps',
          description: 'Packets per second to everybody, or to groups.',
        }),
        counted({
          title: 'Broadcast and multicast transmitted',
          whats: ['transmit_broadcast_packets', 'transmit_multicast_packets'],
          unit: 'pps',
          description: 'Packets per second to everybody, or to groups.',
        }),
      ],
    },
    {
      title: 'Errors, drops and spoofing',
      panels: [
        counted({
          title: 'Drops by VF',
          whats: ['receive_packets_dropped', 'transmit_packets_dropped'],
          unit: 'pps',
          description: 'Packets per second that were dropped. Absent where the driver does not count them.',
        }),
        counted({
          title: 'Errors by VF',
          whats: ['receive_errors', 'transmit_errors'],
          unit: 'pps',
          description: 'Packets per second that failed for an error. Absent where the driver does not count them.',
        }),
        counted({
          title: 'Spoofed packets',
          whats: ['transmit_spoofed_packets'],
          unit: 'pps',
          description:
            'Packets per second that a VF was not let transmit for their source address or VLAN. Anything above 0 is a misconfiguration or worse.',
        }),
        unattributed('receive_bytes', 'Bps'),
        unattributed('transmit_bytes', 'Bps'),
        unattributed('receive_packets_dropped', 'pps'),
      ],
    },
    RDMA_SECTION,
    CPU_SECTION,
  ],
};
