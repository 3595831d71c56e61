/**
 * A copy without one property, of an object whose keys are those of a schema. Not by spreads in a literal, for which V8 11.3 was
 * seen to give each object a hidden class of its own: that is larger than the object, and whoever reads such objects meets a new class each time.
 */
export function without<T extends object, Key extends keyof T>(object: T, key: Key): Omit<T, Key> {
  const copy: Partial<T> = {};
  for (const one of Object.keys(object) as (keyof T)[]) if (one !== key) copy[one] = object[one];
  return copy as Omit<T, Key>;
}
