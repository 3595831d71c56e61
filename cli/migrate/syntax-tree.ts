// Where in the tree of an expression something is, and what that makes of it.
import type { SyntaxNode } from '@lezer/common';
import { isVariable } from './dashboard-variables.js';
import { MODIFIED, binaryAt, childrenOf, nodesOf, withoutParentheses, type Expression } from './promql.js';

export function contains(outer: SyntaxNode, inner: SyntaxNode): boolean {
  return outer.from <= inner.from && inner.to <= outer.to;
}

/** What a node is in, the innermost first. */
export function ancestors({ parent }: SyntaxNode): SyntaxNode[] {
  const all: SyntaxNode[] = [];
  for (let above = parent; above !== null; above = above.parent) all.push(above);
  return all;
}

/** The aggregation or binary expression that labels in parentheses are of. */
export function ownerOf(grouping: SyntaxNode): SyntaxNode {
  return ancestors(grouping).find(({ name }) => name === 'AggregateExpr' || name === 'BinaryExpr') ?? grouping;
}

/** The side whose labels those of `group_left` and `group_right` are: the one of which there is one. Undefined of other labels. */
export function takenFrom(expression: Expression, grouping: SyntaxNode): SyntaxNode | undefined {
  const { parent: clause } = grouping;
  if (clause?.name !== 'MatchingModifierClause' || clause.parent === null) return undefined;
  const parts = childrenOf(clause);
  const before = parts[parts.findIndex(({ from }) => from === grouping.from) - 1]?.name;
  const binary = binaryAt(expression, clause.parent);
  if (before === 'GroupLeft') return binary?.right;
  return before === 'GroupRight' ? binary?.left : undefined;
}

export function outermostAggregates(below: SyntaxNode): SyntaxNode[] {
  const all = nodesOf(below, 'AggregateExpr');
  return all.filter((one) => !all.some((outer) => outer.from < one.from && contains(outer, one)));
}

const RECKONING: ReadonlySet<string> = new Set(['AggregateExpr', 'BinaryExpr', 'FunctionCall']);
const COUNTING: ReadonlySet<string> = new Set(['Count', 'Group', 'Absent', 'AbsentOverTime', 'CountOverTime']);

/** Whether the values of series go into others: not where only their number is asked for. */
export function isReckonedWith(node: SyntaxNode): boolean {
  const [around] = ancestors(node).filter(({ name }) => RECKONING.has(name));
  return around !== undefined && !COUNTING.has(operationOf(around));
}

/** `Sum`, `Rate` and the like. */
export function operationOf(node: SyntaxNode): string {
  return node.firstChild?.firstChild?.name ?? '';
}

export function outOfParentheses(node: SyntaxNode): SyntaxNode {
  let outer = node;
  while (outer.parent?.name === 'ParenExpr') outer = outer.parent;
  return outer;
}

/** The smallest vector that a selector makes: itself with its modifiers, or the function of its range. */
export function vectorAround(node: SyntaxNode): SyntaxNode {
  const modified = withModifiers(node);
  const { parent: range } = modified;
  if (range?.name !== 'MatrixSelector' && range?.name !== 'SubqueryExpr') return modified;
  return ancestors(range).find(({ name }) => name === 'FunctionCall') ?? range;
}

/** Of these, what several series add up to is what the function gives of their sum. */
const ADDITIVE: ReadonlySet<string> = new Set([
  ...['Rate', 'Irate', 'Increase', 'Delta', 'Idelta', 'Deriv', 'PredictLinear'],
  ...['SumOverTime', 'LastOverTime', 'AvgOverTime'],
]);

/** The name of the function that keeps a vector from being added up in the place of the series that it is made of. */
export function callOnEach(vector: SyntaxNode): SyntaxNode | undefined {
  if (vector.name === 'FunctionCall')
    return ADDITIVE.has(operationOf(vector)) ? undefined : (vector.firstChild ?? undefined);
  // A sum is as of now, whenever the samples were taken
  const call = outOfParentheses(vector).parent?.parent;
  return call?.name === 'FunctionCall' && operationOf(call) === 'Timestamp'
    ? (call.firstChild ?? undefined)
    : undefined;
}

/** Where only that is asked several series are as good as one. */
export function isAskedWhetherAbsent(vector: SyntaxNode): boolean {
  const [call] = ancestors(outOfParentheses(vector));
  const asked = vector.name === 'FunctionCall' && operationOf(vector) === 'AbsentOverTime' ? vector : call?.parent;
  return asked?.name === 'FunctionCall' && ['Absent', 'AbsentOverTime'].includes(operationOf(asked));
}

export function withoutModifiers(node: SyntaxNode): SyntaxNode {
  let inner = node;
  while (MODIFIED.has(inner.name) && inner.firstChild !== null) inner = inner.firstChild;
  return inner;
}

function withModifiers(node: SyntaxNode): SyntaxNode {
  let whole = node;
  while (whole.parent !== null && MODIFIED.has(whole.parent.name)) whole = whole.parent;
  return whole;
}

/** Whether a vector is added up as it is, by labels that are named. */
export function isSummed(vector: SyntaxNode): boolean {
  const { parent: body } = outOfParentheses(vector);
  const aggregate = body?.name === 'FunctionCallBody' ? body.parent : null;
  return aggregate?.name === 'AggregateExpr' && operationOf(aggregate) === 'Sum' && !isWithout(aggregate);
}

/** Whether an aggregation names the labels that it takes away, and not those that remain. */
export function isWithout(aggregate: SyntaxNode): boolean {
  return (aggregate.getChild('AggregateModifier')?.getChild('Without') ?? null) !== null;
}

/** Whether the labels of a side of a binary expression are those that it names itself. */
export function hasNamedLabels(side: SyntaxNode): boolean {
  const inner = withoutParentheses(side);
  if (inner.name === 'AggregateExpr') return !isWithout(inner);
  if (inner.name !== 'FunctionCall') return nodesOf(inner, 'VectorSelector').length === 0;
  const parts = inner.getChild('FunctionCallBody');
  return parts !== null && childrenOf(parts).every(hasNamedLabels);
}

/** A variable that stands alone there is a number, such as a threshold. */
export function hasSeries({ text }: Expression, side: SyntaxNode): boolean {
  const inner = withoutParentheses(side);
  if (isVariable(text.slice(inner.from, inner.to))) return false;
  return nodesOf(inner, 'VectorSelector').length > 0;
}
