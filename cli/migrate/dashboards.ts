import type { Path } from './documents.js';
import { fieldsOf, itemsOf, stringOf, type Found } from './found.js';

/** Panels can be in rows, and rows in panels; no deeper than this. */
const MAX_NESTING = 4;

export function isDashboard(value: unknown): boolean {
  const fields = fieldsOf(value);
  if (fields === undefined) return false;
  const hasPanels = Array.isArray(fields['panels']) || Array.isArray(fields['rows']);
  return hasPanels && ('title' in fields || 'templating' in fields || 'schemaVersion' in fields);
}

/** Every query of a Grafana dashboard: of panels, variables and annotations. */
export function queriesIn(value: unknown, path: Path): Found[] {
  const { templating, annotations, __elements } = fieldsOf(value) ?? {};
  return [
    ...panelsIn(value, path, 0),
    // Library panels, which an export can have with it.
    ...Object.entries(fieldsOf(__elements) ?? {}).flatMap(([key, element]) =>
      panelQueries(fieldsOf(element)?.['model'], [...path, '__elements', key, 'model'], 0),
    ),
    ...itemsOf(fieldsOf(templating)?.['list']).flatMap((variable, i) =>
      variableQuery(variable, [...path, 'templating', 'list', i]),
    ),
    ...itemsOf(fieldsOf(annotations)?.['list']).flatMap((annotation, i): Found[] => {
      const fields = fieldsOf(annotation);
      // Newer Grafana has it where panels have theirs
      const target = fieldsOf(fields?.['target']);
      const isTarget = stringOf(target?.['expr']) !== undefined;
      const text = stringOf((isTarget ? target : fields)?.['expr']);
      if (text === undefined || text.trim() === '' || !isPrometheus(fields)) return [];
      const subject = `annotation "${stringOf(fields?.['name']) ?? ''}"`;
      const at = [...path, 'annotations', 'list', i, ...(isTarget ? ['target'] : []), 'expr'];
      return [{ kind: 'annotation', subject, text, path: at }];
    }),
  ];
}

function panelsIn(value: unknown, path: Path, nesting: number): Found[] {
  if (nesting > MAX_NESTING) return [];
  const { panels, rows } = fieldsOf(value) ?? {};
  return [
    ...itemsOf(panels).flatMap((panel, i) => panelQueries(panel, [...path, 'panels', i], nesting)),
    ...itemsOf(rows).flatMap((row, i) => panelsIn(row, [...path, 'rows', i], nesting + 1)),
  ];
}

function panelQueries(panel: unknown, path: Path, nesting: number): Found[] {
  const fields = fieldsOf(panel);
  if (fields === undefined) return [];
  const subject = `panel "${stringOf(fields['title']) ?? ''}"`;
  const targets = itemsOf(fields['targets']).flatMap((target, i): Found[] => {
    const one = fieldsOf(target);
    const text = stringOf(one?.['expr']);
    const isOurs = one !== undefined && isPrometheus('datasource' in one ? one : fields);
    if (text === undefined || text.trim() === '' || !isOurs) return [];
    return [{ kind: 'panel', subject, text, path: [...path, 'targets', i, 'expr'] }];
  });
  return [...targets, ...panelsIn(fields, path, nesting + 1)];
}

function variableQuery(variable: unknown, path: Path): Found[] {
  const fields = fieldsOf(variable);
  if (fields?.['type'] !== 'query' || !isPrometheus(fields)) return [];
  const { query } = fields;
  const isObject = fieldsOf(query) !== undefined;
  const text = stringOf(isObject ? fieldsOf(query)?.['query'] : query);
  if (text === undefined || text.trim() === '') return [];
  const at = { path: [...path, 'query', ...(isObject ? ['query'] : [])], written: text };
  const named = { kind: 'variable', subject: `variable ${stringOf(fields['name']) ?? ''}`, ...at } as const;
  const [, series, label] = /^\s*label_values\(\s*(?:([^]*\S)\s*,\s*)?([^\s,()]+)\s*\)\s*$/.exec(text) ?? [];
  if (label !== undefined) return series === undefined ? [] : [{ ...named, text: series, label, call: 'label_values' }];
  const [, result] = /^\s*query_result\(([^]*)\)\s*$/.exec(text) ?? [];
  if (result !== undefined) return [{ ...named, text: result, call: 'query_result' }];
  return /^\s*(metrics|label_names)\(/.test(text) ? [] : [{ ...named, text }];
}

/** A data source of another type speaks another language. Where only its name is known, it is taken for Prometheus. */
export function isPrometheus(fields: Readonly<Record<string, unknown>> | undefined): boolean {
  const { type: given, uid } = fieldsOf(fields?.['datasource']) ?? {};
  const type = stringOf(given);
  if (type === undefined || type.startsWith('$') || uid === '-- Mixed --') return true;
  return /prometheus|victoriametrics/i.test(type) && !/logs|traces/i.test(type);
}
