import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { crc32Shift } from './crc32.js';

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

export function deflate(text: string): Deflated {
  const plain = Buffer.from(text);
  const chunkSize = Math.max(LEAST_CHUNK_BYTES, Math.ceil(plain.length * SHRINKS_TO));
  return {
    bytes: deflateRawSync(plain, { ...FAST, chunkSize }),
    length: plain.length,
    crc: crc32(plain),
    shift: crc32Shift(plain.length),
  };
}

export function inflate({ bytes }: Deflated): string {
  return inflateRawSync(bytes, ENDS_OPEN).toString();
}

/** Of each text: where its bytes end, its length, its CRC, its shift. */
const FIELDS = 4;

/** Some texts, deflated one by one and kept as one piece: there are a hundred of thousands of nodes, most of them empty. */
export class DeflatedTexts {
  /** Which of them are not empty, in their order: of a hundred families a node has a dozen. */
  readonly filled: readonly number[];
  readonly #bytes: Uint8Array;
  readonly #fields: Uint32Array;

  /** @param before where a text that is undefined is taken from */
  constructor(texts: readonly (string | undefined)[], before?: DeflatedTexts) {
    this.#fields = new Uint32Array(FIELDS * texts.length);
    const parts: Uint8Array[] = [];
    const filled: number[] = [];
    let end = 0;
    for (const [i, text] of texts.entries()) {
      const one = text === undefined ? before?.at(i) : text === '' ? undefined : deflate(text);
      if (one !== undefined) {
        const { bytes, length, crc, shift } = one;
        parts.push(bytes);
        filled.push(i);
        this.#fields.set([0, length, crc, shift], FIELDS * i);
        end += bytes.length;
      }
      this.#fields[FIELDS * i] = end;
    }
    this.filled = filled;
    // What zlib gives is a part of a larger buffer that would be kept, too.
    this.#bytes = new Uint8Array(end);
    end = 0;
    for (const part of parts) {
      this.#bytes.set(part, end);
      end += part.length;
    }
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
