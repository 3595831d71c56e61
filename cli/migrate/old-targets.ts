// Labels of the scrape of a predecessor, which no series of podnet has: with --compat, too, an expression that goes by them says something
// else.
import { compatLabelNeed, compatNeed } from './labels.js';
import type { OldFamily, Predecessor } from './predecessors/predecessor.js';
import { groupingLabels, nodesOf, type Expression } from './promql.js';
import { contains, ownerOf } from './syntax-tree.js';
import type { OldSelector } from './use.js';

/**
 * What has to be written in their place.
 * @param label whose values are asked for, by `label_values`
 */
export function oldTargets(
  expression: Expression,
  predecessor: Predecessor,
  { selectors, label }: { readonly selectors: readonly OldSelector[]; readonly label: string | undefined },
): readonly string[] {
  const needs = [...chosen(expression, selectors)];
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
