// What a rewriting is made of: pieces of the text with what comes in their place, and what there is to say of it.
import type { SyntaxNode } from '@lezer/common';
import type { Mapped } from './labels.js';
import { nodesOf, parsePromql, PromqlError, type Expression } from './promql.js';
import { contains } from './syntax-tree.js';
import { applyEdits, type Edit } from './text-edits.js';
import type { Join, OldSelector } from './use.js';
import type { Asked } from './uses.js';

export interface Rewritten {
  /** Undefined where podnet has nothing that says the same, or it has to be written by hand: `why` tells. */
  readonly text: string | undefined;
  readonly why: readonly string[];
  /** What changes besides. */
  readonly notes: readonly string[];
  /** Labels that are called otherwise, as templates and legends have to call them. */
  readonly renamed: Readonly<Record<string, string>>;
}

export interface RewriteInput {
  readonly selectors: readonly OldSelector[];
  readonly joins: readonly Join[];
  readonly asked?: Asked | undefined;
}

export class Rewriting {
  readonly edits: Edit[] = [];
  readonly why = new Set<string>();
  readonly notes = new Set<string>();
  readonly renamed: Record<string, string> = {};
  /** Labels that a grouping gets besides, by its place: what a join had taken from its info. */
  readonly added = new Map<number, readonly string[]>();

  readonly selectors: readonly OldSelector[];
  readonly joins: readonly Join[];
  readonly asked: Asked | undefined;

  constructor(
    readonly expression: Expression,
    { selectors, joins, asked }: RewriteInput,
  ) {
    this.selectors = selectors;
    this.joins = joins;
    this.asked = asked;
  }

  result(): Rewritten {
    const notes = [...this.notes];
    const why = [...this.why];
    if (why.length > 0) return { text: undefined, why, notes, renamed: {} };
    const text = applyEdits(this.expression.text, this.edits).trim();
    try {
      parsePromql(text);
    } catch (error) {
      if (!(error instanceof PromqlError)) throw error;
      return { text: undefined, why: ['has to be written by hand'], notes, renamed: {} };
    }
    return { text, why, notes, renamed: this.renamed };
  }

  /** Whether a binary expression has series of predecessors on both sides, and no others. */
  isAllOld(binary: SyntaxNode): boolean {
    return nodesOf(binary, 'VectorSelector')
      .filter((node) => !this.isRemoved(node))
      .every(({ from }) => this.selectors.some(({ selector }) => selector.node.from === from));
  }

  /** What comes in the place of a label, with what there is to say of it noted. */
  mapped(mapped: Mapped, label: string): string[] {
    if (mapped.why !== undefined) this.why.add(mapped.why);
    if (mapped.note !== undefined) this.notes.add(mapped.note);
    if (mapped.renamed !== undefined) this.renamed[label] = mapped.renamed;
    return [...mapped.texts];
  }

  /** Whether it goes with a join. */
  isRemoved(node: SyntaxNode): boolean {
    return this.joins.some((join) => contains(join.node, node) && !contains(join.other, node));
  }
}
