import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

/** Written before others get their turn: about 3 ms. */
const CHARACTERS_AT_A_TIME = 256 * 1024;
const compress = promisify(gzip);

/** JSON, made piece by piece, as gzip. */
export async function encode(pieces: Iterable<string>): Promise<Buffer> {
  const chunks: string[] = [];
  let sinceTurn = 0;
  for (const piece of pieces) {
    chunks.push(piece);
    sinceTurn += piece.length;
    if (sinceTurn < CHARACTERS_AT_A_TIME) continue;
    sinceTurn = 0;
    await setImmediate();
  }
  return compress(chunks.join(''), { level: constants.Z_BEST_SPEED });
}
