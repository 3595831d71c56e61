// The expression over podnet's families that says what one over a predecessor's did.
import type { SyntaxNode } from '@lezer/common';
import { hasVariable, isVariable } from './dashboard-variables.js';
import { mapGrouping, mapMatcher, type Mapped } from './labels.js';
import type { OldFamily, Replacement } from './predecessors/predecessor.js';
import {
  binaryAt,
  childrenOf,
  groupingLabels,
  modifiersAt,
  nodesOf,
  parsePromql,
  unquote,
  withoutParentheses,
  PromqlError,
  type Expression,
  type Matcher,
} from './promql.js';
import {
  contains,
  hasNamedLabels,
  hasSeries,
  callOnEach,
  isAskedWhetherAbsent,
  isReckonedWith,
  isSummed,
  isWithout,
  outOfParentheses,
  outermostAggregates,
  ownerOf,
  takenFrom,
  vectorAround,
} from './syntax-tree.js';
import { applyEdits, type Edit } from './text-edits.js';
import { joinProblems } from './join-problems.js';
import { placed } from './placed.js';
import { countedOnce, type Summed } from './stacked.js';
import { isOfNodes } from './totals.js';
import type { Join, OldSelector } from './use.js';
import type { Asked } from './uses.js';

export interface Rewritten {
  /** Undefined where podnet has nothing that says the same, or it has to be written by hand: `why` tells. */
  readonly text: string | undefined;
  readonly why: readonly string[];
  /** What changes besides. */
  readonly notes: readonly string[];
  /** Labels that are called otherwise, as templates and legends have to call them. */
  readonly renamed: Readonly<Record<string, string>>;
}

interface RewriteInput {
  readonly selectors: readonly OldSelector[];
  readonly joins: readonly Join[];
  readonly asked?: Asked | undefined;
}

export function rewrite(expression: Expression, input: RewriteInput): Rewritten {
  return new Rewriting(expression, input).result();
}

class Rewriting {
  readonly #edits: Edit[] = [];
  readonly #why = new Set<string>();
  readonly #notes = new Set<string>();
  readonly #renamed: Record<string, string> = {};
  /** Labels that a grouping gets besides, by its place: what a join had taken from its info. */
  readonly #added = new Map<number, readonly string[]>();

  readonly selectors: readonly OldSelector[];
  readonly joins: readonly Join[];
  readonly asked: Asked | undefined;

  constructor(
    readonly expression: Expression,
    { selectors, joins, asked }: RewriteInput,
  ) {
    this.selectors = selectors;
    this.joins = joins;
    this.asked = asked;
  }

  result(): Rewritten {
    for (const join of this.joins) this.#removeJoin(join);
    for (const one of this.selectors) this.#replaceSelector(one);
    for (const binary of nodesOf(this.expression.root, 'BinaryExpr')) this.#checkMatching(binary);
    for (const grouping of nodesOf(this.expression.root, 'GroupingLabels')) this.#replaceGrouping(grouping);
    for (const call of nodesOf(this.expression.root, 'FunctionCall')) this.#replaceLabelArguments(call);
    const notes = [...this.#notes];
    const why = [...this.#why];
    if (why.length > 0) return { text: undefined, why, notes, renamed: {} };
    const text = applyEdits(this.expression.text, this.#edits).trim();
    try {
      parsePromql(text);
    } catch (error) {
      if (!(error instanceof PromqlError)) throw error;
      return { text: undefined, why: ['has to be written by hand'], notes, renamed: {} };
    }
    return { text, why, notes, renamed: this.#renamed };
  }

  /** What is left of a join is what was joined; what the info chose by goes to the selectors in it. */
  #removeJoin(join: Join): void {
    const { node, other, infoFamily, infoSelector, takes } = join;
    for (const problem of joinProblems(this.expression, join)) this.#why.add(problem);
    const info = infoSelector.node.to;
    const end = info === node.to ? info + modifiersAt(this.expression, info).length : node.to;
    this.#edits.push(
      { from: node.from, to: other.from, text: '' },
      { from: other.to, to: other.to === node.to ? node.to : end, text: '' },
    );
    if (takes.length === 0) return;
    const added = takes.flatMap((label) => this.#mapped(mapGrouping(label, infoFamily?.labels ?? {}), label));
    for (const aggregate of outermostAggregates(other)) {
      const modifier = aggregate.getChild('AggregateModifier');
      const grouping = modifier?.getChild('GroupingLabels') ?? undefined;
      if (grouping === undefined) this.#why.add('is added up over everything, and only then joined');
      else if (modifier?.getChild('By') !== null) {
        this.#added.set(grouping.from, [...(this.#added.get(grouping.from) ?? []), ...added]);
      }
    }
  }

  #replaceSelector({ selector, families }: OldSelector): void {
    if (this.#isRemoved(selector.node)) return;
    const { node, name } = selector;
    const [family, more] = families;
    if (family === undefined) return;
    if (name === undefined || hasVariable(name) || more !== undefined) {
      const ours = [...new Set(families.flatMap((one) => (one.ours === undefined ? [] : [ourName(one.ours)])))];
      this.#why.add(
        `the name of the family is not written in full: it can be one of ${ours.slice(0, 3).join(', ')}, …`,
      );
      return;
    }
    if (family.ours === undefined) {
      this.#why.add(family.note ?? `podnet has nothing like ${family.name}`);
      return;
    }
    if (family.info?.value === 0) this.#followInfoValue(node, family.name);
    const joins = this.joins.filter(({ other }) => contains(other, node));
    const { ours } = family;
    const isJoined = joins.length > 0 && ours.joined !== undefined;
    const own = selector.matchers.flatMap((matcher) => this.#matcher(matcher, family));
    const ofInfos = joins.flatMap((join) =>
      join.infoSelector.matchers.flatMap((matcher) => this.#matcher(matcher, join.infoFamily)),
    );
    const matchers = [...new Set([...(isJoined ? [] : (ours.where ?? [])), ...own, ...ofInfos])];
    const isTotal =
      ours.total !== undefined && !isOfNodes(this.expression, { ...selector, asked: this.asked?.label }, family.labels);
    if (isTotal) this.#notes.add(`if ipamd itself was scraped, ${family.name} is of each node: ${ours.name}`);
    const text = `${isTotal ? (ours.total ?? '') : isJoined ? (ours.joined ?? '') : ours.name}${braces(matchers)}`;
    const { sumBy, ...rest } = ours;
    const isPresence = this.asked?.isPresence === true || isAskedWhetherAbsent(vectorAround(node));
    if (isPresence) this.#edits.push({ from: node.from, to: node.to, text });
    else if (ours.isOfInterfaces === true)
      this.#placeInterfaces(node, text, { labels: family.labels, matchers, joins });
    else this.#place(node, text, isTotal || isJoined || sumBy === undefined ? rest : { ...rest, sumBy });
  }

  /** Their info is 0 and podnet's is 1: who reckons with the value has to know. */
  #followInfoValue(node: SyntaxNode, name: string): void {
    const outer = outOfParentheses(node);
    const binary = outer.parent === null ? undefined : binaryAt(this.expression, outer.parent);
    const number = binary?.right;
    const isZero = number !== undefined && this.expression.plain.slice(number.from, number.to) === '0';
    const isCompared = binary?.operator === '==' && isZero && binary.left.from === outer.from;
    if (isCompared && outer.parent !== null && !isReckonedWith(outer.parent)) {
      this.#edits.push({ from: number.from, to: number.to, text: '1' });
    } else if (isReckonedWith(node)) {
      this.#why.add(`reckons with the value of ${name}, which is 0: podnet_interface_info is 1`);
    }
  }

  /** Puts it there: added up where podnet has more series, in their unit where podnet has another. */
  #place(node: SyntaxNode, text: string, { sumBy, scale }: Replacement): void {
    const vector = vectorAround(node);
    const call = callOnEach(vector);
    if (sumBy !== undefined && call !== undefined) {
      this.#why.add(
        `${this.expression.plain.slice(call.from, call.to)} of several series is not that of their sum: ${text} has one for each`,
      );
    }
    const isToSum = sumBy !== undefined && !isSummed(vector);
    const open = `${scale === undefined ? '' : `(${scale} * `}${isToSum ? `sum by (${sumBy.join(', ')}) (` : ''}`;
    const close = `${isToSum ? ')' : ''}${scale === undefined ? '' : ')'}`;
    this.#edits.push(...placed(this.expression, node, { open, text, close }));
  }

  /** Puts it there, without what would be in a sum twice. */
  #placeInterfaces(node: SyntaxNode, text: string, chosen: Omit<Summed, 'node'>): void {
    const once = countedOnce(this.expression, { node, ...chosen });
    if (once.note !== undefined) this.#notes.add(once.note);
    const vector = vectorAround(node);
    const joined = chosen.joins.find(({ other }) => contains(vector, withoutParentheses(other)));
    const isAlone = isSummed(joined?.node ?? vector);
    const [open, close] = once.text === '' || isAlone ? ['', ''] : ['(', ')'];
    this.#edits.push(...placed(this.expression, node, { open, text, close: `${once.text}${close}` }));
  }

  /** podnet's series have labels that theirs had not: whatever goes by all labels, or by all but some, finds others. */
  #checkMatching(binary: SyntaxNode): void {
    const sides = binaryAt(this.expression, binary);
    if (sides === undefined || this.joins.some(({ node }) => node.from === binary.from && node.to === binary.to))
      return;
    if (this.#isRemoved(binary) || this.#isAllOld(binary)) return;
    const isOn = (binary.getChild('MatchingModifierClause')?.getChild('On') ?? null) !== null;
    const areSeries = [sides.left, sides.right].every((side) => hasSeries(this.expression, side));
    const own = [sides.left, sides.right].filter((side) =>
      this.selectors.some((one) => contains(side, one.selector.node)),
    );
    if (isOn || !areSeries || own.every(hasNamedLabels)) return;
    this.#why.add('is matched by all its labels with series of others: say by which, with on');
  }

  #matcher(matcher: Matcher, family: OldFamily | undefined): string[] {
    const { from, to } = matcher.node;
    if (matcher.label === '__name__') return [];
    const mapped = mapMatcher(matcher, this.expression.text.slice(from, to), family?.labels ?? {});
    return this.#mapped(mapped, matcher.label);
  }

  #replaceGrouping(grouping: SyntaxNode): void {
    if (this.#isRemoved(grouping)) return;
    const labels = this.#newGrouping(grouping);
    if (labels === undefined) return;
    this.#edits.push({ from: grouping.from, to: grouping.to, text: `(${labels.join(', ')})` });
  }

  /** Undefined where nothing changes. */
  #newGrouping(grouping: SyntaxNode): string[] | undefined {
    const owner = ownerOf(grouping);
    const within = this.selectors.filter(({ selector }) => contains(owner, selector.node));
    const taking = takenFrom(this.expression, grouping);
    const from = taking === undefined ? within : within.filter(({ selector }) => contains(taking, selector.node));
    const families = from.flatMap((one) => one.families);
    const joins = this.joins.filter(({ node }) => contains(owner, node));
    const written = groupingLabels(this.expression, grouping);
    const labels = written.flatMap(({ label, node }) => {
      const taken = joins
        .filter(({ takes }) => takes.includes(label))
        .map(({ infoFamily }) => infoFamily?.labels ?? {});
      const of = taken.length > 0 ? taken : families.map((family) => family.labels);
      const outcomes = of.map((changes) => mapGrouping(label, changes));
      const changed = outcomes.filter((one) => !isUnchanged(one, label));
      const [outcome] = changed;
      if (isVariable(label) && families.length > 0) this.#notes.add(`${label} has to be labels that podnet has`);
      if (outcome === undefined) return [this.expression.text.slice(node.from, node.to)];
      if (owner.name === 'BinaryExpr' && !this.#isAllOld(owner)) {
        this.#why.add(`is joined by ${label} with series of others`);
        return [];
      }
      return this.#mapped(outcome, label);
    });
    if (within.length > 0 && owner.name === 'AggregateExpr' && isWithout(owner)) {
      this.#why.add("adds up without some labels: podnet's series have others besides, so say which remain, with by");
    }
    const added = this.#added.get(grouping.from) ?? [];
    const before = written.map(({ label }) => label).join();
    return labels.join() === before && added.length === 0 ? undefined : [...new Set([...labels, ...added])];
  }

  /** Whether a binary expression has series of predecessors on both sides, and no others. */
  #isAllOld(binary: SyntaxNode): boolean {
    return nodesOf(binary, 'VectorSelector')
      .filter((node) => !this.#isRemoved(node))
      .every(({ from }) => this.selectors.some(({ selector }) => selector.node.from === from));
  }

  /** label_replace and label_join name labels in strings. */
  #replaceLabelArguments(call: SyntaxNode): void {
    const name = childrenOf(call)[0]?.firstChild?.name;
    if (this.#isRemoved(call) || (name !== 'LabelReplace' && name !== 'LabelJoin')) return;
    const families = this.selectors.flatMap((one) => (contains(call, one.selector.node) ? one.families : []));
    const body = call.getChild('FunctionCallBody');
    for (const node of body?.getChildren('StringLiteral') ?? []) {
      const label = unquote(this.expression.text.slice(node.from, node.to));
      const change = families.map(({ labels }) => mapGrouping(label, labels)).find((one) => !isUnchanged(one, label));
      if (change === undefined) continue;
      if (change.renamed === 'node' && families.some(({ ours }) => ours?.total !== undefined)) {
        this.#why.add(`makes a label of ${label}, which is that of the old scrape: a total of the cluster has no node`);
        continue;
      }
      const [renamed, more] = this.#mapped(change, label);
      if (renamed === undefined || more !== undefined) this.#why.add(`${label} is made another label by a function`);
      else this.#edits.push({ from: node.from, to: node.to, text: `"${renamed}"` });
    }
  }

  #mapped(mapped: Mapped, label: string): string[] {
    if (mapped.why !== undefined) this.#why.add(mapped.why);
    if (mapped.note !== undefined) this.#notes.add(mapped.note);
    if (mapped.renamed !== undefined) this.#renamed[label] = mapped.renamed;
    return [...mapped.texts];
  }

  #isRemoved(node: SyntaxNode): boolean {
    return this.joins.some((join) => contains(join.node, node) && !contains(join.other, node));
  }
}

function isUnchanged({ texts, why }: Mapped, label: string): boolean {
  return why === undefined && texts.length === 1 && texts[0] === label;
}

function ourName({ name, joined, where }: Replacement): string {
  return name === '' ? (joined ?? braces(where ?? [])) : name;
}

function braces(matchers: readonly string[]): string {
  return matchers.length === 0 ? '' : `{${matchers.join(', ')}}`;
}
