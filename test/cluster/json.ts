import { isRecord } from '../../runtime/kube/objects.js';

/** What stands at a path of parsed JSON; undefined where there is nothing. A number is an index of a list. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (typeof key === 'number') return Array.isArray(inner) ? (inner[key] as unknown) : undefined;
    return isRecord(inner) ? inner[key] : undefined;
  }, value);
}

/** Empty where there is no text. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** Undefined where there is no number. */
export function numberAt(value: unknown, ...path: readonly (string | number)[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

/** Empty where there is no list. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

export function nameOf(object: unknown): string {
  return textAt(object, 'metadata', 'name');
}

/** The condition of a type, as Kubernetes' objects have them in their status. */
export function conditionOf(object: unknown, type: string): { status: string; reason: string; message: string } {
  const found = listAt(object, 'status', 'conditions').find((one) => textAt(one, 'type') === type);
  return { status: textAt(found, 'status'), reason: textAt(found, 'reason'), message: textAt(found, 'message') };
}
