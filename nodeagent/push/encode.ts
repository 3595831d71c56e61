import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, gzip, gzipSync } from 'node:zlib';

/** Written before others get their turn, about 3 ms; as much is compressed on the spot, which is cheaper than a thread. */
const BYTES_AT_A_TIME = 256 * 1024;
const compress = promisify(gzip);

export interface EncodeLimits {
  readonly inflatedBytes: number;
  readonly compressedBytes: number;
}

/**
 * JSON, made piece by piece, as gzip.
 * @returns undefined when it is larger than its limits; no more of it is made than shows that
 */
export async function encode(pieces: Iterable<string>, limits: EncodeLimits): Promise<Buffer | undefined> {
  const chunks: string[] = [];
  let length = 0;
  let turnAt = BYTES_AT_A_TIME;
  for (const piece of pieces) {
    chunks.push(piece);
    length += Buffer.byteLength(piece);
    if (length > limits.inflatedBytes) return undefined;
    if (length < turnAt) continue;
    turnAt = length + BYTES_AT_A_TIME;
    await setImmediate();
  }
  const text = chunks.join('');
  const options = { level: constants.Z_BEST_SPEED };
  const body = length <= BYTES_AT_A_TIME ? gzipSync(text, options) : await compress(text, options);
  return body.length > limits.compressedBytes ? undefined : body;
}
