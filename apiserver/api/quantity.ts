/** Consumers read milli-units into an int64: 10P reads as 0 there, so nothing from here on may be told (contract 2.4). */
const LIMIT = 9.2e15;
const SUFFIXES = ['m', '', 'k', 'M', 'G', 'T', 'P'] as const;
/** Digits of a double that mean something: what lies behind them is rounding, not measurement. */
const SIGNIFICANT_DIGITS = 15;

/**
 * A number as a Kubernetes quantity in canonical form, to the milli and rounded up, as apimachinery resource.Quantity writes it.
 * @returns undefined for what a quantity cannot hold: NaN, infinities, 9.2e15 and more
 */
export function renderQuantity(value: number): string | undefined {
  if (!Number.isFinite(value) || Math.abs(value) >= LIMIT) return undefined;
  let mantissa = BigInt(Math.ceil(Number((value * 1_000).toPrecision(SIGNIFICANT_DIGITS))));
  if (mantissa === 0n) return '0';
  let exponent = 0;
  while (mantissa % 1_000n === 0n && exponent < SUFFIXES.length - 1) {
    mantissa /= 1_000n;
    exponent++;
  }
  return `${mantissa}${SUFFIXES[exponent] ?? ''}`;
}
