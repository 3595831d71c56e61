// How an expression uses series of predecessors: which, and joined how.
import type { SyntaxNode } from '@lezer/common';
import { hasVariable, lettersOf, variablePattern } from './dashboard-variables.js';
import { readNamePattern } from './name-patterns.js';
import type { ForeignInfo, Info, OldFamily, Predecessor } from './predecessors/predecessor.js';
import {
  binaryAt,
  childrenOf,
  groupingLabels,
  modifiersAt,
  nodesOf,
  selectorsOf,
  withoutParentheses,
  type Expression,
  type Selector,
} from './promql.js';
import { quantilesOf, type Quantile } from './quantiles.js';
import { isWithout, operationOf, withoutModifiers } from './syntax-tree.js';
import { tellsNodesApart } from './totals.js';

/** A selector of series of predecessors. */
export interface OldSelector {
  readonly selector: Selector;
  readonly predecessor: Predecessor;
  /** One, where the name is written in full. */
  readonly families: readonly OldFamily[];
}

/** Series that are joined with an info for its labels. */
export interface Join {
  readonly node: SyntaxNode;
  readonly operator: string;
  /** Name of the info, and its series. */
  readonly info: string;
  readonly infoSelector: Selector;
  readonly infoFamily?: OldFamily;
  /** Undefined with `ignoring`. */
  readonly on: readonly string[] | undefined;
  /** Labels that are taken over. */
  readonly takes: readonly string[];
  /** What remains without the join. */
  readonly other: SyntaxNode;
  readonly foreign?: ForeignInfo;
  /** Made another before it is joined, so that what the join does is not known. */
  readonly isWrapped: boolean;
}

/** What an expression has of one predecessor. */
export interface Use {
  readonly names: readonly string[];
  readonly joins: readonly Join[];
  readonly foreignJoins: readonly Join[];
  readonly quantiles: readonly Quantile[];
  /** Names that are below `sum`. */
  readonly summed: readonly string[];
  /** Names of totals of the cluster that are asked for by node. */
  readonly byNode: readonly string[];
}

/** Every selector of series of predecessors. */
export function oldSelectors(
  expression: Expression,
  predecessors: readonly Predecessor[],
  isKept: (name: string) => boolean = () => true,
): OldSelector[] {
  return selectorsOf(expression).flatMap((selector) =>
    predecessors.flatMap((predecessor): OldSelector[] => {
      const isMeant = nameTest(selector);
      const families = predecessor.families.filter(({ name }) => isMeant(name) && isKept(name));
      if (isOfNode(selector)) return [];
      return families.length === 0 ? [] : [{ selector, predecessor, families }];
    }),
  );
}

/** cAdvisor's counters of the node itself have the names of those of pods. */
function isOfNode({ matchers }: Selector): boolean {
  return matchers.some(({ label, operator, value }) => label === 'id' && operator === '=' && value === '/');
}

function nameTest({ name, matchers }: Selector): (family: string) => boolean {
  if (name !== undefined) {
    if (!hasVariable(name)) return (family) => family === name;
    // A variable alone can be any name of anybody
    if (lettersOf(name).length < 4) return () => false;
    const pattern = variablePattern(name);
    return (family) => pattern.test(family);
  }
  const pattern = namePattern(matchers);
  return pattern === undefined ? () => false : (readNamePattern(pattern) ?? (() => false));
}

/** Regular expressions for names of which it is not known what they choose. */
export function unknownNames(expression: Expression): string[] {
  return selectorsOf(expression).flatMap(({ name, matchers }) => {
    const pattern = name === undefined ? namePattern(matchers) : undefined;
    return pattern !== undefined && readNamePattern(pattern) === undefined ? [pattern] : [];
  });
}

/** Undefined also of what a variable stands in, which can be any name of anybody. */
function namePattern(matchers: Selector['matchers']): string | undefined {
  const pattern = matchers.find(({ label, operator }) => label === '__name__' && operator === '=~')?.value;
  return pattern === undefined || hasVariable(pattern) ? undefined : pattern;
}

/** What leaves a value as it is where the info has its one value; 0 is multiplied by in error, and that is told. */
const JOINING: Readonly<Record<0 | 1, ReadonlySet<string>>> = {
  0: new Set(['+', '*', 'and']),
  1: new Set(['*', 'and']),
};

/** The joins with infos, outer ones first. */
export function joinsOf(expression: Expression, selectors: readonly OldSelector[]): Join[] {
  return nodesOf(expression.root, 'BinaryExpr').flatMap((node): Join[] => {
    const binary = binaryAt(expression, node);
    if (binary === undefined) return [];
    const { left, right } = binary;
    const operator = binary.operator.toLowerCase();
    // Of `info and series` the info is what remains
    const joined =
      joinOf(expression, selectors, [left, right]) ??
      (operator === 'and' ? undefined : joinOf(expression, selectors, [right, left]));
    if (joined === undefined || !JOINING[joined.infoFamily?.info?.value ?? 1].has(operator)) return [];
    return [{ ...joined, node, operator, ...matchingOf(expression, node, joined) }];
  });
}

type Joined = Pick<Join, 'info' | 'infoSelector' | 'infoFamily' | 'other' | 'foreign' | 'isWrapped'>;

function joinOf(
  expression: Expression,
  selectors: readonly OldSelector[],
  [other, side]: readonly [SyntaxNode, SyntaxNode],
): Joined | undefined {
  const sideSelectors = selectorsOf(expression, side);
  const others = selectors.filter(({ selector }) => isWithin(selector, other)).filter(isSeries);
  const [first] = others;
  // Series on both sides are reckoned with each other, whatever they are joined with within.
  if (first === undefined || selectors.some((one) => isWithin(one.selector, side) && isSeries(one))) return undefined;
  for (const infoSelector of sideSelectors) {
    const own = selectors
      .filter(({ selector }) => selector.node.from === infoSelector.node.from)
      .flatMap(({ families }) => families)
      .find(({ info }) => info !== undefined);
    const foreign = first.predecessor.foreignInfos?.find(
      ({ name, of }) => name === infoSelector.name && first.families.some((family) => family.name === of),
    );
    const info = own ?? foreign;
    if (info === undefined) continue;
    const isWrapped =
      sideSelectors.length > 1 ||
      !isInfoSide(expression, side, own?.info ?? FOREIGN_INFO) ||
      !isOfOneTime(expression, infoSelector, selectorsOf(expression, other));
    const known = own === undefined ? { ...(foreign !== undefined && { foreign }) } : { infoFamily: own };
    return { info: info.name, infoSelector, other, isWrapped, ...known };
  }
  return undefined;
}

function isWithin({ node }: Selector, outer: SyntaxNode): boolean {
  return node.from >= outer.from && node.to <= outer.to;
}

function isSeries({ families }: OldSelector): boolean {
  return families.every(({ info }) => info === undefined);
}

/** Whether an info is as of now, or as of when the series are. */
function isOfOneTime(expression: Expression, info: Selector, others: readonly Selector[]): boolean {
  const timeOf = ({ node }: Selector) => {
    const range = node.parent?.name === 'MatrixSelector' ? node.parent : node;
    return modifiersAt(expression, range.to).replace(/\s+/g, ' ');
  };
  const time = timeOf(info);
  return time === '' || others.every((other) => timeOf(other) === time);
}

/** Of whatever has a value in the place of an info. */
const FOREIGN_INFO: Pick<Info, 'value' | 'keys'> = { value: 1, keys: [] };

/** Aggregations of series of one value that have it as well. */
const KEEPING: Readonly<Record<0 | 1, ReadonlySet<string>>> = {
  0: new Set(['Min', 'Max', 'Avg', 'Sum']),
  1: new Set(['Min', 'Max', 'Avg', 'Group']),
};
/** They leave some series out: of those that a join is on, none. */
const CHOOSING: ReadonlySet<string> = new Set(['Topk', 'Bottomk', 'Limitk']);

/** The info as it is, also compared with the value that it always has, or made one for each of some labels. */
function isInfoSide(expression: Expression, side: SyntaxNode, { value, keys }: Pick<Info, 'value' | 'keys'>): boolean {
  const inner = withoutModifiers(withoutParentheses(side));
  if (inner.name === 'VectorSelector') return true;
  if (inner.name === 'AggregateExpr') {
    const grouping = isWithout(inner) ? undefined : inner.getChild('AggregateModifier')?.getChild('GroupingLabels');
    const by = groupingLabels(expression, grouping ?? undefined).map(({ label }) => label);
    const operation = operationOf(inner);
    const isKept = KEEPING[value].has(operation) || (CHOOSING.has(operation) && keys.every((key) => by.includes(key)));
    return isKept && nodesOf(inner, 'BinaryExpr', 'FunctionCall', 'AggregateExpr').length === 1;
  }
  const compared = binaryAt(expression, inner);
  if (compared?.operator !== '==' || inner.getChild('BoolModifier') !== null) return false;
  const { from, to } = compared.right;
  return (
    withoutParentheses(compared.left).name === 'VectorSelector' && expression.plain.slice(from, to) === String(value)
  );
}

function matchingOf(
  expression: Expression,
  node: SyntaxNode,
  { infoFamily, foreign }: Joined,
): Pick<Join, 'on' | 'takes'> {
  const [clause] = childrenOf(node).filter(({ name }) => name === 'MatchingModifierClause');
  if (clause === undefined) return { on: undefined, takes: [] };
  const parts = childrenOf(clause);
  const labelsAfter = (...names: readonly string[]) => {
    const at = parts.findIndex(({ name }) => names.includes(name));
    const grouping = at < 0 ? undefined : parts[at + 1];
    return grouping?.name === 'GroupingLabels'
      ? groupingLabels(expression, grouping).map(({ label }) => label)
      : undefined;
  };
  const isRight = parts.some(({ name }) => name === 'GroupRight');
  const gives = infoFamily?.info?.gives ?? foreign?.gives ?? [];
  const onRight = isRight && infoFamily !== undefined;
  return {
    on: parts.some(({ name }) => name === 'On') ? (labelsAfter('On') ?? []) : undefined,
    takes: onRight ? gives : (labelsAfter('GroupLeft', 'GroupRight') ?? []),
  };
}

/** What concerns predecessors in an expression. */
export interface ExpressionParts {
  readonly selectors: readonly OldSelector[];
  readonly joins: readonly Join[];
  /** Whose values are asked for, by `label_values`. */
  readonly label: string | undefined;
}

/** What an expression has of a predecessor. */
export function useOf(
  expression: Expression,
  predecessor: Predecessor,
  { selectors, joins, label }: ExpressionParts,
): Use {
  const own = selectors.filter((one) => one.predecessor === predecessor);
  const names = own.flatMap(({ families }) => families.map(({ name }) => name));
  const isOwn = ({ infoFamily }: Join) => infoFamily !== undefined && predecessor.families.includes(infoFamily);
  return {
    names: [...new Set(names)],
    joins: joins.filter(isOwn),
    foreignJoins: joins.filter(({ foreign }) => foreign !== undefined && predecessor.foreignInfos?.includes(foreign)),
    quantiles: quantilesOf(expression),
    summed: own
      .filter(({ selector }) => isBelowSum(selector.node))
      .flatMap(({ families }) => families.map(({ name }) => name)),
    byNode: own.flatMap(({ selector, families }) =>
      families
        .filter(({ labels }) => tellsNodesApart(expression, { ...selector, asked: label }, labels))
        .map(({ name }) => name),
    ),
  };
}

function isBelowSum({ parent }: SyntaxNode): boolean {
  for (let above = parent; above !== null; above = above.parent) {
    if (above.name === 'AggregateExpr' && above.firstChild?.firstChild?.name === 'Sum') return true;
  }
  return false;
}
