import type { Path } from './documents.js';

/** Something of a file that reads metrics. */
export interface Found {
  readonly kind:
    | 'alert'
    | 'record'
    | 'panel'
    | 'variable'
    | 'annotation'
    | 'alarm'
    | 'relabelling'
    | 'template'
    | 'adapter'
    | 'scaler';
  /** What it is called: `alert PodDrops`, `panel "Received"`. */
  readonly subject: string;
  readonly path: Path;
  /** PromQL, of an adapter a template for it; of an alarm the name of the metric, of a relabelling its regular expression. */
  readonly text: string;
  /** As it stands in the file, where that is more than `text`. */
  readonly written?: string;
  /** What a rule records. */
  readonly record?: string;
  /** Whether a rule that records gives its series labels. */
  readonly isLabelled?: boolean;
  /** Of `label_values(…, label)`. */
  readonly label?: string;
  /** What a variable of a dashboard does with the query. */
  readonly call?: 'label_values' | 'query_result';
  /** Rule that a text of an adapter is of. */
  readonly rule?: AdapterRule;
  /** Of an alarm. */
  readonly alarm?: { readonly statistic: string; readonly unit: string };
}

/** A rule of prometheus-adapter. */
export interface AdapterRule {
  /** A selector: the series that there is a metric of. */
  readonly seriesQuery: string;
  /** Regular expressions for their names. */
  readonly filters: readonly { readonly pattern: string; readonly isNot: boolean }[];
  /** A template, with `<<.Series>>` for the name of one of them. */
  readonly metricsQuery: string | undefined;
}

export type Fields = Readonly<Record<string, unknown>>;

/** An object of a document, and where it is. */
export interface PlacedFields {
  readonly fields: Fields;
  readonly path: Path;
}

/** Deeper than any manifest. */
const MAX_DEPTH = 40;

/** Every object in a value, itself first. */
export function* objectsIn(value: unknown, path: Path): Generator<PlacedFields> {
  if (path.length > MAX_DEPTH) return;
  for (const [i, item] of itemsOf(value).entries()) yield* objectsIn(item, [...path, i]);
  const fields = fieldsOf(value);
  if (fields === undefined) return;
  yield { fields, path };
  for (const [key, inner] of Object.entries(fields)) yield* objectsIn(inner, [...path, key]);
}

export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : undefined;
}

export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Of kubectl: the whole object once more. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Every text in a value, keys among them. */
export function* stringsIn(value: unknown, path: Path): Generator<{ readonly text: string; readonly path: Path }> {
  if (path.length > MAX_DEPTH) return;
  if (typeof value === 'string') yield { text: value, path };
  for (const [i, item] of itemsOf(value).entries()) yield* stringsIn(item, [...path, i]);
  for (const [key, inner] of Object.entries(fieldsOf(value) ?? {})) {
    if (key === LAST_APPLIED) continue;
    yield { text: key, path: [...path, key] };
    yield* stringsIn(inner, [...path, key]);
  }
}
