// What becomes of everything in a file that reads metrics.
import { alarmAdvice } from './alarms.js';
import { extract, type Placed } from './extract.js';
import type { FileReport, Finding } from './finding.js';
import { mapGrouping, type Mapped } from './labels.js';
import { oldTargets } from './old-targets.js';
import { watched } from './watched.js';
import { PREDECESSORS } from './predecessors/all.js';
import type { Predecessor } from './predecessors/predecessor.js';
import { PromqlError, binaryAt, nodesOf, parsePromql, selectorsOf, type Expression } from './promql.js';
import { isRuleOf, recordedBy } from './recorded.js';
import { rewrite, type Rewritten } from './rewrite.js';
import { contains } from './syntax-tree.js';
import { joinsOf, oldSelectors, unknownNames, useOf, type Join, type OldSelector } from './use.js';

/** The rule that its manual told users to put into the scrape of cAdvisor. */
const SHIM_RELABELLING = /container_networks_/;

/** @param from predecessors that there are */
export function checkFile(file: string, text: string, from: readonly Predecessor[] = PREDECESSORS): FileReport {
  const { found, problems } = extract(text);
  const findings = found.map((one) => check(file, one, from));
  const seen = findings.filter((one) => one !== undefined);
  return { file, findings: seen, others: findings.length - seen.length, problems };
}

/** @returns undefined where it has nothing to do with podnet or a predecessor */
function check(file: string, one: Placed, from: readonly Predecessor[]): Finding | undefined {
  const { line, place, subject, kind, text } = one;
  const found: Finding = {
    ...{ file, line, place, subject, kind, expression: text, status: 'works' },
    ...{ with: [], needs: [], wrong: [], podnet: undefined, why: [], notes: [], renamed: {} },
  };
  if (kind === 'alarm') return checkAlarm(found, one, from);
  if (kind === 'relabelling') return checkRelabelling(found, from);
  try {
    return checkExpression(found, one, readUses(parsePromql(text), from, one.label));
  } catch (error) {
    if (!(error instanceof PromqlError)) throw error;
    return { ...found, status: 'unreadable', why: [error.message] };
  }
}

function checkAlarm(found: Finding, one: Placed, predecessors: readonly Predecessor[]): Finding | undefined {
  const advice = predecessors.some(({ name }) => name === 'cni-metrics-helper') ? alarmAdvice(one) : undefined;
  if (advice === undefined) return undefined;
  const { wrong, needs } = advice;
  return { ...found, status: needs.length > 0 ? 'change' : 'served', with: ['--publish.cloudwatch'], wrong, needs };
}

function checkRelabelling(found: Finding, predecessors: readonly Predecessor[]): Finding | undefined {
  const isShim = predecessors.some(({ name }) => name === 'prometheus-network-shim');
  if (!isShim || !SHIM_RELABELLING.test(found.expression)) return undefined;
  const wrong = [
    'Never matched: cAdvisor has container_network_…, without an s, and a relabelling rule has to match the whole name.',
  ];
  return { ...found, status: 'delete', wrong };
}

function checkExpression(found: Finding, one: Placed, uses: Uses): Finding | undefined {
  const { expression, selectors, joins, facts } = uses;
  const recorded = recordedBy(one.record, uses.from);
  if (recorded !== undefined && isRuleOf(recorded, one, uses)) {
    const notes = ['what it records is served under its name: without the rule'];
    const wrong = facts.flatMap((fact) => fact.wrong);
    return { ...found, status: 'delete', with: [flagOf(recorded)], notes, wrong };
  }
  const [pattern] = unknownNames(expression);
  if (pattern !== undefined) {
    return { ...found, status: 'change', why: [`its name is a regular expression that is not tried: ${pattern}`] };
  }
  const own =
    recorded === undefined ? [] : [`a rule of your own under a name that ${flagOf(recorded)} serves: rename it`];
  if (facts.length === 0) {
    const needs = [...own, ...watched(expression, uses.from)];
    if (needs.length > 0) return { ...found, status: 'change', needs };
    return isOfPodnet(expression) ? found : undefined;
  }
  const asked = one.call === 'label_values' ? one.label : undefined;
  const rewritten = rewrite(expression, { selectors: withoutInfos(selectors, joins), joins, label: asked });
  const families = selectors.flatMap((selector) => selector.families);
  const mapped = families.map(({ labels }) => mapGrouping(asked ?? '', labels)).find(({ texts }) => texts[0] !== asked);
  const podnet = asQuery(rewritten, one, mapped);
  const notes = [...facts.flatMap((fact) => fact.notes), ...rewritten.notes, ...(mapped?.note ? [mapped.note] : [])];
  return {
    ...found,
    status: own.length > 0 || facts.some(({ isBroken }) => isBroken) ? 'change' : 'served',
    with: facts.map(({ predecessor }) => flagOf(predecessor)),
    needs: [...own, ...facts.flatMap(({ needs }) => needs)],
    wrong: facts.flatMap(({ wrong }) => wrong),
    podnet,
    why:
      podnet === undefined && rewritten.why.length === 0
        ? [`podnet has no label like ${one.label ?? ''}`]
        : rewritten.why,
    notes: [...new Set(notes)].filter((note) => !rewritten.why.includes(note)),
    renamed: rewritten.renamed,
  };
}

function isOfPodnet(expression: Expression): boolean {
  return selectorsOf(expression).some(({ name, matchers }) => {
    const named = name ?? matchers.find(({ label }) => label === '__name__')?.value;
    return named?.startsWith('podnet_') === true;
  });
}

/** What an expression has of the predecessors that there are. */
interface Uses {
  readonly expression: Expression;
  readonly from: readonly Predecessor[];
  /** Their series, and what is joined with their infos. */
  readonly selectors: readonly OldSelector[];
  readonly joins: readonly Join[];
  readonly facts: readonly Facts[];
}

/** By predecessor. */
interface Facts {
  readonly predecessor: Predecessor;
  readonly wrong: readonly string[];
  readonly needs: readonly string[];
  readonly notes: readonly string[];
  readonly isBroken: boolean;
}

/** @param label of `label_values` */
function readUses(expression: Expression, from: readonly Predecessor[], label?: string): Uses {
  const known = oldSelectors(expression, PREDECESSORS);
  const isFrom = ({ infoFamily, foreign }: Join) =>
    from.some(
      ({ families, foreignInfos }) =>
        (infoFamily !== undefined && families.includes(infoFamily)) ||
        (foreign !== undefined && foreignInfos?.includes(foreign) === true),
    );
  const joins = joinsOf(expression, known).filter(isFrom);
  // cAdvisor's series that are matched with an info are cAdvisor's, whoever recorded others under their names.
  const isJoined = (one: OldSelector) =>
    isMatchedWithInfo(
      expression,
      one,
      known.filter(({ predecessor }) => from.includes(predecessor)),
    );
  const joinedNames = new Set(known.filter(isJoined).map(({ selector }) => selector.name));
  const isCarried = ({ selector }: OldSelector) => joinedNames.has(selector.name);
  const own = known.filter((one) => from.includes(one.predecessor) && !isCarried(one));
  const selectors = known.filter((one) => own.includes(one) || isCarried(one));
  const facts = [...new Set(own.map(({ predecessor }) => predecessor))].map((predecessor): Facts => {
    const of = own.filter((one) => one.predecessor === predecessor);
    const applying = predecessor.facts.filter(({ applies }) =>
      applies(useOf(expression, predecessor, { selectors: of, joins, label })),
    );
    const targets = oldTargets(expression, predecessor, { selectors: of, joins, label });
    const infos = joins.map(({ infoSelector }) => infoSelector.node.from);
    const noted = of.filter(({ selector }) => !infos.includes(selector.node.from));
    return {
      predecessor,
      wrong: applying.map(({ wrong }) => wrong),
      needs: [...applying.flatMap((fact) => fact.needs ?? []), ...targets],
      notes: [...new Set(noted.flatMap(({ families }) => families.flatMap(({ note }) => note ?? [])))],
      isBroken: applying.some(({ isBroken }) => isBroken === true) || targets.length > 0,
    };
  });
  return { expression, from, selectors, joins, facts };
}

/** Whether series are on one side of an operator, and an info of another predecessor is on the other. */
function isMatchedWithInfo(expression: Expression, one: OldSelector, all: readonly OldSelector[]): boolean {
  const infos = all.filter(
    ({ predecessor, families }) => predecessor !== one.predecessor && families.some(({ info }) => info !== undefined),
  );
  return nodesOf(expression.root, 'BinaryExpr').some((node) => {
    const binary = binaryAt(expression, node);
    if (binary === undefined || binary.operator.toLowerCase() === 'or') return false;
    const [here, there] = contains(binary.left, one.selector.node)
      ? [binary.left, binary.right]
      : [binary.right, binary.left];
    return contains(here, one.selector.node) && infos.some(({ selector }) => contains(there, selector.node));
  });
}

/** Those that remain when joins are gone. */
function withoutInfos(selectors: readonly OldSelector[], joins: readonly Join[]): OldSelector[] {
  return selectors.filter(
    ({ selector }) => !joins.some(({ infoSelector }) => infoSelector.node.from === selector.node.from),
  );
}

/** With what a variable of a dashboard does with it. */
function asQuery({ text }: Rewritten, { call, label }: Placed, mapped: Mapped | undefined): string | undefined {
  if (text === undefined || call === undefined) return text;
  if (call === 'query_result') return `query_result(${text})`;
  const renamed = mapped === undefined ? label : mapped.texts.at(-1);
  return renamed === undefined ? undefined : `label_values(${text}, ${renamed})`;
}

function flagOf({ name }: Predecessor): string {
  return `--compat=${name}`;
}
