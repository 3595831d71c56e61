import type { Path } from './documents.js';

/** Something of a file that reads metrics. */
export interface Found {
  readonly kind: 'alert' | 'record' | 'panel' | 'variable' | 'annotation' | 'alarm' | 'relabelling';
  /** What it is called: `alert PodDrops`, `panel "Received"`. */
  readonly subject: string;
  readonly path: Path;
  /** PromQL; of an alarm the name of the metric, of a relabelling its regular expression. */
  readonly text: string;
  /** What a rule records. */
  readonly record?: string;
  /** Whether a rule that records gives its series labels. */
  readonly isLabelled?: boolean;
  /** Of `label_values(…, label)`. */
  readonly label?: string;
  /** What a variable of a dashboard does with the query. */
  readonly call?: 'label_values' | 'query_result';
  /** Of an alarm. */
  readonly alarm?: { readonly statistic: string; readonly unit: string };
}

type Fields = Readonly<Record<string, unknown>>;

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
