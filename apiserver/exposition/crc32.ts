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

/** CRCs of single bytes, times x^32: what a byte does to the CRC of those before it. */
const BYTES = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (POLYNOMIAL & -(crc & 1));
  return crc;
});

/** The CRC of a text with some characters more, all of them ASCII. */
export function crc32Append(crc: number, characters: string): number {
  let rest = ~crc;
  for (let i = 0; i < characters.length; i++) {
    rest = (BYTES[(rest ^ characters.charCodeAt(i)) & 0xff] ?? 0) ^ (rest >>> 8);
  }
  return ~rest >>> 0;
}

/** The same of the bytes from a place on. */
export function crc32AppendBytes(crc: number, bytes: Uint8Array, from: number): number {
  let rest = ~crc;
  for (let i = from; i < bytes.length; i++) rest = (BYTES[(rest ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (rest >>> 8);
  return ~rest >>> 0;
}

const BYTE_VALUES = 256;
const BYTES_OF_CRC = 4;

/** Multiplies by one factor again and again: four look-ups instead of 32 steps. */
export type Crc32Multiplier = Uint32Array;

/** @param factor from {@link crc32Shift} */
export function crc32Multiplier(factor: number): Crc32Multiplier {
  const products = new Uint32Array(BYTES_OF_CRC * BYTE_VALUES);
  for (let bit = 0; bit < BITS; bit++) {
    const product = multiply(factor, (1 << bit) >>> 0);
    const [start, first] = [(bit >> LOG2_BITS_PER_BYTE) * BYTE_VALUES, 1 << (bit % 8)];
    // Sums of those before: the map is linear.
    for (let byte = 0; byte < first; byte++) products[start + first + byte] = (products[start + byte] ?? 0) ^ product;
  }
  return products;
}

export function crc32Multiply(by: Crc32Multiplier, crc: number): number {
  return (
    ((by[crc & 0xff] ?? 0) ^
      (by[BYTE_VALUES + ((crc >>> 8) & 0xff)] ?? 0) ^
      (by[2 * BYTE_VALUES + ((crc >>> 16) & 0xff)] ?? 0) ^
      (by[3 * BYTE_VALUES + (crc >>> 24)] ?? 0)) >>>
    0
  );
}
