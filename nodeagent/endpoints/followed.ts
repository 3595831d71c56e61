import type { Backoff } from '../../runtime/backoff.js';
import { withQuery } from '../../runtime/kube/list-pages.js';
import { Reflector, type ReflectorOptions } from '../../runtime/kube/reflector.js';
import type { ObjectName } from '../../runtime/options/kinds.js';
import { followedState } from '../followed-state.js';
import type { SourceOff } from '../source-states.js';
import { decodeEndpointSlice, type EndpointSlice } from './endpoint-slice.js';

/** What is needed to follow a collection, whichever. */
export interface FollowDeps extends Pick<ReflectorOptions<unknown>, 'api' | 'clock' | 'log' | 'idleTimeoutMs'> {
  /** For each collection one of its own. */
  readonly createBackoff?: () => Backoff;
}

export interface FollowedOptions<T> extends Pick<ReflectorOptions<T>, 'path' | 'isMetadataOnly' | 'decode'> {
  /** Told what is new or other; of what is gone nothing. */
  readonly onChange: (changed: Iterable<T>) => void;
}

/** A collection of the Kubernetes API as it was last known: while the API is away, what was known stays. */
export class Followed<T> {
  readonly #reflector: Reflector<T>;
  #items = new Map<string, T>();

  constructor({ onChange, ...options }: FollowedOptions<T>, { createBackoff, ...deps }: FollowDeps) {
    this.#reflector = new Reflector<T>({
      ...options,
      ...deps,
      ...(createBackoff !== undefined && { backoff: createBackoff() }),
      sink: {
        replace: (items) => {
          this.#items = new Map(items);
          onChange(items.values());
        },
        upsert: (key, item) => {
          this.#items.set(key, item);
          onChange([item]);
        },
        remove: (key) => {
          this.#items.delete(key);
          onChange([]);
        },
      },
    });
  }

  /** Undefined before a list has been whole; by `<namespace>/<name>`. */
  get items(): ReadonlyMap<string, T> | undefined {
    return this.#reflector.isSynced ? this.#items : undefined;
  }

  /** Undefined before anything is known. */
  get state(): SourceOff | 'up' | undefined {
    return followedState(this.#reflector);
  }

  /** Why it does not work; undefined while it does. */
  get problem(): string | undefined {
    return this.#reflector.problem;
  }

  /** Lists and watches that failed, since the start. */
  get failures(): number {
    return this.#reflector.failures;
  }

  /** Follows the API until aborted, whatever it does. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reflector.run(signal);
  }
}

/** The EndpointSlices of a Service. */
export function followSlices(
  { namespace, name }: ObjectName,
  onChange: (changed: Iterable<EndpointSlice>) => void,
  deps: FollowDeps,
): Followed<EndpointSlice> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const labelSelector = `kubernetes.io/service-name=${name}`;
  return new Followed({ path: withQuery(path, { labelSelector }), decode: decodeEndpointSlice, onChange }, deps);
}
