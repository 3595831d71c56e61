import { randomUUID } from 'node:crypto';
import { kindOf, renderLocation, type Location } from './location.js';
import { alreadyExists, conflict, invalid, notFound } from './status.js';

/** An object as a test writes it. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** An object as it is kept. */
export interface StoredObject extends KubeObject {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly resourceVersion: string; readonly name: string };
}

/** A new state of one object; `after` is undefined where it was deleted. */
export interface Change {
  readonly version: number;
  readonly location: Location;
  readonly before: StoredObject | undefined;
  readonly after: StoredObject | undefined;
}

/** Resources whose update must name the version that it replaces. */
const CONDITIONAL = new Set(['leases', 'apiservices']);

/** What etcd is to a kube-apiserver: objects, one version for all of them, and the changes since some time. */
export class Objects {
  readonly byPath = new Map<string, StoredObject>();
  readonly #locations = new Map<string, Location>();
  readonly #listeners = new Set<(change: Change) => void>();
  #changes: Change[] = [];
  version = 100;
  /** Changes behind this version are known. */
  oldest = 100;

  get(location: Location): StoredObject {
    const found = this.byPath.get(renderLocation(location));
    if (found === undefined) throw notFound(location);
    return found;
  }

  /** Objects of a collection, by namespace and name. */
  list({ root, resource, namespace }: Location): StoredObject[] {
    const found = [...this.byPath].filter(([path]) => {
      const one = this.#locations.get(path);
      const isInside = namespace === undefined || one?.namespace === namespace;
      return one?.root === root && one.resource === resource && isInside;
    });
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  create(location: Location, object: KubeObject): StoredObject {
    const name = object.metadata?.['name'];
    const target = { ...location, name: typeof name === 'string' ? name : '' };
    if (target.name === '') throw invalid(target, 'metadata.name: Required value: name or generateName is required');
    if (this.byPath.has(renderLocation(target))) throw alreadyExists(target);
    return this.put(target, object);
  }

  /** Replaces what is there, if it is still what the object names as its version. */
  update(location: Location, object: KubeObject): StoredObject {
    const current = this.get(location);
    const version = object.metadata?.['resourceVersion'];
    if (version === undefined && CONDITIONAL.has(location.resource)) {
      throw invalid(location, 'metadata.resourceVersion: Invalid value: 0: must be specified for an update');
    }
    if (version !== undefined && version !== current.metadata.resourceVersion) throw conflict(location);
    if (location.resource === 'secrets' && typeOf(object) !== typeOf(current)) {
      throw invalid(location, `type: Invalid value: "${typeOf(object)}": field is immutable`);
    }
    return this.put(location, object);
  }

  put(location: Location, object: KubeObject): StoredObject {
    const path = renderLocation(location);
    const before = this.byPath.get(path);
    const version = ++this.version;
    const after: StoredObject = {
      apiVersion: location.root.replace(/^\/apis?\//, ''),
      kind: kindOf(location),
      ...object,
      metadata: {
        uid: before?.metadata['uid'] ?? randomUUID(),
        creationTimestamp: before?.metadata['creationTimestamp'] ?? '2026-11-20T21:50:46Z',
        ...object.metadata,
        name: location.name ?? '',
        ...(location.namespace !== undefined && { namespace: location.namespace }),
        resourceVersion: String(version),
      },
    };
    this.byPath.set(path, after);
    this.#locations.set(path, location);
    this.#record({ version, location, before, after });
    return after;
  }

  remove(location: Location): StoredObject {
    const before = this.get(location);
    const path = renderLocation(location);
    const version = ++this.version;
    this.byPath.delete(path);
    this.#locations.delete(path);
    this.#record({ version, location, before, after: undefined });
    return before;
  }

  changesSince(version: number): Change[] {
    return this.#changes.filter((change) => change.version > version);
  }

  /** Forgets changes, as etcd does after five minutes. */
  compact(): void {
    this.#changes = [];
    this.oldest = ++this.version;
  }

  /** @returns what ends the subscription */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(change: Change): void {
    this.#changes.push(change);
    for (const listener of this.#listeners) listener(change);
  }
}

/** Of a Secret; a kube-apiserver fills it in. */
function typeOf({ type }: KubeObject): string {
  return typeof type === 'string' ? type : 'Opaque';
}
