import { Readable } from 'node:stream';
import type { Turns } from '../turns.js';

/** Characters that are made into bytes at once, and written at once to a connection. */
const PIECE_CHARACTERS = 64 * 1024;

/** A list without what it lists, and how that is written. */
export interface ListForm<Item> {
  /** What stands before the items. */
  readonly head: object;
  readonly key: 'items' | 'rows';
  /** Undefined: it is no more, and left out. */
  readonly toJson: (item: Item) => object | undefined;
  readonly isIndented: boolean;
}

/**
 * A list as JSON, made in turns: JSON.stringify takes half a second for 50,000 objects. What is longer than a piece is a stream, so that a
 * connection encrypts it piece by piece, too.
 */
export async function renderList<Item>(
  items: Iterable<Item>,
  { head, key, toJson, isIndented }: ListForm<Item>,
  turns: Turns,
): Promise<Buffer | Readable> {
  const [spaces, colon, lineEnd] = isIndented ? [2, ': ', '\n'] : [0, ':', ''];
  const indent = ' '.repeat(2 * spaces);
  const pieces: Buffer[] = [];
  let text = `${JSON.stringify(head, null, spaces).slice(0, -1).trimEnd()},${lineEnd}${' '.repeat(spaces)}"${key}"${colon}[`;
  let count = 0;
  await turns.each(items, (item) => {
    const made = toJson(item);
    if (made === undefined) return;
    const json = JSON.stringify(made, null, spaces);
    // No string of JSON has a line end of its own.
    text += `${count++ === 0 ? '' : ','}${lineEnd}${indent}${isIndented ? json.replaceAll('\n', `\n${indent}`) : json}`;
    if (text.length < PIECE_CHARACTERS) return;
    pieces.push(Buffer.from(text));
    text = '';
  });
  const end = count === 0 ? '' : `${lineEnd}${' '.repeat(spaces)}`;
  pieces.push(Buffer.from(`${text}${end}]${lineEnd}}\n`));
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Readable.from(pieces, { objectMode: false });
}
