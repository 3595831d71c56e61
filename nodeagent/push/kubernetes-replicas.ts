import { FollowedService, type FollowedServiceDeps } from '../endpoints/followed-service.js';
import { replicasOf, type Replicas, type ReplicaSource } from './replicas.js';

export interface KubernetesReplicasDeps extends FollowedServiceDeps {
  /** Told all that there are, whenever the slices have changed. */
  readonly onChange: (replicas: Replicas) => void;
}

/** The replicas of the apiserver behind its Service. While the API is away the last ones known stay. */
export class KubernetesReplicas implements ReplicaSource {
  readonly #deps: KubernetesReplicasDeps;
  readonly #service: FollowedService;
  #hasReplicas = false;

  constructor(deps: KubernetesReplicasDeps) {
    this.#deps = deps;
    const options = {
      source: 'apiservers',
      // the first list counts as whole only behind its callback
      onChange: () => queueMicrotask(() => this.#look()),
      lacks: () => (this.#hasReplicas ? undefined : 'replica to push to'),
    } as const;
    this.#service = new FollowedService(options, deps);
  }

  start(): void {
    this.#service.start();
  }

  async close(): Promise<void> {
    await this.#service.close();
  }

  #look(): void {
    const { slices } = this.#service;
    if (slices === undefined) return;
    const replicas = replicasOf(slices, this.#deps.service);
    this.#hasReplicas = replicas.targets.length > 0;
    this.#deps.onChange(replicas);
  }
}
