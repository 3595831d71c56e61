import { isUtf8 } from 'node:buffer';
import { LINE_FEED } from './text-cursor.js';
import { PrometheusTextError } from './text-error.js';

/**
 * Metrics text as it came, decoded. A byte order mark stays, and is refused by the parser, as Prometheus does.
 * @throws {PrometheusTextError} when it is not UTF-8
 */
export function decodePrometheusText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString();
  const from = firstBadLine(buffer);
  const to = buffer.indexOf(LINE_FEED, from);
  const bad = buffer.subarray(from, to < 0 ? buffer.length : to);
  throw new PrometheusTextError(
    1 + lineFeeds(buffer.subarray(0, from)),
    'the text is not UTF-8',
    bad.toString('latin1'),
  );
}

/** Where the first line begins that is not UTF-8. No character has a line feed inside: each half can be judged by itself. */
function firstBadLine(buffer: Buffer): number {
  let from = 0;
  let to = buffer.length;
  for (;;) {
    const half = buffer.lastIndexOf(LINE_FEED, Math.floor((from + to) / 2));
    const lineEnd = buffer.indexOf(LINE_FEED, from);
    const isOneLine = half < from; // up to the middle, and perhaps beyond
    const next = isOneLine ? (lineEnd < 0 ? buffer.length : lineEnd + 1) : half + 1;
    if (isUtf8(buffer.subarray(from, next))) from = next;
    else if (isOneLine || next === to) return from;
    else to = next;
  }
}

function lineFeeds(buffer: Buffer): number {
  let count = 0;
  for (let at = buffer.indexOf(LINE_FEED); at >= 0; at = buffer.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}
