import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { textOf, type SampleLines } from '../../metrics/render.js';
import { crc32Shift } from './crc32.js';
import { LineDeflater } from './line-deflater.js';

/** It ends on the boundary of a byte and is not the last of its stream, and no later text refers to it. */
const ENDS_OPEN = { finishFlush: constants.Z_SYNC_FLUSH };
/** A window of 8 KiB is a sixth of the memory to take and clear for each text, and finds as much: lines repeat the one before. */
const FAST = { ...ENDS_OPEN, level: constants.Z_BEST_SPEED, windowBits: 13, memLevel: 7 };

/** Lines become a fifteenth. What zlib's default of 16 KiB leaves unused is garbage outside of V8's heap, which brings collections on. */
const LEAST_CHUNK_BYTES = 1_024;
const SHRINKS_TO = 1 / 8;

/** A text, deflated so that it can stand anywhere in a deflate stream (RFC 1951). */
export interface Deflated {
  readonly bytes: Uint8Array;
  /** Of the text, bytes. */
  readonly length: number;
  readonly crc: number;
  /** From `crc32Shift` of the length. */
  readonly shift: number;
}

/** A text is written here to be looked at: memory taken for each would be garbage outside of V8's heap, which brings collections on. */
const scratch = Buffer.allocUnsafeSlow(1024 * 1024);
const UTF8_MOST_BYTES = 3; // of a UTF-16 unit

/** @returns bytes that are overwritten by the next text */
function utf8Of(text: string): Buffer {
  if (text.length * UTF8_MOST_BYTES > scratch.length) return Buffer.from(text);
  return scratch.subarray(0, scratch.write(text));
}

export function deflate(text: string): Deflated {
  const plain = utf8Of(text);
  const chunkSize = Math.max(LEAST_CHUNK_BYTES, Math.ceil(plain.length * SHRINKS_TO));
  return {
    bytes: deflateRawSync(plain, { ...FAST, chunkSize }),
    length: plain.length,
    crc: crc32(plain),
    shift: crc32Shift(plain.length),
  };
}

const lineDeflater = new LineDeflater();

/** @returns with bytes that are overwritten when the next lines are deflated; undefined where there are none */
function deflateLines(lines: string | SampleLines): Deflated | undefined {
  const written = typeof lines === 'string' ? undefined : lineDeflater.deflate(lines);
  if (written !== undefined) return written;
  const text = textOf(lines);
  return text === '' ? undefined : deflate(text);
}

export function inflate({ bytes }: Deflated): string {
  return inflateRawSync(bytes, ENDS_OPEN).toString();
}

/** Where the bytes of some texts, and what is known of each, come together. */
let held = new Uint8Array(64 * 1024);
let heldFields = new Uint32Array(1_024);

function hold(bytes: Uint8Array, at: number): void {
  const end = at + bytes.length;
  if (end > held.length) {
    const larger = new Uint8Array(2 * end);
    larger.set(held);
    held = larger;
  }
  held.set(bytes, at);
}

/** Of each text: where its bytes end, its length, its CRC, its shift. */
const FIELDS = 4;
/** So much more is taken than is needed: digits are added to counters, and the next texts are to have room in the same memory. */
const SPARE_SHARE = 1 / 32;
/** Memory of which more is left over is not taken over. */
const MOST_LEFT_OVER = 1 / 4;

/** Some texts, deflated one by one and kept as one piece: there are a hundred of thousands of nodes, most of them empty. */
export class DeflatedTexts {
  /** Which of them are not empty, in their order: of a hundred families a node has a dozen. */
  readonly filled: readonly number[];
  /** One piece of memory for both: each is a cost of its own, outside of V8's heap. */
  #memory: ArrayBuffer;
  #bytes: Uint8Array;
  #fields: Uint32Array;

  /**
   * @param before where a text that is undefined is taken from
   * @param isLast nobody looks at those from before any more: their memory is taken over where it fits, and they are empty from then on.
   *   Memory outside of V8's heap that is made anew for each report brings a collection of everything on, again and again
   */
  constructor(texts: readonly (string | SampleLines | undefined)[], before?: DeflatedTexts, isLast = false) {
    const count = FIELDS * texts.length;
    if (heldFields.length < count) heldFields = new Uint32Array(2 * count);
    const filled: number[] = [];
    let end = 0;
    for (const [i, lines] of texts.entries()) {
      const one = lines === undefined ? before?.at(i) : deflateLines(lines);
      const at = FIELDS * i;
      heldFields.fill(0, at, at + FIELDS);
      if (one !== undefined) {
        const { bytes, length, crc, shift } = one;
        hold(bytes, end);
        filled.push(i);
        end += bytes.length;
        heldFields[at + 1] = length;
        heldFields[at + 2] = crc;
        heldFields[at + 3] = shift;
      }
      heldFields[at] = end;
    }
    this.filled = filled;
    const size = count * Uint32Array.BYTES_PER_ELEMENT + end;
    const taken = isLast && before !== undefined ? before.#give(size) : undefined;
    this.#memory = taken ?? new ArrayBuffer(Math.ceil(size * (1 + SPARE_SHARE)));
    this.#fields = new Uint32Array(this.#memory, 0, count);
    this.#fields.set(heldFields.subarray(0, count));
    this.#bytes = new Uint8Array(this.#memory, this.#fields.byteLength, end);
    this.#bytes.set(held.subarray(0, end));
  }

  /** @returns its memory, which is another one's from then on; undefined where it does not fit */
  #give(size: number): ArrayBuffer | undefined {
    const memory = this.#memory;
    if (size > memory.byteLength || size < memory.byteLength * (1 - MOST_LEFT_OVER)) return undefined;
    this.#memory = new ArrayBuffer(0);
    this.#bytes = new Uint8Array(this.#memory);
    this.#fields = new Uint32Array(this.#memory);
    return memory;
  }

  /** Of all of them, deflated. */
  get bytes(): number {
    return this.#bytes.length;
  }

  /** @returns undefined where there is no such text or it is empty */
  at(i: number): Deflated | undefined {
    const at = FIELDS * i;
    // Not taken apart by computed names, which costs a microsecond: this is asked for each text of each scrape.
    const fields = this.#fields;
    const length = fields[at + 1] ?? 0;
    if (length === 0) return undefined;
    const bytes = this.#bytes.subarray(fields[at - FIELDS] ?? 0, fields[at]);
    return { bytes, length, crc: fields[at + 2] ?? 0, shift: fields[at + 3] ?? 0 };
  }
}
