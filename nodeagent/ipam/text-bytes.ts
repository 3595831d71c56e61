import { isUtf8 } from 'node:buffer';
import { LINE_FEED } from './text-cursor.js';
import { PrometheusTextError } from './text-error.js';

/**
 * Metrics text as it came, decoded. A byte order mark stays, and is refused by the parser, as Prometheus does.
 * @throws {PrometheusTextError} when it is not UTF-8
 */
export function decodePrometheusText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString();
  if (isUtf8(buffer)) return text;
  const replaced = Buffer.from(text); // has other bytes from the first on that is wrong, or from the line feed after it
  const differs = buffer.findIndex((byte, i) => byte !== replaced[i]);
  const at = differs < 0 ? buffer.length : differs;
  const from = at === 0 ? 0 : buffer.lastIndexOf(LINE_FEED, at - 1) + 1;
  const to = buffer.indexOf(LINE_FEED, from);
  throw new PrometheusTextError(
    1 + lineFeeds(buffer.subarray(0, from)),
    'the text is not UTF-8',
    buffer.toString('latin1', from, to < 0 ? buffer.length : to),
  );
}

function lineFeeds(buffer: Buffer): number {
  let count = 0;
  for (let at = buffer.indexOf(LINE_FEED); at >= 0; at = buffer.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}
