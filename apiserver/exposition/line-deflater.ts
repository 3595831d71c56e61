import { crc32 } from 'node:zlib';
import type { Deflated } from './deflated.js';
import {
  crc32Append,
  crc32AppendBytes,
  crc32Multiplier,
  crc32Multiply,
  crc32Shift,
  type Crc32Multiplier,
} from './crc32.js';
import { renderValue, type SampleLines } from '../../metrics/render.js';
import {
  BLOCK_HEADER,
  DISTANCE_CODES,
  distanceExtraBits,
  distanceSymbol,
  END_CODE,
  FARTHEST_MATCH,
  LEAST_MATCH,
  LENGTH_CODES,
  LITERAL_CODES,
  LONGEST_MATCH,
} from './line-codes.js';

/** Lines before one that are looked at for one that is like it: of the same interface of the pod before, mostly. */
const LOOK_BACK = 8;
/** What differs by no more is not looked for any further: a name's last characters. */
const ALIKE = 16;
/** Of others no code is known. */
const PRINTABLE = /^[ -~]+$/;
const BEHIND_LABELS = '} ';
/** Of 4 KiB each: labels of one length after the other, and names. */
const MAX_MULTIPLIERS = 1_024;
/** Of a family. */
const LONGEST_NAME = 128;
/** Beside the labels: the name, a double in decimal digits, and signs. */
const LONGEST_REST = LONGEST_NAME + 32;
/** Of a code, which has 20 bits at most: a distance and what follows it. */
const COUNT_BITS = 5;
const COUNT_MASK = 31;
const MOST_BYTES_PER_CODE = 3;
/** For the end of the block. */
const SPARE_CODES = 8;
/** What is left of a stored block without bytes from the boundary of a byte on: that they are none, and once more the other way round. */
const NO_BYTES = Uint8Array.of(0, 0, 0xff, 0xff);

/** Bytes of a value at most: a double has 24, as `-2.2250738585072014e-308`. */
const LONGEST_VALUE = 32;
const TEN = 10;
const BILLION = 1_000_000_000;
const BILLION_DIGITS = 9;
const DIGIT_0 = 0x30;
const LINE_END = 0x0a;

/** What is known of label texts: what each has in common with an earlier one, from its beginning and from its end. */
interface Known {
  readonly labels: readonly string[];
  /** Of the earlier one; -1: none. */
  readonly like: Int32Array;
  readonly start: Uint16Array;
  readonly end: Uint16Array;
  /** Of each text with what follows it. */
  readonly crcs: Uint32Array;
}

/**
 * Writes lines of counters as deflate does, but knows beforehand what of a line stands in an earlier one: that does not change from one
 * report to the next, so it is looked for once. What is left of each report are the digits. A third of zlib's time, and a sixth more bytes.
 */
export class LineDeflater {
  /** By the label texts; gone with them. */
  readonly #known = new WeakMap<readonly string[], Known | null>();
  /** Bits, and how many they are: first put side by side, and then packed, which is quicker than to pack them one by one. */
  #codes = new Uint32Array(8_192);
  #length = 0;
  #out = new Uint8Array(8_192);
  /** By the length of what follows, bytes. */
  readonly #multipliers = new Map<number, Crc32Multiplier>();
  /** Where each line begins. */
  #starts = new Float64Array(64);
  /** A value as it is written, and the end of its line: at the end of this. */
  readonly #value = new Uint8Array(LONGEST_VALUE);

  /**
   * @returns with bytes that are overwritten by the next call; undefined for what is left to zlib: labels that are not printable ASCII,
   *   counters that are not known
   */
  deflate({ name, labels, labelsBefore, values }: SampleLines): Deflated | undefined {
    const known = this.#knownOf(labels, labelsBefore);
    if (known === null || labels.length === 0 || name.length > LONGEST_NAME) return undefined;
    const { like, start, end, crcs } = known;
    const head = `${name}{`;
    const headCrc = crc32Append(0, head);
    const behindHead = this.#multiplierOf(head.length);
    this.#begin(labels.length);
    let at = 0; // in the text
    let crc = 0;
    for (const [i, label] of labels.entries()) {
      const value = values[i] ?? NaN;
      if (Number.isNaN(value)) return undefined;
      const valueAt = writeValue(value, this.#value);
      const length = head.length + label.length + BEHIND_LABELS.length + LONGEST_VALUE - valueAt;
      this.#makeRoom(length);
      this.#starts[i] = at;
      const other = like[i] ?? -1;
      if (other < 0) {
        this.#literals(head + label + BEHIND_LABELS);
      } else {
        const back = at - (this.#starts[other] ?? 0);
        const [fromStart, fromEnd] = [start[i] ?? 0, end[i] ?? 0];
        this.#match(head.length + fromStart, back);
        this.#literals(label, fromStart, label.length - fromEnd);
        this.#match(fromEnd + BEHIND_LABELS.length, back + label.length - (labels[other]?.length ?? 0));
      }
      this.#bytes(this.#value, valueAt);
      // Bytes that stay the same are not gone through again: what they make of the CRC before them is known.
      crc = crc32Multiply(behindHead, crc) ^ headCrc;
      crc = crc32Multiply(this.#multiplierOf(label.length + BEHIND_LABELS.length), crc) ^ (crcs[i] ?? 0);
      crc = crc32AppendBytes(crc, this.#value, valueAt);
      at += length;
    }
    return { bytes: this.#end(), length: at, crc, shift: crc32Shift(at) };
  }

  #multiplierOf(length: number): Crc32Multiplier {
    let multiplier = this.#multipliers.get(length);
    if (multiplier === undefined) {
      if (this.#multipliers.size >= MAX_MULTIPLIERS) this.#multipliers.clear();
      this.#multipliers.set(length, (multiplier = crc32Multiplier(crc32Shift(length))));
    }
    return multiplier;
  }

  #begin(lines: number): void {
    if (this.#starts.length < lines) this.#starts = new Float64Array(2 * lines);
    this.#length = 0;
    for (const { bits, count } of BLOCK_HEADER) this.#put(bits, count);
  }

  /** A stored block without any bytes goes up to the boundary of one (RFC 1951, 3.2.4). */
  #end(): Uint8Array {
    this.#put(END_CODE.bits, END_CODE.count);
    this.#put(0, 3);
    const codes = this.#codes.subarray(0, this.#length);
    if (this.#out.length < codes.length * MOST_BYTES_PER_CODE)
      this.#out = new Uint8Array(this.#codes.length * MOST_BYTES_PER_CODE);
    const at = pack(codes, this.#out);
    this.#out.set(NO_BYTES, at);
    return this.#out.subarray(0, at + NO_BYTES.length);
  }

  #makeRoom(codes: number): void {
    const wanted = this.#length + codes + SPARE_CODES;
    if (wanted <= this.#codes.length) return;
    const larger = new Uint32Array(2 * wanted);
    larger.set(this.#codes);
    this.#codes = larger;
  }

  #literals(text: string, from = 0, to = text.length): void {
    const { bits, counts } = LITERAL_CODES;
    for (let i = from; i < to; i++) {
      const character = text.charCodeAt(i);
      this.#put(bits[character] ?? 0, counts[character] ?? 0);
    }
  }

  /** From a place on. */
  #bytes(bytes: Uint8Array, from: number): void {
    const { bits, counts } = LITERAL_CODES;
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      this.#put(bits[byte] ?? 0, counts[byte] ?? 0);
    }
  }

  /** Some bytes again that stand so far before. */
  #match(length: number, distance: number): void {
    const symbol = distanceSymbol(distance);
    const count = DISTANCE_CODES.counts[symbol] ?? 0;
    const extraBits = distanceExtraBits(distance);
    const extra = (distance - 1) & ((1 << extraBits) - 1);
    const bits = (DISTANCE_CODES.bits[symbol] ?? 0) | (extra << count);
    for (let left = length; left > 0;) {
      // what is left behind it has to be a match, too
      const isTwo = left > LONGEST_MATCH && left < LONGEST_MATCH + LEAST_MATCH;
      const now = isTwo ? left - LEAST_MATCH : Math.min(left, LONGEST_MATCH);
      this.#put(LENGTH_CODES.bits[now] ?? 0, LENGTH_CODES.counts[now] ?? 0);
      this.#put(bits, count + extraBits);
      left -= now;
    }
  }

  #put(bits: number, count: number): void {
    this.#codes[this.#length++] = (bits << COUNT_BITS) | count;
  }

  #knownOf(labels: readonly string[], labelsBefore: readonly string[] | undefined): Known | null {
    let known = this.#known.get(labels);
    if (known === undefined) {
      const before = labelsBefore === undefined ? undefined : this.#known.get(labelsBefore);
      this.#known.set(labels, (known = knownOf(labels, before ?? undefined)));
    }
    return known;
  }
}

/**
 * Writes what renderValue() does and a line end, to the end of the bytes. Of counters, which are whole, digit by digit: that takes a third of a string's time.
 * @returns where it begins
 */
function writeValue(value: number, bytes: Uint8Array): number {
  let at = bytes.length;
  bytes[--at] = LINE_END;
  if (!Number.isSafeInteger(value) || value < 0) {
    const text = renderValue(value);
    for (let i = text.length - 1; i >= 0; i--) bytes[--at] = text.charCodeAt(i);
    return at;
  }
  const low = value % BILLION;
  const high = (value - low) / BILLION;
  const end = at;
  at = writeDigits(low, bytes, at);
  if (high === 0) return at;
  while (end - at < BILLION_DIGITS) bytes[--at] = DIGIT_0;
  return writeDigits(high, bytes, at);
}

/** @param value whole, below 2^31 @returns where they begin */
function writeDigits(value: number, bytes: Uint8Array, end: number): number {
  let at = end;
  let left = value | 0;
  do {
    const rest = (left / TEN) | 0;
    bytes[--at] = DIGIT_0 + left - rest * TEN;
    left = rest;
  } while (left > 0);
  return at;
}

/** @returns how many bytes they are, with the last one filled up */
function pack(codes: Uint32Array, out: Uint8Array): number {
  let at = 0;
  let bits = 0;
  let count = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    bits |= (code >>> COUNT_BITS) << count;
    count += code & COUNT_MASK;
    for (; count >= 8; count -= 8) {
      out[at++] = bits;
      bits >>>= 8;
    }
  }
  if (count > 0) out[at++] = bits;
  return at;
}

/**
 * @param before of texts of which most are the same
 * @returns null where zlib has to do it
 */
function knownOf(labels: readonly string[], before: Known | undefined): Known | null {
  const known: Known = {
    labels,
    like: new Int32Array(labels.length).fill(-1),
    start: new Uint16Array(labels.length),
    end: new Uint16Array(labels.length),
    crcs: new Uint32Array(labels.length),
  };
  const places = new Map(before?.labels.map((label, place) => [label, place]));
  for (const [i, label] of labels.entries()) {
    const place = places.get(label);
    if (before !== undefined && place !== undefined) {
      known.crcs[i] = before.crcs[place] ?? 0;
      if (takeLike(known, i, before, place)) continue;
    } else {
      if (!PRINTABLE.test(label)) return null;
      known.crcs[i] = crc32(label + BEHIND_LABELS);
    }
    findLike(known, i);
  }
  return known;
}

/** @returns whether the text stands as far behind the one that it is like as before */
function takeLike(known: Known, i: number, before: Known, place: number): boolean {
  const { labels } = known;
  const like = before.like[place] ?? -1;
  const other = i - place + like;
  if (like < 0 || other < 0 || labels[other] !== before.labels[like]) return false;
  let between = 0;
  for (let line = other; line < i; line++) between += mostOf(labels[line]);
  if (!isInReach(between, labels[i])) return false;
  known.like[i] = other;
  known.start[i] = before.start[place] ?? 0;
  known.end[i] = before.end[place] ?? 0;
  return true;
}

function findLike({ labels, like, start, end }: Known, i: number): void {
  const label = labels[i] ?? '';
  let most = 0;
  let between = 0;
  for (let other = i - 1; other >= Math.max(0, i - LOOK_BACK); other--) {
    const text = labels[other] ?? '';
    between += mostOf(text);
    if (!isInReach(between, label)) break;
    const fromStart = commonStart(label, text);
    const fromEnd = commonEnd(label, text, fromStart);
    // Of less there would be no match: with the brace of the one, the sign and the space of the other it has three bytes.
    if (fromStart + fromEnd <= most || fromStart === 0 || fromEnd === 0) continue;
    most = fromStart + fromEnd;
    like[i] = other;
    start[i] = fromStart;
    end[i] = fromEnd;
    if (label.length - most <= ALIKE) break;
  }
}

/** Of the line of a label text, bytes. */
function mostOf(label = ''): number {
  return label.length + LONGEST_REST;
}

/** Whether all of a text may stand so far behind another one. */
function isInReach(between: number, label = ''): boolean {
  return between <= FARTHEST_MATCH - label.length;
}

function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** @param start characters that are left out in both */
function commonEnd(a: string, b: string, start: number): number {
  const most = Math.min(a.length, b.length) - start;
  let length = 0;
  while (length < most && a.charCodeAt(a.length - 1 - length) === b.charCodeAt(b.length - 1 - length)) length++;
  return length;
}
