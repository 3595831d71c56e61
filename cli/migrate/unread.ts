// What a file only names, or has in a form that is not read: nobody may take it for looked at.
import type { Path } from './documents.js';
import { fieldsOf, itemsOf, stringOf } from './found.js';

interface Unread {
  readonly path: Path;
  readonly error: string;
}

/** Rows have panels in them, and no rows. */
const MAX_NESTING = 4;

export function unreadIn(value: unknown, path: Path): Unread[] {
  const fields = fieldsOf(value) ?? {};
  const { kind, apiVersion, spec, dashboard } = fields;
  const ofSpec = fieldsOf(spec);
  const isVersion2 = kind === 'Dashboard' && /^dashboard\.grafana\.app\/v2/.test(stringOf(apiVersion) ?? '');
  if (isVersion2 || hasElements(fields)) return [{ path, error: 'is a dashboard of schema v2: export it as v1' }];
  if (kind === 'GrafanaDashboard' && ofSpec?.['gzipJson'] !== undefined) {
    return [
      { path: [...path, 'spec', 'gzipJson'], error: 'is compressed: unpack it (base64 -d | gunzip) and name the file' },
    ];
  }
  return [
    ...libraryPanelsIn(fields, path, { elements: fieldsOf(fields['__elements']), nesting: 0 }),
    ...(fieldsOf(dashboard) === undefined ? [] : unreadIn(dashboard, [...path, 'dashboard'])),
    ...(kind === 'Dashboard' ? unreadIn(spec, [...path, 'spec']) : []),
  ];
}

/** Panels of v2 are `elements`, which `layout` names. */
function hasElements({ elements, layout }: Readonly<Record<string, unknown>>): boolean {
  return fieldsOf(elements) !== undefined && fieldsOf(layout) !== undefined;
}

interface Within {
  /** Library panels that the file has with it. */
  readonly elements: Readonly<Record<string, unknown>> | undefined;
  readonly nesting: number;
}

function libraryPanelsIn(value: unknown, path: Path, { elements, nesting }: Within): Unread[] {
  if (nesting > MAX_NESTING) return [];
  const { panels, rows, libraryPanel, targets } = fieldsOf(value) ?? {};
  const within = { elements, nesting: nesting + 1 };
  const { uid, name } = fieldsOf(libraryPanel) ?? {};
  const isElsewhere =
    libraryPanel !== undefined && targets === undefined && elements?.[stringOf(uid) ?? ''] === undefined;
  return [
    ...(isElsewhere
      ? [{ path, error: `is the library panel "${stringOf(name) ?? ''}", which is not in the file: export it` }]
      : []),
    ...itemsOf(panels).flatMap((panel, i) => libraryPanelsIn(panel, [...path, 'panels', i], within)),
    ...itemsOf(rows).flatMap((row, i) => libraryPanelsIn(row, [...path, 'rows', i], within)),
  ];
}
