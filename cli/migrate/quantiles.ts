// Comparisons of quantiles: a quantile is never above the last bucket of its histogram.
import type { SyntaxNode } from '@lezer/common';
import { binaryAt, nodesOf, selectorsOf, withoutParentheses, type Expression } from './promql.js';
import { operationOf } from './syntax-tree.js';

/** A quantile that has to be more than a number. */
export interface Quantile {
  /** Name of the histogram. */
  readonly family: string;
  /** In the unit of the histogram. */
  readonly above: number;
}

export function quantilesOf(expression: Expression): Quantile[] {
  return nodesOf(expression.root, 'BinaryExpr').flatMap((node) => {
    const binary = binaryAt(expression, node);
    if (binary === undefined || !/^[<>]=?$/.test(binary.operator)) return [];
    const { left, right } = binary;
    const [greater, less] = binary.operator.startsWith('>') ? [left, right] : [right, left];
    const scaled = scaledQuantile(expression, greater);
    const limit = numberAt(expression, less);
    if (scaled === undefined || Number.isNaN(limit)) return [];
    return selectorsOf(expression, scaled.call).flatMap(({ name }) =>
      name?.endsWith('_bucket') === true
        ? [{ family: name.slice(0, -'_bucket'.length), above: limit / scaled.factor }]
        : [],
    );
  });
}

/** The quantile itself, or in another unit; of whatever else is made of it the last bucket says nothing. */
function scaledQuantile(
  expression: Expression,
  node: SyntaxNode,
): { readonly call: SyntaxNode; readonly factor: number } | undefined {
  const inner = withoutParentheses(node);
  if (inner.name === 'FunctionCall') {
    return operationOf(inner) === 'HistogramQuantile' ? { call: inner, factor: 1 } : undefined;
  }
  const binary = binaryAt(expression, inner);
  if (binary === undefined || !/^[*/]$/.test(binary.operator)) return undefined;
  const [left, right] = [numberAt(expression, binary.left), numberAt(expression, binary.right)];
  const isRight = !Number.isNaN(right);
  const by = binary.operator === '/' ? 1 / right : isRight ? right : left;
  const scaled = by > 0 ? scaledQuantile(expression, isRight ? binary.left : binary.right) : undefined;
  return scaled && { call: scaled.call, factor: scaled.factor * by };
}

/** NaN of what is no number. */
function numberAt({ plain }: Expression, node: SyntaxNode): number {
  const { name, from, to } = withoutParentheses(node);
  return name === 'NumberDurationLiteral' ? Number(plain.slice(from, to).replaceAll('_', '')) : NaN;
}
