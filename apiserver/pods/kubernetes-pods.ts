import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { Reflector } from '../../runtime/kube/reflector.js';
import type { Logger } from '../../runtime/logger.js';
import type { FollowedList } from './list-metrics.js';
import { ByNamespace, splitKey } from './by-namespace.js';
import { createPodDecoder } from './decode-pod.js';
import type { ApiPod, PodList } from './pod-list.js';

export interface FollowDeps {
  readonly api: KubeApi;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Logger;
}

/** Scheduled, and not finished: only those have a network. */
const SELECTED = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';
const PATH = `/api/v1/pods?fieldSelector=${encodeURIComponent(SELECTED)}`;

/** The pods of the cluster, followed by their metadata alone: a node's name, the containers and the status never come here. */
export class KubernetesPods implements PodList {
  readonly #pods = new ByNamespace<ApiPod>();
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #changeListeners: ((namespace: string, name: string) => void)[] = [];
  readonly #replaceListeners: (() => void)[] = [];
  readonly #reflector: Reflector<ApiPod>;

  constructor({ api, clock, log }: FollowDeps) {
    this.#clock = clock;
    this.#reflector = new Reflector<ApiPod>({
      api,
      clock,
      log,
      path: PATH,
      isMetadataOnly: true,
      isStreamed: true,
      decode: createPodDecoder(),
      sink: {
        replace: (items) => this.#replace(items),
        upsert: (_key, pod) => this.#upsert(pod),
        remove: (key) => this.#remove(key),
      },
    });
  }

  get source(): FollowedList {
    return this.#reflector;
  }

  get isCurrent(): boolean {
    return this.#reflector.isCurrent(this.#clock.monotonicMs());
  }

  get isSynced(): boolean {
    return this.#reflector.isSynced;
  }

  get(namespace: string, name: string): ApiPod | undefined {
    return this.#pods.get(namespace, name);
  }

  inNamespace(namespace: string): Iterable<ApiPod> {
    return this.#pods.inNamespace(namespace);
  }

  all(): Iterable<ApiPod> {
    return this.#pods.all();
  }

  namespaces(): Iterable<string> {
    return this.#pods.namespaces();
  }

  /** Calls for each pod that came, went, or has another uid, labels or workload. Not for those of a whole new list. */
  onChange(listener: (namespace: string, name: string) => void): void {
    this.#changeListeners.push(listener);
  }

  /** Calls when the whole list has been read anew: any pod may have changed. */
  onReplaced(listener: () => void): void {
    this.#replaceListeners.push(listener);
  }

  /** Follows the API until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reflector.run(signal);
  }

  #replace(items: ReadonlyMap<string, ApiPod>): void {
    this.#pods.replace(items.values());
    for (const listener of this.#replaceListeners) listener();
  }

  #upsert(pod: ApiPod): void {
    const before = this.#pods.get(pod.namespace, pod.name);
    this.#pods.set(pod);
    if (before === undefined || !isSame(before, pod)) this.#tell(pod.namespace, pod.name);
  }

  #remove(key: string): void {
    const [namespace, name] = splitKey(key);
    if (this.#pods.get(namespace, name) === undefined) return;
    this.#pods.delete(namespace, name);
    this.#tell(namespace, name);
  }

  #tell(namespace: string, name: string): void {
    for (const listener of this.#changeListeners) listener(namespace, name);
  }
}

function isSame(a: ApiPod, b: ApiPod): boolean {
  return a.uid === b.uid && isDeepStrictEqual(a.labels, b.labels) && isDeepStrictEqual(a.workload, b.workload);
}
