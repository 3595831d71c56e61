// What a file has that reads metrics: rules, dashboards, alarms, what scales, and those that are wrapped in other objects.
import { alarmsIn } from './alarms.js';
import { isDashboard, queriesIn } from './dashboards.js';
import { readDocuments, renderPath, type Path, type ReadDocument, type Unreadable } from './documents.js';
import { fieldsOf, itemsOf, objectsIn, stringOf, stringsIn, type Fields, type Found } from './found.js';
import { chartRulesIn, relabellingsIn, rulesIn } from './rule-files.js';
import { adapterQueriesIn, triggerQueriesIn } from './scaling.js';
import { unreadIn } from './unread.js';

/** With the place in the file. */
export interface Placed extends Found {
  readonly line: number | undefined;
  /** As it is shown. */
  readonly place: string;
}

export interface Extracted {
  readonly found: readonly Placed[];
  readonly problems: readonly Unreadable[];
}

/** A text in a ConfigMap can be a rule file, which has no such texts itself. */
const MAX_EMBEDDED = 2;
/** A List has no lists in it. */
const MAX_LISTS = 2;
/** What a ConfigMap calls files that have to be readable. */
const READABLE = /\.(json|ya?ml|rules)$/;

/** The families of predecessors that a text names, and where in it. */
export type Mentions = (text: string) => readonly { readonly name: string; readonly offset: number }[];

export function extract(text: string, mentions: Mentions): Extracted {
  return extractText(text, { firstLine: 1, prefix: '', embedded: 0, mentions });
}

interface Where {
  readonly mentions: Mentions;
  readonly firstLine: number | undefined;
  readonly prefix: string;
  readonly embedded: number;
}

function extractText(text: string, where: Where): Extracted {
  const { documents, problems } = readDocuments(text, where.firstLine);
  const several = documents.length > 1;
  const extracted = documents.map((document, i) =>
    new Extraction(document, {
      ...where,
      prefix: several ? `${where.prefix}document ${i + 1}: ` : where.prefix,
    }).extract(),
  );
  return {
    found: extracted.flatMap(({ found }) => found),
    problems: [...problems, ...extracted.flatMap((one) => one.problems)],
  };
}

class Extraction {
  readonly #found: Placed[] = [];
  readonly #problems: Unreadable[] = [];

  constructor(
    readonly document: ReadDocument,
    readonly where: Where,
  ) {}

  extract(): Extracted {
    const { value } = this.document;
    if (Array.isArray(value)) for (const [i, item] of itemsOf(value).entries()) this.#object(item, [i], 1);
    else this.#object(value, [], 0);
    return { found: this.#found, problems: this.#problems };
  }

  #object(value: unknown, path: Path, lists: number): void {
    const fields = fieldsOf(value) ?? {};
    if (Array.isArray(fields['items']) && lists < MAX_LISTS) {
      for (const [i, item] of itemsOf(fields['items']).entries()) this.#object(item, [...path, 'items', i], lists + 1);
      return;
    }
    const before = this.#found.length + this.#problems.length;
    this.#read(value, path, fields);
    const isNothingFound = this.#found.length + this.#problems.length === before;
    if (isNothingFound && this.where.embedded === 0) this.#named(value, path);
  }

  /** Says what names a family and is nothing that is read: nobody may take it for looked at. */
  #named(value: unknown, path: Path): void {
    const mentions = [...stringsIn(value, path)].flatMap((one) =>
      this.where.mentions(one.text).map(({ name }) => ({ ...one, name })),
    );
    const [first] = mentions;
    if (first === undefined) return;
    const at = first.path.length === 0 ? '' : `${this.#place(first.path)}: `;
    const error = this.where.prefix + at + describeNames(mentions);
    this.#problems.push({ line: this.document.lineOf(first.path), error });
  }

  #read(value: unknown, path: Path, fields: Fields): void {
    this.#add(rulesIn(value, path));
    this.#add(rulesIn(fields['spec'], [...path, 'spec']));
    this.#add(chartRulesIn(value, path));
    this.#add(alarmsIn(value, path));
    for (const one of objectsIn(value, path)) {
      this.#add([...relabellingsIn(one), ...adapterQueriesIn(one), ...triggerQueriesIn(one)]);
    }
    if (isDashboard(value)) this.#add(queriesIn(value, path));
    if (isDashboard(fields['dashboard'])) this.#add(queriesIn(fields['dashboard'], [...path, 'dashboard']));
    if (fields['kind'] === 'Dashboard' && isDashboard(fields['spec'])) {
      this.#add(queriesIn(fields['spec'], [...path, 'spec']));
    }
    for (const { path: at, error } of unreadIn(value, path)) {
      const prefix = this.where.embedded === 0 ? this.where.prefix : '';
      const line = this.where.embedded === 0 ? this.document.lineOf(at) : undefined;
      this.#problems.push({ line, error: `${prefix}${at.length === 0 ? '' : `${this.#place(at)}: `}${error}` });
    }
    if (fields['kind'] === 'ConfigMap') this.#texts(fields['data'], [...path, 'data']);
    if (fields['kind'] !== 'GrafanaDashboard') return;
    this.#text(fieldsOf(fields['spec'])?.['json'], [...path, 'spec', 'json'], true);
  }

  #texts(data: unknown, path: Path): void {
    for (const [key, text] of Object.entries(fieldsOf(data) ?? {})) {
      this.#text(text, [...path, key], READABLE.test(key));
    }
  }

  #text(value: unknown, path: Path, isReadable: boolean): void {
    const text = stringOf(value);
    if (text === undefined || this.where.embedded >= MAX_EMBEDDED) return;
    const prefix = `${this.where.prefix}${this.#place(path)}: `;
    const firstLine = this.document.firstLineOf(path);
    const { found, problems } = extractText(text, {
      ...{ firstLine, prefix, mentions: this.where.mentions },
      embedded: this.where.embedded + 1,
    });
    this.#found.push(...found);
    for (const { line, error } of isReadable ? problems : []) {
      this.#problems.push({ line: firstLine === undefined ? undefined : line, error: prefix + error });
    }
    if (found.length > 0 || (isReadable && problems.length > 0)) return;
    const mentions = this.where.mentions(text);
    const [first] = mentions;
    if (first === undefined) return;
    const above = text.slice(0, first.offset).split('\n').length - 1;
    const line = firstLine === undefined ? undefined : firstLine + above;
    this.#problems.push({ line, error: prefix + describeNames(mentions) });
  }

  /** Of an object of Kubernetes by its name: in a List of hundreds its number is none. */
  #place(path: Path): string {
    const [first, index, ...rest] = path;
    const isItem = first === 'items' && typeof index === 'number';
    const items = itemsOf(fieldsOf(this.document.value)?.['items']);
    const name = objectName(isItem ? items[index] : this.document.value);
    if (name === undefined) return renderPath(path);
    return `${name}: ${renderPath(isItem ? rest : path)}`;
  }

  #lineOfEmbedded(path: Path): number | undefined {
    return this.where.firstLine === undefined ? undefined : (this.document.lineOf(path) ?? this.where.firstLine);
  }

  #add(found: readonly Found[]): void {
    for (const one of found) {
      // Of a JSON in a manifest it is known where it begins.
      const line = this.where.embedded === 0 ? this.document.lineOf(one.path) : this.#lineOfEmbedded(one.path);
      this.#found.push({ ...one, line, place: this.where.prefix + this.#place(one.path) });
    }
  }
}

function describeNames(mentions: readonly { readonly name: string }[]): string {
  const names = [...new Set(mentions.map(({ name }) => name))];
  const shown = names.length > 3 ? [...names.slice(0, 3), '…'] : names;
  return `names ${shown.join(', ')} and is nothing that is known here: look at it by hand`;
}

/** `ConfigMap telco/dashboards`; undefined of what is no object of Kubernetes with a name. */
function objectName(value: unknown): string | undefined {
  const fields = fieldsOf(value);
  const metadata = fieldsOf(fields?.['metadata']);
  const [kind, name, namespace] = [fields?.['kind'], metadata?.['name'], metadata?.['namespace']].map(stringOf);
  if (kind === undefined || name === undefined) return undefined;
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
