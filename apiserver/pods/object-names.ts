import { LRUCache } from 'lru-cache';
import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { listPages, withQuery } from '../../runtime/kube/list-pages.js';
import { metadataOf } from '../../runtime/kube/objects.js';
import { LogLimit } from '../../runtime/log-limit.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import type { DescribedKind } from '../api/described-objects.js';
import { ApiError } from '../api/errors.js';
import type { ObjectNames } from '../api/members.js';

export interface KubernetesObjectNamesDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends lists under way. */
  readonly signal: AbortSignal;
}

/** Lists that are remembered: a kind, a namespace and a selector each. */
const CACHE_MAX = 1_000;
/** An HPA asks every 15 s; several that ask for the same come within this. */
const CACHE_TTL_MS = 10_000;
const FAILURES_LOGGED_PER_SECOND = 1;
const ACCEPT = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/**
 * Names of objects by their labels, asked for when somebody asks: only lists of Services, workloads, nodes and networks with a
 * labelSelector need it, and watching all of them for that would be much for little.
 */
export class KubernetesObjectNames implements ObjectNames {
  readonly #deps: KubernetesObjectNamesDeps;
  /** Promises, so that who asks meanwhile waits for the same list. */
  readonly #cache: LRUCache<string, Promise<readonly string[]>>;
  readonly #failures: LogLimit;

  constructor(deps: KubernetesObjectNamesDeps) {
    this.#deps = deps;
    this.#cache = new LRUCache({
      max: CACHE_MAX,
      ttl: CACHE_TTL_MS,
      ttlResolution: 0,
      perf: { now: () => deps.clock.monotonicMs() },
    });
    this.#failures = new LogLimit(deps.clock, FAILURES_LOGGED_PER_SECOND);
  }

  /** @throws {ApiError} ServiceUnavailable, without what the API server said: that may name what the asker must not know */
  async names(
    { path: { root, plural }, resource }: DescribedKind,
    namespace: string | undefined,
    labelSelector: string,
  ): Promise<readonly string[]> {
    const scope = namespace === undefined ? root : `${root}/namespaces/${encodeURIComponent(namespace)}`;
    const path = withQuery(`${scope}/${plural}`, { labelSelector });
    try {
      return await (this.#cache.get(path) ?? this.#list(path));
    } catch (error) {
      if (this.#failures.take())
        this.#deps.log.error({ resource, reason: errorMessage(error) }, 'objects cannot be listed by their labels');
      throw new ApiError(
        'ServiceUnavailable',
        `${resource} cannot be listed by their labels: the log of podnet-apiserver says why`,
      );
    }
  }

  #list(path: string): Promise<readonly string[]> {
    const { api, signal } = this.#deps;
    const names: string[] = [];
    const listed = listPages({
      ...{ api, path, signal, accept: ACCEPT },
      onRestart: () => names.splice(0),
      onPage: (items) => {
        for (const item of items) {
          const { name } = metadataOf(item);
          if (typeof name === 'string') names.push(name);
        }
      },
    }).then(() => names);
    this.#cache.set(path, listed);
    listed.catch(() => this.#cache.delete(path)); // who asks next tries again
    return listed;
  }
}
