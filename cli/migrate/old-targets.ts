// Labels of the scrape of a predecessor, which no series of podnet has: with --compat, too, an expression that goes by them says something
// else.
import { compatLabelNeed, compatNeed } from './labels.js';
import type { OldFamily, Predecessor } from './predecessors/predecessor.js';
import { binaryAt, groupingLabels, nodesOf, type Expression } from './promql.js';
import { contains, hasNamedLabels, hasSeries, ownerOf } from './syntax-tree.js';
import type { ExpressionParts, Join, OldSelector } from './use.js';

/** What has to be written in their place. */
export function oldTargets(
  expression: Expression,
  predecessor: Predecessor,
  { selectors, joins, label }: ExpressionParts,
): readonly string[] {
  const needs = [...chosen(expression, selectors), ...matched(expression, predecessor, { selectors, joins })];
  if (predecessor.isOfAgents !== true) {
    needs.push(...grouped(expression, selectors));
    if (label !== undefined)
      needs.push(
        ...needOfAll(
          label,
          selectors.flatMap((one) => one.families),
        ),
      );
  }
  return [...new Set(needs)];
}

function* chosen({ text }: Expression, selectors: readonly OldSelector[]): Generator<string> {
  for (const { selector, families } of selectors) {
    for (const matcher of selector.matchers) {
      const { from, to } = matcher.node;
      const [need] = families.flatMap(({ labels }) => compatNeed(matcher, labels) ?? []);
      if (need !== undefined) yield `${text.slice(from, to)} ${need}`;
    }
  }
}

/** Matched by all labels are those of the scrape, too, and series of others have other ones. */
function* matched(
  expression: Expression,
  predecessor: Predecessor,
  { selectors, joins }: { readonly selectors: readonly OldSelector[]; readonly joins: readonly Join[] },
): Generator<string> {
  const own = selectors.flatMap(({ selector }) =>
    joins.some(({ infoSelector }) => infoSelector.node.from === selector.node.from) ? [] : selector.node,
  );
  for (const node of nodesOf(expression.root, 'BinaryExpr')) {
    const binary = binaryAt(expression, node);
    const isOn = (node.getChild('MatchingModifierClause')?.getChild('On') ?? null) !== null;
    if (binary === undefined || isOn || binary.operator.toLowerCase() === 'or') continue;
    const sides = [binary.left, binary.right];
    if (!sides.every((side) => hasSeries(expression, side))) continue;
    const ownSides = sides.filter((side) => own.some((one) => contains(side, one)));
    const isAllOwn = nodesOf(node, 'VectorSelector').every(({ from }) =>
      selectors.some(({ selector }) => selector.node.from === from),
    );
    if (ownSides.length === 0 || isAllOwn || ownSides.every(hasNamedLabels)) continue;
    yield `series of ${predecessor.name} are matched by all their labels with those of others: say by which, with on`;
  }
}

/** The apiserver is one target for all nodes. */
function* grouped(expression: Expression, selectors: readonly OldSelector[]): Generator<string> {
  for (const grouping of nodesOf(expression.root, 'GroupingLabels')) {
    const owner = ownerOf(grouping);
    const families = selectors.flatMap((one) => (contains(owner, one.selector.node) ? one.families : []));
    for (const { label } of groupingLabels(expression, grouping)) yield* needOfAll(label, families);
  }
}

/** An info has pods of its own, and gives them to what it is joined with. */
function needOfAll(label: string, families: readonly OldFamily[]): string[] {
  const needs = families.flatMap(({ labels }) => compatLabelNeed(label, labels) ?? []);
  return needs.length === families.length ? needs.slice(0, 1) : [];
}
