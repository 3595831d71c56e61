const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of `250ms`, `1.5s`, `5m`, `1h`; undefined for anything else. */
export function parseDuration(value: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(value);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
}

export function renderDuration(milliseconds: number): string {
  if (milliseconds >= UNIT_MS.h && milliseconds % UNIT_MS.h === 0) return `${milliseconds / UNIT_MS.h}h`;
  if (milliseconds > UNIT_MS.m && milliseconds % UNIT_MS.m === 0) return `${milliseconds / UNIT_MS.m}m`;
  return milliseconds % UNIT_MS.s === 0 ? `${milliseconds / UNIT_MS.s}s` : `${milliseconds}ms`;
}
