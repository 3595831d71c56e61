// Whether a family that was a total of the cluster, or of each node where ipamd was scraped, is meant by node.
import type { SyntaxNode } from '@lezer/common';
import { choosesTarget, tellsNode } from './labels.js';
import type { LabelChanges } from './predecessors/predecessor.js';
import { groupingLabels, nodesOf, type Expression, type Selector } from './promql.js';
import { ancestors, operationOf } from './syntax-tree.js';

interface Asked extends Pick<Selector, 'node' | 'matchers'> {
  /** Label whose values are asked for. */
  readonly asked: string | undefined;
}

/** Of a total there is one series: whoever counts them, ranks them or looks how they are spread means those of nodes. */
const OF_SEVERAL: ReadonlySet<string> = new Set(['Count', 'Topk', 'Bottomk', 'Limitk', 'Quantile', 'Stddev', 'Stdvar']);

/** Whether nodes are chosen, told apart, or added up: the sum of all is the total, and that of some is none. */
export function isOfNodes(expression: Expression, asked: Asked, labels: LabelChanges): boolean {
  return isBelow(asked.node, (operation) => operation === 'Sum') || tellsNodesApart(expression, asked, labels);
}

/** Whether it says something only where each node has a series. */
export function tellsNodesApart(
  expression: Expression,
  { node, matchers, asked }: Asked,
  labels: LabelChanges,
): boolean {
  const isNode = (label: string) => label === 'node' || tellsNode(label, labels);
  if (asked !== undefined && isNode(asked)) return true;
  if (matchers.some((one) => one.label === 'node' || (isNode(one.label) && choosesTarget(one, labels)))) return true;
  if (isBelow(node, (operation) => OF_SEVERAL.has(operation))) return true;
  return ancestors(node).some((above) => {
    const named = [above.getChild('AggregateModifier'), above.getChild('MatchingModifierClause')];
    return named
      .flatMap((clause) => (clause === null ? [] : nodesOf(clause, 'GroupingLabels')))
      .some((grouping) => groupingLabels(expression, grouping).some(({ label }) => isNode(label)));
  });
}

function isBelow(node: SyntaxNode, isMeant: (operation: string) => boolean): boolean {
  return ancestors(node).some((above) => above.name === 'AggregateExpr' && isMeant(operationOf(above)));
}
