const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'] as const;
const STEP = 1_000;

/** A rate for people, three digits and an SI prefix: `1.25 MB/s`; `-` where there is none. */
export function renderRate(perSecond: number, unit: string): string {
  if (Number.isNaN(perSecond)) return '-';
  let scaled = perSecond;
  let prefix = 0;
  // 999.5 would be printed as 1000, which is the next prefix's 1.00
  while (scaled >= STEP - 0.5 && prefix < PREFIXES.length - 1) {
    scaled /= STEP;
    prefix++;
  }
  const digits = prefix === 0 && Number.isInteger(scaled) ? 0 : scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${PREFIXES[prefix] ?? ''}${unit}`;
}
