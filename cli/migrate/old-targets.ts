// Labels of the scrape of a predecessor, which no series of podnet has: with --compat, too, an expression that goes by them says something
// else.
import { choosesTarget, tellsNode } from './labels.js';
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
    const families = selectors.flatMap((one) => one.families);
    if (label !== undefined && families.every(({ labels }) => tellsNode(label, labels))) needs.push(writeNode(label));
  }
  return [...new Set(needs)];
}

function* chosen({ text }: Expression, selectors: readonly OldSelector[]): Generator<string> {
  for (const { selector, families } of selectors) {
    for (const matcher of selector.matchers) {
      const { from, to } = matcher.node;
      if (families.some(({ labels }) => choosesTarget(matcher, labels))) {
        const isNode = families.some(({ labels }) => tellsNode(matcher.label, labels));
        yield `${text.slice(from, to)} chooses the old scrape: ${isNode ? 'podnet has node' : 'leave it out'}`;
      }
    }
  }
}

/** The apiserver is one target for all nodes. */
function* grouped(expression: Expression, selectors: readonly OldSelector[]): Generator<string> {
  for (const grouping of nodesOf(expression.root, 'GroupingLabels')) {
    const owner = ownerOf(grouping);
    const families = selectors.flatMap((one) => (contains(owner, one.selector.node) ? one.families : []));
    for (const { label } of groupingLabels(expression, grouping)) {
      const isOld = ({ labels }: OldFamily) => tellsNode(label, labels);
      // An info has pods of its own, and gives them to what it is joined with.
      const isNode = families.length > 0 && families.every(isOld);
      if (isNode) yield writeNode(label);
    }
  }
}

function writeNode(label: string): string {
  return `${label} is that of the old scrape, one for each node: write node`;
}
