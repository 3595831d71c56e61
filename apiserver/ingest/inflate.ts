import { constants, gunzip, gunzipSync } from 'node:zlib';
import { promisify } from 'node:util';
import { ApiError } from '../api/errors.js';

/** A body that says it is no larger than this is inflated on the spot: for a usual report that is cheaper than a thread. */
const SYNC_BYTES = 1024 * 1024;
const GZIP_MIN_BYTES = 18; // header and trailer of an empty member, RFC 1952

/** What the trailer claims (RFC 1952, ISIZE); 0 where there is none. */
export function inflatedSize(body: Buffer): number {
  return body.length < GZIP_MIN_BYTES ? 0 : body.readUInt32LE(body.length - 4);
}

const LEAST_CHUNK_BYTES = 64; // zlib's own bound

const gunzipInPool = promisify(gunzip);

/**
 * Inflates one gzip member, of at most `maxBytes`. The size that its trailer claims (RFC 1952, ISIZE) is what it may have and
 * no more, so a bomb is caught before or while it goes off.
 * @throws {ApiError} BadRequest for what is not gzip, RequestEntityTooLarge beyond the bound
 */
export async function inflate(body: Buffer, maxBytes: number): Promise<Buffer> {
  if (body.length < GZIP_MIN_BYTES) throw new ApiError('BadRequest', `the body is not gzip: ${body.length} bytes`);
  const claimed = inflatedSize(body);
  const options = { maxOutputLength: Math.max(1, Math.min(claimed, maxBytes)), finishFlush: constants.Z_FINISH };
  try {
    // One piece that all fits in, for pieces of the default size are copied together.
    return claimed <= SYNC_BYTES
      ? gunzipSync(body, { ...options, chunkSize: Math.max(LEAST_CHUNK_BYTES, claimed + 1) })
      : await gunzipInPool(body, options);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (!('code' in error) || error.code !== 'ERR_BUFFER_TOO_LARGE') {
      throw new ApiError('BadRequest', `the body is not gzip, or cut short: ${error.message}`);
    }
    if (claimed > maxBytes)
      throw new ApiError('RequestEntityTooLarge', `the report is larger than ${maxBytes} bytes when inflated`);
    throw new ApiError(
      'BadRequest',
      `the body is not one gzip member: it holds more than the ${claimed} bytes that it claims`,
    );
  }
}
