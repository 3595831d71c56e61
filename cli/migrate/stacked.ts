// What a sum over the interfaces of a pod has to leave out: a bond or a VLAN counts what the interfaces below it count, again.
import type { SyntaxNode } from '@lezer/common';
import { INTERFACE_STACKED_INFO } from '../../metrics/catalogue.js';
import { mapGrouping } from './labels.js';
import type { LabelChanges } from './predecessors/predecessor.js';
import { groupingLabels, type Expression } from './promql.js';
import { ancestors, operationOf } from './syntax-tree.js';
import type { Join } from './use.js';

const INTERFACE = ['cluster', 'node', 'namespace', 'pod', 'interface'];
const NETWORK = ['nad_namespace', 'network'];

/** Of each pod; as podnet writes matchers, and as others do. */
const ONE_INTERFACE = /^(interface|primary)\s*=\s*["'](?!false)/;
/** Podnet has none. */
const NO_LOOPBACK = /^interface\s*!=\s*["']lo["']$/;
const BY_NAME =
  'where one of the interfaces chosen is stacked on another of them (a bond, a VLAN), the sum has its traffic twice: choose by network';

export interface Summed {
  /** A selector of counters of interfaces. */
  readonly node: SyntaxNode;
  readonly labels: LabelChanges;
  /** That podnet's series are chosen by. */
  readonly matchers: readonly string[];
  /** That it is in. */
  readonly joins: readonly Join[];
}

/** What has to follow on the series of a selector, so that a sum over interfaces has all traffic once, as the HPA reads it. */
export interface CountedOnce {
  /** Empty where there is nothing to leave out. */
  readonly text: string;
  readonly note?: string;
}

export function countedOnce(expression: Expression, { node, labels, matchers, joins }: Summed): CountedOnce {
  const changes = [labels, ...joins.map(({ infoFamily }) => infoFamily?.labels ?? {})];
  const sums = ancestors(node)
    .filter((above) => above.name === 'AggregateExpr' && operationOf(above) === 'Sum')
    .map((sum) => keptBy(expression, sum, changes))
    .filter((kept) => !kept.includes('interface'));
  if (sums.length === 0 || matchers.some((text) => ONE_INTERFACE.test(text))) return { text: '' };
  if (matchers.some((text) => text.startsWith('interface') && !NO_LOOPBACK.test(text)))
    return { text: '', note: BY_NAME };
  const on = [...INTERFACE, ...NETWORK.filter((label) => sums.every((kept) => kept.includes(label)))];
  const chosen = matchers.filter((text) => /^(nad_namespace|network)\b/.test(text));
  const braces = chosen.length === 0 ? '' : `{${chosen.join(', ')}}`;
  return { text: ` unless on (${on.join(', ')}) ${INTERFACE_STACKED_INFO.name}${braces}` };
}

/** Labels that remain, as podnet calls them. */
function keptBy(expression: Expression, sum: SyntaxNode, changes: readonly LabelChanges[]): string[] {
  const grouping = sum.getChild('AggregateModifier')?.getChild('GroupingLabels') ?? undefined;
  if (grouping === undefined) return [];
  const written = groupingLabels(expression, grouping).map(({ label }) => label);
  return written.flatMap((label) => changes.flatMap((change) => mapGrouping(label, change).texts));
}
