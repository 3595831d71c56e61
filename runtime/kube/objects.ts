/** What was parsed from JSON and is an object, not an array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `<namespace>/<name>` of an object, or the name alone of what has no namespace; undefined where there is no name. */
export function keyOf(object: unknown): string | undefined {
  const metadata = metadataOf(object);
  const { name, namespace } = metadata;
  if (typeof name !== 'string' || name === '') return undefined;
  return typeof namespace === 'string' && namespace !== '' ? `${namespace}/${name}` : name;
}

/** Empty where there is none. */
export function metadataOf(object: unknown): Readonly<Record<string, unknown>> {
  return isRecord(object) && isRecord(object['metadata']) ? object['metadata'] : {};
}

/** The resourceVersion of an object or of a list; undefined where there is none. */
export function versionOf(object: unknown): string | undefined {
  const { resourceVersion } = metadataOf(object);
  return typeof resourceVersion === 'string' && resourceVersion !== '' ? resourceVersion : undefined;
}

/** A map of texts; whatever else is in it is left out. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Names and the like: an empty one is none. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
