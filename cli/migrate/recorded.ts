// Rules of predecessors, which go: what they recorded is served. Rules of users under the same names are theirs.
import type { Found } from './found.js';
import type { Predecessor } from './predecessors/predecessor.js';
import { selectorAt, withoutParentheses, type Expression } from './promql.js';
import type { Join } from './use.js';

/** Whose rules recorded series of that name. */
export function recordedBy(record: string | undefined, from: readonly Predecessor[]): Predecessor | undefined {
  return from.find(({ families }) => families.some(({ name, isRecorded }) => isRecorded === true && name === record));
}

/** Whether it is as the predecessor's: the counter itself, joined with the info or not, without a label of its own. */
export function isRuleOf(
  { families }: Predecessor,
  { record, isLabelled }: Found,
  { expression, joins }: { readonly expression: Expression; readonly joins: readonly Join[] },
): boolean {
  const { firstChild } = expression.root;
  if (record === undefined || isLabelled === true || firstChild === null) return false;
  const outer = withoutParentheses(firstChild);
  const join = joins.find(({ node }) => node.from === outer.from && node.to === outer.to);
  if (join?.infoFamily !== undefined && !families.includes(join.infoFamily)) return false;
  const counter = withoutParentheses(join?.other ?? outer);
  if (counter.name !== 'VectorSelector') return false;
  const { name } = selectorAt(expression, counter);
  return name !== undefined && name !== record && statOf(name) === statOf(record);
}

/** `receive_bytes` of whatever name of it; of what counts no traffic the name itself. */
function statOf(name: string): string {
  return /(?:^|_)((?:receive|transmit|rx|tx)_\w+?)(?:_total)?(?:_intf)?$/.exec(name)?.[1] ?? name;
}
