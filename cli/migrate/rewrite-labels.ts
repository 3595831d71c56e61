// Labels that an expression goes by, beside those of its selectors: in groupings, matchings and functions.
import type { SyntaxNode } from '@lezer/common';
import { isVariable } from './dashboard-variables.js';
import { mapGrouping, type Mapped } from './labels.js';
import { binaryAt, childrenOf, groupingLabels, unquote } from './promql.js';
import type { Rewriting } from './rewriting.js';
import { contains, hasNamedLabels, hasSeries, isWithout, ownerOf, takenFrom } from './syntax-tree.js';

/** podnet's series have labels that theirs had not: whatever goes by all labels, or by all but some, finds others. */
export function checkMatching(rewriting: Rewriting, binary: SyntaxNode): void {
  const sides = binaryAt(rewriting.expression, binary);
  if (sides === undefined || rewriting.joins.some(({ node }) => node.from === binary.from && node.to === binary.to))
    return;
  if (rewriting.isRemoved(binary) || rewriting.isAllOld(binary)) return;
  const isOn = (binary.getChild('MatchingModifierClause')?.getChild('On') ?? null) !== null;
  const areSeries = [sides.left, sides.right].every((side) => hasSeries(rewriting.expression, side));
  const own = [sides.left, sides.right].filter((side) =>
    rewriting.selectors.some((one) => contains(side, one.selector.node)),
  );
  if (isOn || !areSeries || own.every(hasNamedLabels)) return;
  rewriting.why.add('is matched by all its labels with series of others: say by which, with on');
}

export function replaceGrouping(rewriting: Rewriting, grouping: SyntaxNode): void {
  if (rewriting.isRemoved(grouping)) return;
  const labels = newGrouping(rewriting, grouping);
  if (labels === undefined) return;
  rewriting.edits.push({ from: grouping.from, to: grouping.to, text: `(${labels.join(', ')})` });
}

/** Undefined where nothing changes. */
function newGrouping(rewriting: Rewriting, grouping: SyntaxNode): string[] | undefined {
  const owner = ownerOf(grouping);
  const within = rewriting.selectors.filter(({ selector }) => contains(owner, selector.node));
  const taking = takenFrom(rewriting.expression, grouping);
  const from = taking === undefined ? within : within.filter(({ selector }) => contains(taking, selector.node));
  const families = from.flatMap((one) => one.families);
  const joins = rewriting.joins.filter(({ node }) => contains(owner, node));
  const written = groupingLabels(rewriting.expression, grouping);
  const labels = written.flatMap(({ label, node }) => {
    const taken = joins.filter(({ takes }) => takes.includes(label)).map(({ infoFamily }) => infoFamily?.labels ?? {});
    const of = taken.length > 0 ? taken : families.map((family) => family.labels);
    const outcomes = of.map((changes) => mapGrouping(label, changes));
    const changed = outcomes.filter((one) => !isUnchanged(one, label));
    const [outcome] = changed;
    if (isVariable(label) && families.length > 0) rewriting.notes.add(`${label} has to be labels that podnet has`);
    if (outcome === undefined) return [rewriting.expression.text.slice(node.from, node.to)];
    if (owner.name === 'BinaryExpr' && !rewriting.isAllOld(owner)) {
      rewriting.why.add(`is joined by ${label} with series of others`);
      return [];
    }
    return rewriting.mapped(outcome, label);
  });
  if (within.length > 0 && owner.name === 'AggregateExpr' && isWithout(owner)) {
    rewriting.why.add("adds up without some labels: podnet's series have others besides, so say which remain, with by");
  }
  const added = rewriting.added.get(grouping.from) ?? [];
  const before = written.map(({ label }) => label).join();
  return labels.join() === before && added.length === 0 ? undefined : [...new Set([...labels, ...added])];
}

/** label_replace and label_join name labels in strings. */
export function replaceLabelArguments(rewriting: Rewriting, call: SyntaxNode): void {
  const name = childrenOf(call)[0]?.firstChild?.name;
  if (rewriting.isRemoved(call) || (name !== 'LabelReplace' && name !== 'LabelJoin')) return;
  const families = rewriting.selectors.flatMap((one) => (contains(call, one.selector.node) ? one.families : []));
  const body = call.getChild('FunctionCallBody');
  for (const node of body?.getChildren('StringLiteral') ?? []) {
    const label = unquote(rewriting.expression.text.slice(node.from, node.to));
    const change = families.map(({ labels }) => mapGrouping(label, labels)).find((one) => !isUnchanged(one, label));
    if (change === undefined) continue;
    if (change.renamed === 'node' && families.some(({ ours }) => ours?.total !== undefined)) {
      rewriting.why.add(
        `makes a label of ${label}, which is that of the old scrape: a total of the cluster has no node`,
      );
      continue;
    }
    const [renamed, more] = rewriting.mapped(change, label);
    if (renamed === undefined || more !== undefined) rewriting.why.add(`${label} is made another label by a function`);
    else rewriting.edits.push({ from: node.from, to: node.to, text: `"${renamed}"` });
  }
}

function isUnchanged({ texts, why }: Mapped, label: string): boolean {
  return why === undefined && texts.length === 1 && texts[0] === label;
}
