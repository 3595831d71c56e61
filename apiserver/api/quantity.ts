/** Consumers read milli-units into an int64: 10P reads as 0 there, so nothing from here on may be told (contract 2.4). */
const LIMIT = 9.2e15;
const SUFFIXES = ['m', '', 'k', 'M', 'G', 'T', 'P'] as const;
/** Digits of a double that mean something: what lies behind them is rounding, not measurement. */
const SIGNIFICANT_DIGITS = 15;
/** More than any rounding to so many digits moves a number by, as a part of it. */
const ROUNDING = 1e-14;

/**
 * A number as a Kubernetes quantity in canonical form, to the milli and rounded up, as apimachinery resource.Quantity writes it.
 * @returns undefined for what a quantity cannot hold: NaN, infinities, 9.2e15 and more
 */
export function renderQuantity(value: number): string | undefined {
  if (!Number.isFinite(value) || Math.abs(value) >= LIMIT) return undefined;
  let mantissa = milliOf(value);
  if (mantissa === 0) return '0';
  let exponent = 0;
  while (mantissa % 1_000 === 0 && exponent < SUFFIXES.length - 1) {
    mantissa /= 1_000;
    exponent++;
  }
  return `${Number.isSafeInteger(mantissa) ? mantissa : BigInt(mantissa)}${SUFFIXES[exponent] ?? ''}`;
}

/** Thousandths, rounded up; a whole number. */
function milliOf(value: number): number {
  const exact = value * 1_000;
  const nearest = Math.round(exact);
  if (exact === nearest) return nearest;
  // Only next to a whole number does rounding to the digits that count change what comes of rounding up.
  const isClear = Math.abs(exact - nearest) > Math.abs(exact) * ROUNDING;
  return Math.ceil(isClear ? exact : Number(exact.toPrecision(SIGNIFICANT_DIGITS)));
}
