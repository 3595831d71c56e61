/** Whether two plain values say the same, so that the one already held need not be replaced. `except` is left out of account. */
export function isSame(held: unknown, said: unknown, except?: string): boolean {
  if (Object.is(held, said)) return true;
  if (typeof held !== 'object' || typeof said !== 'object' || held === null || said === null) return false;
  if (Array.isArray(held) !== Array.isArray(said)) return false;
  // Without lists of keys: this runs for every interface of every report. By the keys that are held: of what is said, `__proto__` may be one.
  let more = 0;
  for (const key in held) {
    if (key === except) continue;
    more++;
    if (!isSame((held as Record<string, unknown>)[key], (said as Record<string, unknown>)[key])) return false;
  }
  for (const key in said) if (key !== except) more--;
  return more === 0;
}
