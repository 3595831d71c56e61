import { Type, type TProperties } from 'typebox';

/** The list of an array property, its entries not yet looked at. */
export const unchecked = (maxItems: number) => Type.Array(Type.Unknown(), { maxItems });

/** A schema of openapi/ with some of its properties left open: lists whose entries are judged one by one. */
export function openSchema<Whole extends TProperties, Open extends TProperties>(whole: Whole, open: Open) {
  return Type.Object({ ...whole, ...open });
}
