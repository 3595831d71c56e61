/** CRC-32 of gzip (RFC 1952, 8): bits reflected, so the highest one stands for x^0. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x8000_0000;
const X = 0x4000_0000;
const BITS = 32;
const LOG2_BITS_PER_BYTE = 3;

/** x^(2^k) for each k; the order of x divides 2^32 - 1, so behind the last one they begin again. */
const POWERS = powersOfX();

/**
 * What a CRC is to be multiplied by where bytes follow: x^(8 · length) modulo the polynomial.
 * @param length bytes
 */
export function crc32Shift(length: number): number {
  let shift = ONE;
  let left = length;
  for (let k = LOG2_BITS_PER_BYTE; left > 0; k++) {
    if (left % 2 === 1) shift = multiply(shift, POWERS[k % BITS] ?? ONE);
    left = Math.floor(left / 2);
  }
  return shift;
}

/**
 * The CRC of two texts, one behind the other, from those of the two alone: what zlib's crc32_combine() does.
 * @param shift of the second's length, from {@link crc32Shift}
 */
export function crc32Combine(first: number, second: number, shift: number): number {
  return (multiply(shift, first) ^ second) >>> 0;
}

/** Modulo the polynomial, over GF(2). */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = BITS - 1; bit >= 0; bit--) {
    product ^= b & -((a >>> bit) & 1);
    b = (b >>> 1) ^ (POLYNOMIAL & -(b & 1));
  }
  return product >>> 0;
}

function powersOfX(): number[] {
  const powers = [X];
  for (let power = X; powers.length < BITS; powers.push(power)) power = multiply(power, power);
  return powers;
}
