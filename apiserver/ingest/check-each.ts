import { firstError, type Validator } from './explain.js';
import type { RejectionReason, Rejections } from './rejections.js';

/** How the entries of a list are judged. */
export interface Judgement<Entry, Kept> {
  /** Where the list stands in the report. */
  readonly path: string;
  readonly reason: RejectionReason;
  readonly validator: Validator & { Check(value: unknown): value is Entry };
  /** What there is to be one entry of. */
  readonly keyOf: (entry: Entry) => string;
  /** What is kept of a good entry. @param path of the entry */
  readonly keep: (entry: Entry, path: string) => Kept;
}

/** Judges a list entry by entry: a bad one is left out and named, and so is one that stands there before. */
export function checkEach<Entry, Kept>(
  entries: readonly unknown[],
  { path: list, reason, validator, keyOf, keep }: Judgement<Entry, Kept>,
  rejections: Rejections,
): Kept[] {
  const good = new Map<string, Kept>();
  for (const [i, entry] of entries.entries()) {
    const path = `${list}[${i}]`;
    if (!validator.Check(entry)) {
      rejections.add(path, reason, () => firstError(validator, entry));
      continue;
    }
    const key = keyOf(entry);
    if (good.has(key)) rejections.add(path, reason, `${key} stands before in this report`);
    else good.set(key, keep(entry, path));
  }
  return [...good.values()];
}
