import type { PodList } from './pod-list.js';

/**
 * How many agents there should be: as many pods as the DaemonSets have whose pods were seen to report. No Service of theirs has to be
 * watched for that.
 */
export class Agents {
  readonly #pods: PodList;
  /** `<namespace>/<kind>/<name>`; as many as there are roles of agents. */
  readonly #workloads = new Set<string>();

  constructor(pods: PodList) {
    this.#pods = pods;
  }

  /** To be called with the pod of each agent whose report was let in: a token alone proves nobody an agent. */
  note(pod: { readonly namespace: string; readonly name: string } | undefined): void {
    const workload = pod && this.#pods.get(pod.namespace, pod.name)?.workload;
    if (pod !== undefined && workload !== undefined && this.#workloads.size < WORKLOADS_MAX) {
      this.#workloads.add(keyOf(pod.namespace, workload));
    }
  }

  /** Undefined while it is not known. */
  get expected(): number | undefined {
    if (!this.#pods.isCurrent || this.#workloads.size === 0) return undefined;
    const namespaces = new Set([...this.#workloads].map((key) => key.slice(0, key.indexOf('/'))));
    let expected = 0;
    for (const namespace of namespaces) {
      for (const { workload } of this.#pods.inNamespace(namespace)) {
        if (workload !== undefined && this.#workloads.has(keyOf(namespace, workload))) expected++;
      }
    }
    return expected;
  }
}

const WORKLOADS_MAX = 16;

function keyOf(namespace: string, { kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${namespace}/${kind}/${name}`;
}
