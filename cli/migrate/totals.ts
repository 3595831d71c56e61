// Whether a family that was a total of the cluster, or of each node where ipamd was scraped, is meant by node.
import { choosesTarget, tellsNode } from './labels.js';
import type { LabelChanges } from './predecessors/predecessor.js';
import { groupingLabels, nodesOf, type Expression, type Selector } from './promql.js';
import { ancestors, operationOf } from './syntax-tree.js';

/**
 * Whether nodes are chosen, told apart, or added up: the sum of all is the total, and that of some is none.
 * @param asked label whose values are asked for
 */
export function isOfNodes(
  expression: Expression,
  { node, matchers, asked }: Pick<Selector, 'node' | 'matchers'> & { readonly asked: string | undefined },
  labels: LabelChanges,
): boolean {
  const isNode = (label: string) => label === 'node' || tellsNode(label, labels);
  if (asked !== undefined && isNode(asked)) return true;
  if (matchers.some((one) => one.label === 'node' || (isNode(one.label) && choosesTarget(one, labels)))) return true;
  return ancestors(node).some((above) => {
    if (above.name === 'AggregateExpr' && operationOf(above) === 'Sum') return true;
    const named = [above.getChild('AggregateModifier'), above.getChild('MatchingModifierClause')];
    return named
      .flatMap((clause) => (clause === null ? [] : nodesOf(clause, 'GroupingLabels')))
      .some((grouping) => groupingLabels(expression, grouping).some(({ label }) => isNode(label)));
  });
}
