import type { ExclusiveCpu, NodeCpus } from '../../openapi/device-report.js';
import { parseCpuList } from '../sysfs/cpu-list.js';

/** The NUMA node of each CPU of which it is known. */
export function numaNodesByCpu(nodes: readonly NodeCpus[]): ReadonlyMap<number, number> {
  const byCpu = new Map<number, number>();
  for (const { numaNode, cpus } of nodes) {
    for (const cpu of isNumaNode(numaNode) ? (parseCpuList(cpus) ?? []) : []) byCpu.set(cpu, numaNode);
  }
  return byCpu;
}

/** For a CPU's fields: nothing where its node is not known. */
export function numaNodeOf(cpu: number, byCpu: ReadonlyMap<number, number>): { readonly numaNode?: number } {
  const numaNode = byCpu.get(cpu);
  return numaNode === undefined ? {} : { numaNode };
}

/** What a pod has to itself. */
export interface Placement {
  readonly cpus: readonly Pick<ExclusiveCpu, 'numaNode'>[];
  /** The NUMA node of each of its VFs; undefined where it is not known. */
  readonly devices: readonly (number | undefined)[];
}

/** Whether all of it is on one NUMA node. Undefined where there is nothing to align, or the node of any is not known. */
export function numaAligned({ cpus, devices }: Placement): boolean | undefined {
  if (cpus.length === 0 || devices.length === 0) return undefined;
  const nodes = [...cpus.map(({ numaNode }) => numaNode), ...devices];
  return nodes.every(isNumaNode) ? new Set(nodes).size === 1 : undefined;
}

/** The kernel writes -1 for what is on none. */
function isNumaNode(node: number | undefined): boolean {
  return node !== undefined && node >= 0;
}
