// PromQL as a tree: what parses it is Prometheus' own grammar.
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { isVariable, withoutVariables } from './dashboard-variables.js';

/** Longer expressions are not looked at, in characters. */
export const MAX_EXPRESSION = 65_536;
/** Nor are those that are nested deeper: whoever walks the tree calls itself for every level. */
const MAX_DEPTH = 500;

/** An expression cannot be parsed, or not be walked. */
export class PromqlError extends Error {
  override readonly name = 'PromqlError';
  readonly code = 'CLI_PROMQL';

  constructor(
    message: string,
    /** Characters before what is wrong. */
    readonly offset: number,
  ) {
    super(message);
  }
}

/** A parsed expression; places in the tree are those of both texts. */
export interface Expression {
  readonly text: string;
  /** The text with what parses in the place of Grafana's variables. */
  readonly plain: string;
  readonly root: SyntaxNode;
}

export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  /** As it compares: without quotes and escapes; Grafana's variables as they were written. */
  readonly value: string;
  readonly node: SyntaxNode;
}

/** Series that an expression reads. */
export interface Selector {
  /** As it is written, with Grafana's variables; undefined where matchers alone choose. */
  readonly name: string | undefined;
  readonly nameNode: SyntaxNode | undefined;
  readonly matchers: readonly Matcher[];
  readonly node: SyntaxNode;
}

/** @throws {PromqlError} */
export function parsePromql(text: string): Expression {
  if (text.length > MAX_EXPRESSION) {
    throw new PromqlError(`longer than ${MAX_EXPRESSION} characters`, MAX_EXPRESSION);
  }
  const plain = withoutVariables(text);
  const root = parser.parse(plain).topNode;
  let depth = 0;
  root.cursor().iterate(
    ({ type, from, to }) => {
      depth++;
      if (depth > MAX_DEPTH) throw new PromqlError(`nested deeper than ${MAX_DEPTH}`, from);
      if (type.isError) throw new PromqlError(describeError(text, from, to), from);
    },
    () => {
      depth--;
    },
  );
  const misplaced = nodesOf(root, ...MODIFIED).find((node) => !SELECTING.has(operandAt(node).name));
  if (misplaced !== undefined) {
    throw new PromqlError(describeModifier(text, operandAt(misplaced).to), operandAt(misplaced).to);
  }
  return { text, plain, root };
}

/** What has a modifier behind it; the grammar takes more than Prometheus, which takes one behind a selector alone. */
export const MODIFIED: ReadonlySet<string> = new Set([
  ...['OffsetExpr', 'StepInvariantExpr', 'AnchoredExpr', 'SmoothedExpr'],
]);
const SELECTING: ReadonlySet<string> = new Set(['VectorSelector', 'MatrixSelector', 'SubqueryExpr']);

/** What a modifier is of: behind an operator, of the last operand. */
function operandAt(modified: SyntaxNode): SyntaxNode {
  let operand = modified;
  for (;;) {
    const children = childrenOf(operand);
    const isLast = operand.name === 'BinaryExpr' || operand.name === 'UnaryExpr';
    const inner = isLast ? children.at(-1) : MODIFIED.has(operand.name) ? children[0] : undefined;
    if (inner === undefined) return operand;
    operand = inner;
  }
}

function describeModifier(text: string, offset: number): string {
  const [modifier = ''] = /[a-z]+|@/i.exec(text.slice(offset)) ?? [];
  return `${placeOf(text, offset)}: does not parse in Prometheus: ${modifier} has to stand behind a selector`;
}

function placeOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

function describeError(text: string, from: number, to: number): string {
  const found = text.slice(from, to > from ? to : from + 20).trim();
  const where = placeOf(text, from);
  return found === '' ? `${where}: ends before it is complete` : `${where}: unexpected ${JSON.stringify(found)}`;
}

/** Every node of the tree with the name, outer ones first. */
export function nodesOf(root: SyntaxNode, ...names: readonly string[]): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  root.cursor().iterate(({ name, node }) => {
    if (names.includes(name)) found.push(node);
  });
  return found;
}

export function selectorsOf(expression: Expression, below = expression.root): Selector[] {
  return nodesOf(below, 'VectorSelector').map((node) => selectorAt(expression, node));
}

export function selectorAt({ text }: Expression, node: SyntaxNode): Selector {
  const slice = (of: SyntaxNode) => text.slice(of.from, of.to);
  const identifier = node.getChild('Identifier') ?? undefined;
  const isFilter = (of: SyntaxNode) => isVariable(slice(of)) && of.parent?.name === 'LabelMatchers';
  const matcherNodes = nodesOf(node, 'UnquotedLabelMatcher', 'QuotedLabelMatcher', 'QuotedLabelName').filter(
    (one) => one.name !== 'QuotedLabelName' || isFilter(one),
  );
  const matchers = matcherNodes.map((matcher): Matcher => {
    const label = matcher.firstChild;
    const quoted = matcher.lastChild;
    return {
      label: label === null ? '' : unquote(slice(label)),
      operator: operatorOf(matcher.getChild('MatchOp'), slice),
      value: quoted === null ? '' : unquote(slice(quoted)),
      node: matcher,
    };
  });
  const quotedName = nodesOf(node, 'QuotedLabelName').find(
    (one) => one.parent?.name === 'LabelMatchers' && !isFilter(one),
  );
  const named = matchers.find(({ label, operator }) => label === '__name__' && operator === '=');
  const nameNode = identifier ?? quotedName;
  const name = nameNode === undefined ? named?.value : unquote(slice(nameNode));
  return { name, nameNode, matchers, node };
}

function operatorOf(node: SyntaxNode | null, slice: (of: SyntaxNode) => string): Matcher['operator'] {
  const text = node === null ? '=' : slice(node);
  return text === '!=' || text === '=~' || text === '!~' ? text : '=';
}

/** What is meant by a string as it is written; a bare word is what it is. */
export function unquote(written: string): string {
  const quote = written.charAt(0);
  if (quote === '`') return written.slice(1, -1);
  if (quote !== '"' && quote !== "'") return written;
  return written.slice(1, -1).replace(/\\(.)/g, (_, escaped: string) => ESCAPED[escaped] ?? escaped);
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/** What a node is made of, without comments. */
export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== 'LineComment') children.push(child);
  }
  return children;
}

/** What is inside any number of parentheses. */
export function withoutParentheses(node: SyntaxNode): SyntaxNode {
  let inner = node;
  for (;;) {
    const [child] = inner.name === 'ParenExpr' ? childrenOf(inner) : [];
    if (child === undefined) return inner;
    inner = child;
  }
}

/** `offset 5m` and `@ end()`. */
const MODIFIERS = /^(\s*(@\s*(start\(\)|end\(\)|-?[\d.]+)|offset\s+-?\w+))+/;

/** The modifiers there. The grammar takes those behind the last operand for ones of the whole: to Prometheus they are the selector's. */
export function modifiersAt({ plain }: Expression, at: number): string {
  return MODIFIERS.exec(plain.slice(at))?.[0] ?? '';
}

/** The operands of a binary expression, and the operator between them as it is written. */
export interface Binary {
  readonly left: SyntaxNode;
  readonly operator: string;
  readonly right: SyntaxNode;
}

export function binaryAt({ plain }: Expression, node: SyntaxNode): Binary | undefined {
  const [left, operator, ...rest] = childrenOf(node);
  const right = rest.at(-1);
  if (node.name !== 'BinaryExpr' || left === undefined || operator === undefined || right === undefined)
    return undefined;
  return { left, operator: plain.slice(operator.from, operator.to), right };
}

/** The labels of `by (…)`, `on (…)`, `group_left (…)` and the like; none where there is none of them. */
export function groupingLabels(
  { text }: Expression,
  grouping: SyntaxNode | undefined,
): { readonly label: string; readonly node: SyntaxNode }[] {
  return ['LabelName', 'QuotedLabelName']
    .flatMap((name) => grouping?.getChildren(name) ?? [])
    .sort((a, b) => a.from - b.from)
    .map((node) => ({ label: unquote(text.slice(node.from, node.to)), node }));
}
