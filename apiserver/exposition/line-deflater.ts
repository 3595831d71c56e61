import { crc32 } from 'node:zlib';
import type { Deflated } from './deflated.js';
import { crc32Append, crc32Multiplier, crc32Multiply, crc32Shift, type Crc32Multiplier } from './crc32.js';
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

/** What is known of label texts: what each has in common with an earlier one, from its beginning and from its end. */
interface Known {
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

  /**
   * @returns with bytes that are overwritten by the next call; undefined for what is left to zlib: labels that are not printable ASCII,
   *   counters that are not known
   */
  deflate({ name, labels, values }: SampleLines): Deflated | undefined {
    const known = this.#knownOf(labels);
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
      const tail = `${renderValue(value)}\n`;
      const length = head.length + label.length + BEHIND_LABELS.length + tail.length;
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
      this.#literals(tail);
      // Bytes that stay the same are not gone through again: what they make of the CRC before them is known.
      crc = crc32Multiply(behindHead, crc) ^ headCrc;
      crc = crc32Multiply(this.#multiplierOf(label.length + BEHIND_LABELS.length), crc) ^ (crcs[i] ?? 0);
      crc = crc32Append(crc, tail);
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

  #knownOf(labels: readonly string[]): Known | null {
    let known = this.#known.get(labels);
    if (known === undefined) this.#known.set(labels, (known = knownOf(labels)));
    return known;
  }
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

/** @returns null where zlib has to do it */
function knownOf(labels: readonly string[]): Known | null {
  if (!labels.every((label) => PRINTABLE.test(label))) return null;
  const known = {
    like: new Int32Array(labels.length).fill(-1),
    start: new Uint16Array(labels.length),
    end: new Uint16Array(labels.length),
    crcs: Uint32Array.from(labels, (label) => crc32(label + BEHIND_LABELS)),
  };
  for (const [i, label] of labels.entries()) {
    let most = 0;
    let between = 0;
    for (let other = i - 1; other >= Math.max(0, i - LOOK_BACK); other--) {
      const text = labels[other] ?? '';
      between += text.length + LONGEST_REST;
      if (between > FARTHEST_MATCH - label.length) break;
      const start = commonStart(label, text);
      const end = commonEnd(label, text, start);
      // Of less there would be no match: with the brace of the one, the sign and the space of the other it has three bytes.
      if (start + end <= most || start === 0 || end === 0) continue;
      most = start + end;
      known.like[i] = other;
      known.start[i] = start;
      known.end[i] = end;
      if (label.length - most <= ALIKE) break;
    }
  }
  return known;
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
