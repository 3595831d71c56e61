/** Whether two plain values say the same, so that the one already held need not be replaced. `except` is left out of account. */
export function isSame(held: unknown, said: unknown, except?: string): boolean {
  if (Object.is(held, said)) return true;
  if (typeof held !== 'object' || typeof said !== 'object' || held === null || said === null) return false;
  // Without lists of keys: this runs for every interface of every report.
  let more = 0;
  for (const key in said) {
    if (key === except) continue;
    more++;
    if (!isSame((held as Record<string, unknown>)[key], (said as Record<string, unknown>)[key])) return false;
  }
  for (const _key in held) more--;
  return more === 0;
}
