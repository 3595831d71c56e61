/** Whether two plain values say the same, so that the one already held need not be replaced. `except` is left out of account. */
export function isSame(held: unknown, said: unknown, except?: string): boolean {
  if (Object.is(held, said)) return true;
  if (typeof held !== 'object' || typeof said !== 'object' || held === null || said === null) return false;
  const before = Object.entries(held);
  const after = Object.entries(said).filter(([key]) => key !== except);
  return (
    before.length === after.length &&
    after.every(([key, value]) => isSame((held as Record<string, unknown>)[key], value))
  );
}
