import type { SyntaxNode } from '@lezer/common';
import { modifiersAt, type Expression } from './promql.js';
import { vectorAround } from './syntax-tree.js';
import type { Edit } from './text-edits.js';

interface Placed {
  /** In the place of the selector. */
  readonly text: string;
  /** Before and behind the smallest vector that it makes. */
  readonly open: string;
  readonly close: string;
}

/** What puts something in the place of a selector, and around what is made of it. */
export function placed(expression: Expression, node: SyntaxNode, { text, open, close }: Placed): Edit[] {
  const vector = vectorAround(node);
  const end = vector.to + (vector.name === 'FunctionCall' ? 0 : modifiersAt(expression, vector.to).length);
  const before =
    vector.from === node.from
      ? [{ from: node.from, to: node.to, text: open + text }]
      : [insertion(vector.from, open), { from: node.from, to: node.to, text }];
  return [...before, insertion(end, close)];
}

function insertion(at: number, text: string): Edit {
  return { from: at, to: at, text };
}
