// What VFs have beside their packets: RDMA, and the CPUs of their pods.
import type { Section } from './dashboard.js';
import { CLUSTER, most, rate } from './expressions.js';
import { type Panel, table, timeSeries } from './panels.js';

export const ON_PFS = `${CLUSTER}, node=~"$node", pf=~"$pf"`;
export const OF_OWNERS = `${ON_PFS}, namespace=~"$namespace", pod=~"$pod"`;
export const SHOWN = 20;
export const MOST = `The ${SHOWN} highest.`;

const RDMA_BY = 'cluster, node, namespace, pod, rdma_device, port';
const RDMA_LEGEND = '{{node}} {{namespace}}/{{pod}} {{rdma_device}}:{{port}}';
interface Rdma {
  readonly title: string;
  readonly whats: readonly string[];
  readonly unit: string;
  readonly by?: string;
  readonly legend?: string;
}

const rdma = ({ title, whats, unit, by = RDMA_BY, legend = RDMA_LEGEND }: Rdma): Panel =>
  timeSeries({
    ...{ title, unit },
    description: `Of the RDMA devices of VFs that are in the network namespace of their node, since the pod got the VF. ${MOST}`,
    queries: whats.map((what) => ({
      expr: most(SHOWN, `sum by (${by}) (${rate(`podnet_vf_rdma_${what}_total`, OF_OWNERS)})`),
      legend: whats.length === 1 ? legend : `${legend} ${what.replaceAll('_', ' ')}`,
    })),
  });

export const RDMA_SECTION: Section = {
  title: 'RDMA',
  panels: [
    rdma({ title: 'RDMA bytes', whats: ['receive_bytes', 'transmit_bytes'], unit: 'Bps' }),
    rdma({ title: 'RDMA packets', whats: ['receive_packets', 'transmit_packets'], unit: 'pps' }),
    rdma({ title: 'RDMA errors and drops', whats: ['receive_errors', 'transmit_packets_dropped'], unit: 'pps' }),
    rdma({
      title: 'RDMA counters of the hardware',
      whats: ['hw_counters', 'port_counters'],
      unit: 'cps',
      by: `${RDMA_BY}, counter`,
      legend: `${RDMA_LEGEND} {{counter}}`,
    }),
  ],
};

export const CPU_SECTION: Section = {
  title: 'CPUs',
  panels: [
    table({
      title: 'Exclusive CPUs of pods',
      description: 'CPUs that containers have to themselves, by the NUMA node of the CPU.',
      width: 12,
      queries: [
        {
          expr: `count by (cluster, node, namespace, pod, container, numa_node) (podnet_pod_cpu_info{${CLUSTER}, node=~"$node", namespace=~"$namespace", pod=~"$pod"})`,
        },
      ],
      columns: {
        node: { name: 'Node' },
        namespace: { name: 'Namespace' },
        pod: { name: 'Pod' },
        container: { name: 'Container' },
        numa_node: { name: 'NUMA' },
        Value: { name: 'CPUs', unit: 'short' },
      },
    }),
    table({
      title: 'NUMA alignment',
      description:
        '1 where the exclusive CPUs of a pod and its VFs are all on one NUMA node, 0 where not. A pod of which that cannot be told is not there.',
      width: 12,
      queries: [{ expr: `podnet_pod_numa_aligned{${CLUSTER}, node=~"$node", namespace=~"$namespace", pod=~"$pod"}` }],
      columns: {
        node: { name: 'Node' },
        namespace: { name: 'Namespace' },
        pod: { name: 'Pod' },
        Value: { name: 'Aligned', unit: 'short', thresholds: [1, 0.5] },
      },
      sortBy: { column: 'Aligned', descending: false },
    }),
  ],
};
