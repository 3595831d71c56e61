/** Consumers read milli-units into an int64: 10P reads as 0 there, so nothing from here on may be told (contract 2.4). */
const LIMIT = 9.2e15;
const SUFFIXES = ['u', 'm', '', 'k', 'M', 'G', 'T', 'P'] as const;
/** The finest that is told, in parts of one. A rate needs no more than a milli; a latency may be less than that. */
const PARTS = { m: 1_000, u: 1_000_000 } as const;
export type Finest = keyof typeof PARTS;
/** Digits of a double that mean something: what lies behind them is rounding, not measurement. */
const SIGNIFICANT_DIGITS = 15;
/** More than any rounding to so many digits moves a number by, as a part of it. */
const ROUNDING = 1e-14;

/**
 * A number as a Kubernetes quantity in canonical form, rounded up to the finest that is told, as apimachinery resource.Quantity writes it.
 * @param finest consumers that reckon in milli, such as the HPA, round up what is finer
 * @returns undefined for what a quantity cannot hold: NaN, infinities, 9.2e15 and more
 */
export function renderQuantity(value: number, finest: Finest = 'm'): string | undefined {
  if (!Number.isFinite(value) || Math.abs(value) >= LIMIT) return undefined;
  let mantissa = partsOf(value, PARTS[finest]);
  if (mantissa === 0) return '0';
  let exponent: number = SUFFIXES.indexOf(finest);
  while (mantissa % 1_000 === 0 && exponent < SUFFIXES.length - 1) {
    mantissa /= 1_000;
    exponent++;
  }
  return `${Number.isSafeInteger(mantissa) ? mantissa : BigInt(mantissa)}${SUFFIXES[exponent] ?? ''}`;
}

/** Rounded up; a whole number. */
function partsOf(value: number, partsOfOne: number): number {
  const exact = value * partsOfOne;
  const nearest = Math.round(exact);
  if (exact === nearest) return nearest;
  // Only next to a whole number does rounding to the digits that count change what comes of rounding up.
  const isClear = Math.abs(exact - nearest) > Math.abs(exact) * ROUNDING;
  return Math.ceil(isClear ? exact : Number(exact.toPrecision(SIGNIFICANT_DIGITS)));
}
