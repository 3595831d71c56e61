/** A network, as people write it: with the namespace of its NetworkAttachmentDefinition, where it has one. */
export function networkCell({
  network = '',
  nadNamespace = '',
}: {
  readonly network?: string;
  readonly nadNamespace?: string;
}): string {
  return nadNamespace === '' ? network : `${nadNamespace}/${network}`;
}

const [SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS] = [1_000, 60_000, 3_600_000, 86_400_000];

/** An age in the form in which kubectl prints others, to the day: `12s`, `5m30s`, `45m`, `7h12m`, `30h`, `5d`. */
export function ageCell(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / SECOND_MS));
  if (ageMs < 2 * MINUTE_MS) return `${seconds}s`;
  if (ageMs < 10 * MINUTE_MS) return inTwo(ageMs, [MINUTE_MS, 'm'], [SECOND_MS, 's']);
  if (ageMs < 3 * HOUR_MS) return `${Math.floor(ageMs / MINUTE_MS)}m`;
  if (ageMs < 8 * HOUR_MS) return inTwo(ageMs, [HOUR_MS, 'h'], [MINUTE_MS, 'm']);
  if (ageMs < 2 * DAY_MS) return `${Math.floor(ageMs / HOUR_MS)}h`;
  return `${Math.floor(ageMs / DAY_MS)}d`;
}

function inTwo(ageMs: number, [largeMs, large]: [number, string], [smallMs, small]: [number, string]): string {
  const rest = Math.floor((ageMs % largeMs) / smallMs);
  return `${Math.floor(ageMs / largeMs)}${large}${rest === 0 ? '' : `${rest}${small}`}`;
}
