export interface Validator {
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

/** The first thing that is wrong with a value: where, what was wanted, what is there. */
export function firstError(validator: Validator, value: unknown): string {
  const [error] = validator.Errors(value);
  if (error === undefined) return 'does not match its schema';
  const path = error.instancePath.split('/').slice(1);
  const found = path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
  const said = typeof found === 'object' ? '' : `, not ${excerpt(found)}`;
  return `${path.length === 0 ? '' : `${path.join('.')}: `}${error.message}${said}`;
}

/** Outside data as it may stand in a message: printable, and short. */
export function excerpt(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
