/** What is in a namespace and has a name there. */
interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** Objects by namespace and name. */
export class ByNamespace<T extends Named> {
  readonly #namespaces = new Map<string, Map<string, T>>();

  get(namespace: string, name: string): T | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  inNamespace(namespace: string): Iterable<T> {
    return this.#namespaces.get(namespace)?.values() ?? [];
  }

  *all(): Generator<T> {
    for (const objects of this.#namespaces.values()) yield* objects.values();
  }

  /** Those that have an object. */
  namespaces(): Iterable<string> {
    return this.#namespaces.keys();
  }

  set(object: T): void {
    const objects = this.#namespaces.get(object.namespace) ?? new Map<string, T>();
    objects.set(object.name, object);
    this.#namespaces.set(object.namespace, objects);
  }

  delete(namespace: string, name: string): void {
    const objects = this.#namespaces.get(namespace);
    objects?.delete(name);
    if (objects?.size === 0) this.#namespaces.delete(namespace);
  }

  replace(objects: Iterable<T>): void {
    this.#namespaces.clear();
    for (const object of objects) this.set(object);
  }
}

/** Namespace and name of the key `<namespace>/<name>`. */
export function splitKey(key: string): readonly [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
