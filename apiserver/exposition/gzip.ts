import { crc32Combine } from './crc32.js';
import type { Deflated } from './deflated.js';

/** RFC 1952, 2.3: magic, deflate, no flags, no time, made fast, by an unknown system. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255);
/** RFC 1951, 3.2: a last block with fixed codes that holds nothing but its end. */
const LAST_BLOCK = Uint8Array.of(3, 0);
const TRAILER_BYTES = 8;
/** Of a piece that is handed on, where no text is larger: less than a millisecond of work, and others have a turn behind it. */
const CHUNK_BYTES = 262_144;

/**
 * Texts one behind the other as one member of gzip, for many programs read no second one. Nothing is deflated or summed anew:
 * the texts' bytes are copied, and their CRCs combined.
 */
export function* gzipOf(texts: Iterable<Deflated>): Generator<Uint8Array> {
  const chunks = new Chunks();
  let crc = 0;
  let length = 0;
  chunks.hold(HEADER);
  for (const text of texts) {
    crc = crc32Combine(crc, text.crc, text.shift);
    length += text.length;
    if (!chunks.hold(text.bytes)) yield* chunks.passing(text.bytes);
  }
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(crc);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  yield* chunks.passing(Buffer.concat([LAST_BLOCK, trailer]));
  yield chunks.taken();
}

/** Thousands of small pieces are copied together: each one on its way through the streams would cost more than that. */
class Chunks {
  #chunk = new Uint8Array(CHUNK_BYTES);
  #used = 0;

  /** @returns whether there was room */
  hold(bytes: Uint8Array): boolean {
    if (this.#used + bytes.length > CHUNK_BYTES) return false;
    this.#chunk.set(bytes, this.#used);
    this.#used += bytes.length;
    return true;
  }

  /** What has to go before the bytes have room, and the bytes themselves where they never would. */
  *passing(bytes: Uint8Array): Generator<Uint8Array> {
    if (this.#used > 0 && this.#used + bytes.length > CHUNK_BYTES) yield this.taken();
    if (!this.hold(bytes)) yield bytes;
  }

  taken(): Uint8Array {
    const taken = this.#chunk.subarray(0, this.#used);
    this.#chunk = new Uint8Array(CHUNK_BYTES);
    this.#used = 0;
    return taken;
  }
}
