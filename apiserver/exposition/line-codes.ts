// One set of Huffman codes for all lines of counters (RFC 1951, 3.2): to make one for each text takes longer than to write the text.

const END_OF_BLOCK = 256;
const LENGTHS = 257;
export const LEAST_MATCH = 3;
export const LONGEST_MATCH = 258;
export const FARTHEST_MATCH = 32_768;

/** Bits of a literal or of a length, by the symbol; 0: has none, and no text with such a byte is written with them. */
const LITERAL_BITS = literalBits();
/** Bits of a distance, by the symbol: lines that are alike are some hundred bytes apart. */
const DISTANCE_BITS = Uint8Array.from({ length: 30 }, (_, symbol) =>
  symbol >= 14 && symbol < 20 ? 3 : symbol >= 10 && symbol < 24 ? 6 : 7,
);

/** Bits, of which the lowest comes first. */
export interface Code {
  readonly bits: number;
  readonly count: number;
}

/** Both complete, as a reader demands it: the shares of all symbols, 2^-bits, make 1. */
function literalBits(): Uint8Array {
  const bits = new Uint8Array(286);
  const give = (characters: string, count: number): void => {
    for (const character of characters) bits[character.charCodeAt(0)] = count;
  };
  bits.fill(10, 32, 127);
  give(' {}/:ABCDEFGHIJKLMNOPQRSTUVWXYZ', 9);
  give('abcdefghijklmnopqrstuvwxyz-_.=,"', 7);
  give('0123456789\n', 5);
  bits[END_OF_BLOCK] = 8;
  bits.fill(9, LENGTHS, 277); // 3 to 66 bytes
  bits.fill(5, 277); // from there on: what two lines have in common
  return bits;
}

/** RFC 1951, 3.2.2; turned round, as a code begins with its highest bit. */
function codesOf(lengths: Uint8Array): Code[] {
  const codes: Code[] = Array.from(lengths, (count) => ({ bits: 0, count }));
  let next = 0;
  for (let count = 1; count <= 15; count++, next <<= 1) {
    for (const [symbol, length] of lengths.entries()) {
      if (length === count) codes[symbol] = { bits: turned(next++, count), count };
    }
  }
  return codes;
}

function turned(bits: number, count: number): number {
  let result = 0;
  for (let i = 0; i < count; i++) result |= ((bits >> i) & 1) << (count - 1 - i);
  return result;
}

const LITERALS = codesOf(LITERAL_BITS);
const DISTANCES = codesOf(DISTANCE_BITS);

/** By the character. Of one that has none the count is 0. */
export const LITERAL_CODES = packed(LITERALS.slice(0, END_OF_BLOCK));
/** By the length of a match. */
export const LENGTH_CODES = packed(Array.from({ length: LONGEST_MATCH + 1 }, (_, length) => lengthCode(length)));
export const END_CODE = LITERALS[END_OF_BLOCK] ?? { bits: 0, count: 0 };
/** By the symbol of {@link distanceSymbol}. */
export const DISTANCE_CODES = packed(DISTANCES);

/** Codes side by side, for they are looked up for each byte. */
export interface Codes {
  readonly bits: Uint32Array;
  readonly counts: Uint8Array;
}

function packed(codes: readonly Code[]): Codes {
  return { bits: Uint32Array.from(codes, ({ bits }) => bits), counts: Uint8Array.from(codes, ({ count }) => count) };
}

/** RFC 1951, 3.2.5: the symbol, and behind it what is beyond the least length that it stands for. */
function lengthCode(length: number): Code {
  const beyond = length - LEAST_MATCH;
  if (beyond < 0) return { bits: 0, count: 0 };
  const isLongest = length === LONGEST_MATCH;
  const extra = isLongest || beyond < 8 ? 0 : 29 - Math.clz32(beyond);
  const symbol = isLongest ? 285 : LENGTHS + 4 * extra + (beyond >> extra);
  const { bits = 0, count = 0 } = LITERALS[symbol] ?? {};
  return { bits: bits | ((beyond & ((1 << extra) - 1)) << count), count: count + extra };
}

/** Bits of {@link distanceSymbol} that follow its code: of the distance less one. */
export function distanceExtraBits(distance: number): number {
  return distance <= 4 ? 0 : 30 - Math.clz32(distance - 1);
}

export function distanceSymbol(distance: number): number {
  const extra = distanceExtraBits(distance);
  return 2 * extra + ((distance - 1) >> extra);
}

/** The beginning of a block that is not the last, with the codes (RFC 1951, 3.2.7). */
export const BLOCK_HEADER: readonly Code[] = blockHeader();

function blockHeader(): Code[] {
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  // Sixteen of four bits: all that are used, and some that are not.
  const unused = new Set([13, 14, 15]);
  const lengths = Uint8Array.from({ length: order.length }, (_, symbol) => (unused.has(symbol) ? 0 : 4));
  const codes = codesOf(lengths);
  return [
    { bits: 0, count: 1 },
    { bits: 2, count: 2 },
    { bits: LITERAL_BITS.length - 257, count: 5 },
    { bits: DISTANCE_BITS.length - 1, count: 5 },
    { bits: order.length - 4, count: 4 },
    ...order.map((symbol) => ({ bits: lengths[symbol] ?? 0, count: 3 })),
    ...runsOf([...LITERAL_BITS, ...DISTANCE_BITS]).flatMap(({ symbol, extra }) => [
      codes[symbol] ?? { bits: 0, count: 0 },
      extra,
    ]),
  ];
}

/** Lengths, and how often the one before comes again, or none. */
function runsOf(lengths: readonly number[]): { readonly symbol: number; readonly extra: Code }[] {
  const runs: { symbol: number; extra: Code }[] = [];
  for (let at = 0; at < lengths.length;) {
    const length = lengths[at] ?? 0;
    let same = 1;
    while (lengths[at + same] === length) same++;
    if (length === 0 && same >= 3) {
      same = Math.min(same, 138);
      const isShort = same < 11;
      const extra = isShort ? { bits: same - 3, count: 3 } : { bits: same - 11, count: 7 };
      runs.push({ symbol: isShort ? 17 : 18, extra });
      at += same;
    } else {
      runs.push({ symbol: length, extra: { bits: 0, count: 0 } });
      at++;
      for (let again = Math.min(same - 1, 6); again >= 3; again = Math.min(same - 1, 6)) {
        runs.push({ symbol: 16, extra: { bits: again - 3, count: 2 } });
        same -= again;
        at += again;
      }
    }
  }
  return runs;
}
