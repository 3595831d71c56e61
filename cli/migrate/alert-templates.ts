// Queries that the templates of an alert ask: `{{ query "up" | first | value }}`.
import type { Path } from './documents.js';
import { fieldsOf, stringOf, type Found } from './found.js';
import { unquote } from './promql.js';

const ACTION = /\{\{((?:(?!\{\{|\}\})[^])*)\}\}/g;
const STRING = '("(?:\\\\.|[^"\\\\])*"|`[^`]*`)';
/** As its argument, or handed to it: in either case also what printf makes it of. */
const QUERIES = [
  new RegExp(`\\bquery\\s*(?:\\(\\s*)?(?:printf\\s*)?${STRING}`, 'g'),
  new RegExp(`${STRING}[^|"\`]*\\|\\s*query\\b`, 'g'),
];

/** @param rule an alert, with `annotations` and `labels` */
export function templateQueriesIn(rule: unknown, { subject, path }: { subject: string; path: Path }): Found[] {
  const fields = fieldsOf(rule);
  return ['annotations', 'labels'].flatMap((part) =>
    Object.entries(fieldsOf(fields?.[part]) ?? {}).flatMap(([key, template]) =>
      queriesOf(stringOf(template) ?? '').map((text): Found => ({
        kind: 'template',
        subject: `${subject}, query in ${key}`,
        text,
        path: [...path, part, key],
      })),
    ),
  );
}

function queriesOf(template: string): string[] {
  const actions = [...template.matchAll(ACTION)].map(([, action = '']) => action);
  return actions.flatMap((action) =>
    QUERIES.flatMap((query) => [...action.matchAll(query)].map(([, literal = '']) => unquote(literal))),
  );
}
