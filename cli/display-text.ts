// Text as a terminal shows it: in columns, which are neither characters nor UTF-16 units.

/** What takes two columns: East Asian Width W and F (Unicode TR11), whole blocks at a time, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;
/** What stands on the character before it. The selector of emoji presentation (U+FE0F) is left out: it may widen that one. */
const COMBINING = /(?!\ufe0f)[\p{Mn}\p{Me}]/u;

/** A name from the kernel must not be able to move the cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

/** Columns that a printable text takes; where terminals differ, the more. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOfOne(character);
  return columns;
}

/** The beginning of a text that fits. */
export function cutToColumns(text: string, columns: number): string {
  let taken = 0;
  let end = 0;
  for (const character of text) {
    taken += columnsOfOne(character);
    if (taken > columns) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function columnsOfOne(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
