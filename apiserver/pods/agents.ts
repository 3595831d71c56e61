import type { NodeReport } from '../../openapi/node-report.js';
import type { PodList } from './pod-list.js';

/**
 * How many agents there should be of each role: as many pods as the DaemonSets have whose pods were seen to report. No Service of theirs
 * has to be watched for that.
 */
export class Agents {
  readonly #pods: PodList;
  /** `<namespace>/<kind>/<name>`, by the role of its agents. */
  readonly #workloads: Readonly<Record<NodeReport['role'], Set<string>>> = { node: new Set(), probe: new Set() };

  constructor(pods: PodList) {
    this.#pods = pods;
  }

  /** To be called with the pod of each agent whose report was let in: a token alone proves nobody an agent. */
  note(pod: { readonly namespace: string; readonly name: string } | undefined, role: NodeReport['role']): void {
    const workload = pod && this.#pods.get(pod.namespace, pod.name)?.workload;
    const workloads = this.#workloads[role];
    if (pod !== undefined && workload !== undefined && workloads.size < WORKLOADS_MAX) {
      workloads.add(keyOf(pod.namespace, workload));
    }
  }

  /** Undefined while it is not known. */
  expected(role: NodeReport['role']): number | undefined {
    const workloads = this.#workloads[role];
    if (!this.#pods.isCurrent || workloads.size === 0) return undefined;
    const namespaces = new Set([...workloads].map((key) => key.slice(0, key.indexOf('/'))));
    let expected = 0;
    for (const namespace of namespaces) {
      for (const { workload } of this.#pods.inNamespace(namespace)) {
        if (workload !== undefined && workloads.has(keyOf(namespace, workload))) expected++;
      }
    }
    return expected;
  }
}

/** Of a role. */
const WORKLOADS_MAX = 16;

function keyOf(namespace: string, { kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${namespace}/${kind}/${name}`;
}
