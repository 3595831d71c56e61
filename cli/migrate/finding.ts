import type { Placed } from './extract.js';

/**
 * What becomes of an expression. works: as it is, without a flag. served: as it is, with what `with` names. change: it has to be written
 * anew. delete: what it records is served. unreadable: it does not parse.
 */
export const STATUSES = ['works', 'served', 'change', 'delete', 'unreadable'] as const;
export type Status = (typeof STATUSES)[number];

export interface Finding {
  readonly file: string;
  /** From 1; undefined where it is not known, as in JSON. */
  readonly line: number | undefined;
  readonly place: string;
  readonly subject: string;
  readonly kind: Placed['kind'];
  readonly expression: string;
  readonly status: Status;
  /** Flags of podnet. */
  readonly with: readonly string[];
  /** What has to be done besides. */
  readonly needs: readonly string[];
  readonly wrong: readonly string[];
  /** The same over podnet's own families; undefined where there is none, for the reasons in `why`. */
  readonly podnet: string | undefined;
  readonly why: readonly string[];
  readonly notes: readonly string[];
  /** Labels that templates and legends have to call otherwise. */
  readonly renamed: Readonly<Record<string, string>>;
}

/** Of one file. */
export interface FileReport {
  readonly file: string;
  readonly findings: readonly Finding[];
  /** Expressions without any family of a predecessor or of podnet. */
  readonly others: number;
  /** What could not be read of it. */
  readonly problems: readonly { readonly line: number | undefined; readonly error: string }[];
}
