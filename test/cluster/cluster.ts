import { KubeError, type KubeApi } from '../../runtime/kube/api.js';
import { listAt, nameOf } from './json.js';

const MERGE_PATCH = 'application/merge-patch+json';

/** A Kubernetes object to be created. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object };
  readonly [field: string]: unknown;
}

const PLURALS: Readonly<Record<string, string>> = { NetworkPolicy: 'networkpolicies' };

/** Where objects of its kind are. */
export function collectionOf({ apiVersion, kind, metadata }: NewObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `${root}${scope}/${PLURALS[kind] ?? `${kind.toLowerCase()}s`}`;
}

/** What the run does with the Kubernetes API, in the words of objects. */
export class Cluster {
  constructor(
    readonly api: KubeApi,
    readonly signal: AbortSignal,
  ) {}

  /** The same API for as long as another signal lasts. */
  until(signal: AbortSignal): Cluster {
    return new Cluster(this.api, signal);
  }

  get(path: string): Promise<unknown> {
    return this.#request('GET', path);
  }

  /** Undefined where there is none. */
  async find(path: string): Promise<unknown> {
    return orUndefined(this.get(path), [404]);
  }

  async list(path: string): Promise<readonly unknown[]> {
    return listAt(await this.get(path), 'items');
  }

  async create(object: NewObject): Promise<unknown> {
    return this.#request('POST', collectionOf(object), object);
  }

  async post(path: string, body: object): Promise<unknown> {
    return this.#request('POST', path, body);
  }

  patch(path: string, body: object): Promise<unknown> {
    return this.api.request({ method: 'PATCH', path, body, contentType: MERGE_PATCH, signal: this.signal });
  }

  /** No failure where there is none any more. */
  async remove(path: string, options: object = { propagationPolicy: 'Background' }): Promise<void> {
    await orUndefined(this.#request('DELETE', path, { apiVersion: 'v1', kind: 'DeleteOptions', ...options }), [404]);
  }

  /** Names in a collection; empty where the cluster does not have such a resource. */
  async names(collection: string, labelSelector: string): Promise<string[]> {
    const found = await this.find(`${collection}?labelSelector=${encodeURIComponent(labelSelector)}`);
    return listAt(found, 'items').map(nameOf);
  }

  #request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> {
    return this.api.request({ method, path, signal: this.signal, ...(body !== undefined && { body }) });
  }
}

/** The answer; undefined where the API answers with one of these codes instead. */
export async function orUndefined<T>(answer: Promise<T>, codes: readonly number[]): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KubeError && error.statusCode !== undefined && codes.includes(error.statusCode)) {
      return undefined;
    }
    throw error;
  }
}
