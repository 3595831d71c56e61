/** A piece of a text, and what comes in its place. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** The text with all edits made. Of two that overlap the one that begins first and reaches further is made, and the other is not. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const sorted = [...edits].sort((a, b) => a.from - b.from || isInsertion(b) - isInsertion(a) || b.to - a.to);
  let edited = '';
  let at = 0;
  for (const { from, to, text: inserted } of sorted) {
    if (from < at) continue;
    edited += text.slice(at, from) + inserted;
    at = to;
  }
  return edited + text.slice(at);
}

function isInsertion({ from, to }: Edit): number {
  return from === to ? 1 : 0;
}
