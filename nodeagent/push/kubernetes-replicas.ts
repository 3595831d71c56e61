import { followSlices, type Followed, type FollowDeps } from '../endpoints/followed.js';
import type { EndpointSlice } from '../endpoints/endpoint-slice.js';
import type { ObjectName } from '../../runtime/options/kinds.js';
import { Repeating } from '../../runtime/repeating.js';
import type { SourceStates } from '../source-states.js';
import { replicasOf, type PushTarget } from './replicas.js';

export interface KubernetesReplicasDeps extends FollowDeps {
  /** `--service`. */
  readonly service: ObjectName;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** Told all that there are, whenever the slices have changed. */
  readonly onChange: (replicas: readonly PushTarget[]) => void;
  /** How often it is told how the source stands; every second where nothing is said. */
  readonly tellEveryMs?: number;
  /** The API is asked no more. */
  readonly onClosed?: () => void;
}

const TELL_MS = 1_000;

/** The replicas of the apiserver behind its Service. While the API is away the last ones known stay. */
export class KubernetesReplicas {
  readonly #deps: KubernetesReplicasDeps;
  readonly #slices: Followed<EndpointSlice>;
  readonly #stop = new AbortController();
  readonly #telling: Repeating;
  #hasReplicas = false;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: KubernetesReplicasDeps) {
    this.#deps = deps;
    // the first list counts as whole only behind its callback
    this.#slices = followSlices(deps.service, () => queueMicrotask(() => this.#look()), deps);
    this.#telling = new Repeating(() => {
      this.#tell();
      return Promise.resolve(deps.tellEveryMs ?? TELL_MS);
    });
  }

  /** Follows the API until closed, whatever it does. */
  start(): this {
    this.#running = this.#slices.run(this.#stop.signal);
    this.#telling.start();
    return this;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#telling.close(), this.#running]);
    this.#deps.onClosed?.();
  }

  #look(): void {
    const { items } = this.#slices;
    if (items === undefined || this.#stop.signal.aborted) return;
    const replicas = replicasOf(items.values(), this.#deps.service);
    this.#hasReplicas = replicas.length > 0;
    this.#deps.onChange(replicas);
  }

  #tell(): void {
    const { states, service } = this.#deps;
    const { state, problem } = this.#slices;
    if (state === undefined) return;
    if (state !== 'up') states.off('apiservers', state, problem);
    else if (this.#hasReplicas) states.up('apiservers');
    else
      states.off('apiservers', 'not_found', `Service ${service.namespace}/${service.name} has no replica to push to`);
  }
}
