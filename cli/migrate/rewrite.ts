// The expression over podnet's families that says what one over a predecessor's did.
import type { SyntaxNode } from '@lezer/common';
import { hasVariable } from './dashboard-variables.js';
import { joinProblems } from './join-problems.js';
import { mapGrouping, mapMatcher } from './labels.js';
import { placed } from './placed.js';
import type { OldFamily, Replacement } from './predecessors/predecessor.js';
import { binaryAt, modifiersAt, nodesOf, withoutParentheses, type Expression, type Matcher } from './promql.js';
import { checkMatching, replaceGrouping, replaceLabelArguments } from './rewrite-labels.js';
import { Rewriting, type RewriteInput, type Rewritten } from './rewriting.js';
import {
  contains,
  callOnEach,
  isAskedWhetherAbsent,
  isReckonedWith,
  isSummed,
  outOfParentheses,
  outermostAggregates,
  vectorAround,
} from './syntax-tree.js';
import { countedOnce, type Summed } from './stacked.js';
import { isOfNodes } from './totals.js';
import type { Join, OldSelector } from './use.js';

export function rewrite(expression: Expression, input: RewriteInput): Rewritten {
  const rewriting = new Rewriting(expression, input);
  for (const join of rewriting.joins) removeJoin(rewriting, join);
  for (const one of rewriting.selectors) replaceSelector(rewriting, one);
  for (const binary of nodesOf(expression.root, 'BinaryExpr')) checkMatching(rewriting, binary);
  for (const grouping of nodesOf(expression.root, 'GroupingLabels')) replaceGrouping(rewriting, grouping);
  for (const call of nodesOf(expression.root, 'FunctionCall')) replaceLabelArguments(rewriting, call);
  return rewriting.result();
}

/** What is left of a join is what was joined; what the info chose by goes to the selectors in it. */
function removeJoin(rewriting: Rewriting, join: Join): void {
  const { node, other, infoFamily, infoSelector, takes } = join;
  for (const problem of joinProblems(rewriting.expression, join)) rewriting.why.add(problem);
  const info = infoSelector.node.to;
  const end = info === node.to ? info + modifiersAt(rewriting.expression, info).length : node.to;
  rewriting.edits.push(
    { from: node.from, to: other.from, text: '' },
    { from: other.to, to: other.to === node.to ? node.to : end, text: '' },
  );
  if (takes.length === 0) return;
  const added = takes.flatMap((label) => rewriting.mapped(mapGrouping(label, infoFamily?.labels ?? {}), label));
  for (const aggregate of outermostAggregates(other)) {
    const modifier = aggregate.getChild('AggregateModifier');
    const grouping = modifier?.getChild('GroupingLabels') ?? undefined;
    if (grouping === undefined) rewriting.why.add('is added up over everything, and only then joined');
    else if (modifier?.getChild('By') !== null) {
      rewriting.added.set(grouping.from, [...(rewriting.added.get(grouping.from) ?? []), ...added]);
    }
  }
}

function replaceSelector(rewriting: Rewriting, { selector, families }: OldSelector): void {
  if (rewriting.isRemoved(selector.node)) return;
  const { node, name } = selector;
  const [family, more] = families;
  if (family === undefined) return;
  if (name === undefined || hasVariable(name) || more !== undefined) {
    const ours = [...new Set(families.flatMap((one) => (one.ours === undefined ? [] : [ourName(one.ours)])))];
    rewriting.why.add(
      `the name of the family is not written in full: it can be one of ${ours.slice(0, 3).join(', ')}, …`,
    );
    return;
  }
  if (family.ours === undefined) {
    rewriting.why.add(family.note ?? `podnet has nothing like ${family.name}`);
    return;
  }
  if (family.info?.value === 0) followInfoValue(rewriting, node, family.name);
  const joins = rewriting.joins.filter(({ other }) => contains(other, node));
  const { ours } = family;
  const isJoined = joins.length > 0 && ours.joined !== undefined;
  const own = selector.matchers.flatMap((matcher) => matcherOf(rewriting, matcher, family));
  const ofInfos = joins.flatMap((join) =>
    join.infoSelector.matchers.flatMap((matcher) => matcherOf(rewriting, matcher, join.infoFamily)),
  );
  const matchers = [...new Set([...(isJoined ? [] : (ours.where ?? [])), ...own, ...ofInfos])];
  const isTotal =
    ours.total !== undefined &&
    !isOfNodes(rewriting.expression, { ...selector, asked: rewriting.asked?.label }, family.labels);
  if (isTotal) rewriting.notes.add(`if ipamd itself was scraped, ${family.name} is of each node: ${ours.name}`);
  const text = `${isTotal ? (ours.total ?? '') : isJoined ? (ours.joined ?? '') : ours.name}${braces(matchers)}`;
  const { sumBy, ...rest } = ours;
  const isPresence = rewriting.asked?.isPresence === true || isAskedWhetherAbsent(vectorAround(node));
  if (isPresence) rewriting.edits.push({ from: node.from, to: node.to, text });
  else if (ours.isOfInterfaces === true)
    placeInterfaces(rewriting, node, text, { labels: family.labels, matchers, joins });
  else place(rewriting, node, text, isTotal || isJoined || sumBy === undefined ? rest : { ...rest, sumBy });
}

/** Their info is 0 and podnet's is 1: who reckons with the value has to know. */
function followInfoValue(rewriting: Rewriting, node: SyntaxNode, name: string): void {
  const outer = outOfParentheses(node);
  const binary = outer.parent === null ? undefined : binaryAt(rewriting.expression, outer.parent);
  const number = binary?.right;
  const isZero = number !== undefined && rewriting.expression.plain.slice(number.from, number.to) === '0';
  const isCompared = binary?.operator === '==' && isZero && binary.left.from === outer.from;
  if (isCompared && outer.parent !== null && !isReckonedWith(outer.parent)) {
    rewriting.edits.push({ from: number.from, to: number.to, text: '1' });
  } else if (isReckonedWith(node)) {
    rewriting.why.add(`reckons with the value of ${name}, which is 0: podnet_interface_info is 1`);
  }
}

/** Puts it there: added up where podnet has more series, in their unit where podnet has another. */
function place(rewriting: Rewriting, node: SyntaxNode, text: string, { sumBy, scale }: Replacement): void {
  const vector = vectorAround(node);
  const call = callOnEach(vector);
  if (sumBy !== undefined && call !== undefined) {
    rewriting.why.add(
      `${rewriting.expression.plain.slice(call.from, call.to)} of several series is not that of their sum: ${text} has one for each`,
    );
  }
  const isToSum = sumBy !== undefined && !isSummed(vector);
  const open = `${scale === undefined ? '' : `(${scale} * `}${isToSum ? `sum by (${sumBy.join(', ')}) (` : ''}`;
  const close = `${isToSum ? ')' : ''}${scale === undefined ? '' : ')'}`;
  rewriting.edits.push(...placed(rewriting.expression, node, { open, text, close }));
}

/** Puts it there, without what would be in a sum twice. */
function placeInterfaces(rewriting: Rewriting, node: SyntaxNode, text: string, chosen: Omit<Summed, 'node'>): void {
  const once = countedOnce(rewriting.expression, { node, ...chosen });
  if (once.note !== undefined) rewriting.notes.add(once.note);
  const vector = vectorAround(node);
  const joined = chosen.joins.find(({ other }) => contains(vector, withoutParentheses(other)));
  const isAlone = isSummed(joined?.node ?? vector);
  const [open, close] = once.text === '' || isAlone ? ['', ''] : ['(', ')'];
  rewriting.edits.push(...placed(rewriting.expression, node, { open, text, close: `${once.text}${close}` }));
}

function matcherOf(rewriting: Rewriting, matcher: Matcher, family: OldFamily | undefined): string[] {
  const { from, to } = matcher.node;
  if (matcher.label === '__name__') return [];
  const mapped = mapMatcher(matcher, rewriting.expression.text.slice(from, to), family?.labels ?? {});
  return rewriting.mapped(mapped, matcher.label);
}

function ourName({ name, joined, where }: Replacement): string {
  return name === '' ? (joined ?? braces(where ?? [])) : name;
}

function braces(matchers: readonly string[]): string {
  return matchers.length === 0 ? '' : `{${matchers.join(', ')}}`;
}
