import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** An expression that cannot be what was meant. */
export class QueryError extends Error {
  constructor(expression: string, problem: string) {
    super(`${problem}: ${expression}`);
    this.name = 'QueryError';
  }
}

/** A node of an expression with its text. */
export interface Part {
  readonly type: string;
  readonly text: string;
  readonly parts: readonly Part[];
}

/** Expressions as Prometheus' own editor reads them. @throws {QueryError} where it is no PromQL */
export function parseQuery(expression: string): Part {
  const tree = parser.parse(expression);
  tree.iterate({
    enter: ({ type, from }) => {
      if (type.isError) throw new QueryError(expression, `no PromQL from "${expression.slice(from, from + 20)}"`);
    },
  });
  const top = tree.topNode.firstChild;
  if (top === null) throw new QueryError(expression, 'nothing asked');
  return partOf(top, expression);
}

function partOf(node: SyntaxNode, expression: string): Part {
  const parts: Part[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) parts.push(partOf(child, expression));
  return { type: node.type.name, text: expression.slice(node.from, node.to), parts };
}

/** The first part of a type. */
export function childOf({ parts }: Part, ...types: readonly string[]): Part | undefined {
  return parts.find(({ type }) => types.includes(type));
}

/** All parts of a type, at any depth. */
export function within(part: Part, type: string): Part[] {
  return [...(part.type === type ? [part] : []), ...part.parts.flatMap((one) => within(one, type))];
}
