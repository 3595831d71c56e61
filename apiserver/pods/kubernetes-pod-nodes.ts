import { LRUCache } from 'lru-cache';
import { isRecord, metadataOf } from '../../runtime/kube/objects.js';
import { errorMessage } from '../../runtime/logger.js';
import type { FollowDeps } from './kubernetes-pods.js';
import type { ApiPod, PodNodes } from './pod-list.js';

/** Conflicts that are remembered: there should be none. */
const CACHE_MAX = 10_000;
/** A pod never changes its node; so long is a failure remembered, too. */
const CACHE_TTL_MS = 600_000;
const RETRY_MS = 5_000;
/** Answers are to come one by one: whoever claims many pods costs the API server no more. */
const MAX_REQUESTS = 4;

/** Asks the API server for the nodes of single pods. */
export class KubernetesPodNodes implements PodNodes {
  readonly #deps: FollowDeps & { readonly signal: AbortSignal };
  /** By uid; empty where it is being asked for, or could not be had. */
  readonly #nodes: LRUCache<string, string>;
  readonly #listeners: ((namespace: string, name: string) => void)[] = [];
  #running = 0;

  constructor(deps: FollowDeps & { readonly signal: AbortSignal }) {
    this.#deps = deps;
    this.#nodes = new LRUCache({
      max: CACHE_MAX,
      ttl: CACHE_TTL_MS,
      ttlResolution: 0,
      perf: { now: () => deps.clock.monotonicMs() },
    });
  }

  /** Calls when the node of a pod has become known. */
  onKnown(listener: (namespace: string, name: string) => void): void {
    this.#listeners.push(listener);
  }

  nodeOf(pod: Pick<ApiPod, 'namespace' | 'name' | 'uid'>): string | undefined {
    const known = this.#nodes.get(pod.uid);
    if (known === undefined && this.#running < MAX_REQUESTS) void this.#ask(pod);
    return known === '' ? undefined : known;
  }

  async #ask({ namespace, name, uid }: Pick<ApiPod, 'namespace' | 'name' | 'uid'>): Promise<void> {
    const { api, log, signal } = this.#deps;
    this.#nodes.set(uid, '', { ttl: RETRY_MS });
    this.#running++;
    try {
      const found = await api.request({ method: 'GET', path: `/api/v1/namespaces/${namespace}/pods/${name}`, signal });
      const spec = isRecord(found) ? found['spec'] : undefined;
      const node = isRecord(spec) ? spec['nodeName'] : undefined;
      if (metadataOf(found)['uid'] !== uid || typeof node !== 'string' || node === '') return;
      this.#nodes.set(uid, node);
      for (const listener of this.#listeners) listener(namespace, name);
      log.warn({ namespace, pod: name, node }, 'two nodes report this pod: that of the node it is on counts');
    } catch (error) {
      log.warn(
        { namespace, pod: name, problem: errorMessage(error) },
        'two nodes report this pod, and its node is not known',
      );
    } finally {
      this.#running--;
    }
  }
}
