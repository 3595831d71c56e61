import { Type, type TProperties } from 'typebox';

/** The list of an array property, its entries not yet looked at. */
export const unchecked = (maxItems: number) => Type.Array(Type.Unknown(), { maxItems });

/** A schema of openapi/ with some of its properties left open: lists whose entries are judged one by one. */
export function openSchema<Whole extends TProperties, Open extends TProperties>(whole: Whole, open: Open) {
  return Type.Object({ ...whole, ...open });
}

/** Of an entry that fits a schema what the schema knows: the rest is not kept. */
export function keepKnown<Entry extends object>(entry: Entry, known: TProperties): Entry {
  return Object.fromEntries(Object.entries(entry).filter(([key]) => Object.hasOwn(known, key))) as Entry;
}
