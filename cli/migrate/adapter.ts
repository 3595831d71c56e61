// Rules of prometheus-adapter: a selector of series, and a template that is filled in with the name of each of them.
import { checkExpression } from './check-expression.js';
import type { Placed } from './extract.js';
import type { Finding } from './finding.js';
import type { AdapterRule } from './found.js';
import { withHpaMetrics } from './hpa-metrics.js';
import { readPattern } from './name-patterns.js';
import type { OldFamily, Predecessor } from './predecessors/predecessor.js';
import { PromqlError, parsePromql, selectorsOf } from './promql.js';
import { contains } from './syntax-tree.js';
import { applyEdits } from './text-edits.js';
import type { OldSelector } from './use.js';
import { familiesIn, readUses, type Uses } from './uses.js';

const SERIES = '<<.Series>>';
const SERIES_WRITTEN = /<<-?\s*\.Series\s*-?>>/g;
/** Series that a rule is of have the label of an object: of nodes, where it is no other. */
const OBJECT_LABEL = 'node';
const DROPS_SANDBOX =
  'container!="POD" drops the series that have the traffic where the runtime calls the sandbox so (CRI-O): the metric is never found.';

interface Query {
  readonly rule: AdapterRule;
  readonly from: readonly Predecessor[];
}

/** @throws {PromqlError} of a query that does not parse */
export function checkAdapterQuery(found: Finding, one: Placed, query: Query): Finding | undefined {
  return one.text === query.rule.seriesQuery ? checkSeries(found, one, query) : checkTemplate(found, one, query);
}

function checkSeries(found: Finding, one: Placed, query: Query): Finding | undefined {
  const uses = usesOfSeries(query);
  const selectors = uses.selectors.map((selector) => ({
    ...selector,
    families: selector.families.map((family) => asJoined(family, query)),
  }));
  return withSandbox(checkExpression(found, one, { ...uses, selectors }), selectors);
}

/** With what is wrong with the matcher that the adapter's own examples have. */
function withSandbox(finding: Finding | undefined, selectors: readonly OldSelector[]): Finding | undefined {
  const isDropped = selectors.some(
    ({ selector, families }) =>
      families.some(({ labels }) => labels['container']?.kind === 'dropped') &&
      selector.matchers.some(({ label, operator, value }) => `${label}${operator}${value}` === 'container!=POD'),
  );
  return finding === undefined || !isDropped ? finding : { ...finding, wrong: [...finding.wrong, DROPS_SANDBOX] };
}

/** What a template joins with an info is of pods alone: so is what is looked for. */
function asJoined(family: OldFamily, { rule: { metricsQuery }, from }: Query): OldFamily {
  const { ours } = family;
  if (ours?.joined === undefined || metricsQuery === undefined) return family;
  const filled = fill(metricsQuery, family.name);
  if (!isParsed(filled)) return family;
  const { selectors, joins } = readUses(parsePromql(filled), from);
  const isJoined = selectors.some(
    ({ selector, families }) => families.includes(family) && joins.some(({ other }) => contains(other, selector.node)),
  );
  return isJoined ? { ...family, ours: { name: ours.joined } } : family;
}

function checkTemplate(found: Finding, one: Placed, { rule, from }: Query): Finding | undefined {
  const filledIn = hasSeries(one.text) && isParsed(rule.seriesQuery) ? familiesOf({ rule, from }) : [];
  if (filledIn.length === 0) return checkFilled(found, one, { text: one.text, from });
  const findings = filledIn.flatMap((family) => {
    const finding = checkFilled(found, one, { text: fill(one.text, family.name), from });
    return finding === undefined ? [] : asTemplate(finding, family);
  });
  return withHpaMetrics(merged(findings), filledIn);
}

function checkFilled(
  found: Finding,
  one: Placed,
  { text, from }: { readonly text: string; readonly from: readonly Predecessor[] },
): Finding | undefined {
  const uses = readUses(parsePromql(text), from, { label: OBJECT_LABEL, isPresence: false });
  const finding = withSandbox(checkExpression(found, one, uses), uses.selectors);
  return hasSeries(one.text) ? finding : withHpaMetrics(finding, familiesIn(uses));
}

/** Of a template that is filled in with several names. */
function merged(findings: readonly Finding[]): Finding | undefined {
  const [first] = findings;
  if (first === undefined) return undefined;
  const all = (of: (finding: Finding) => readonly string[]) => [...new Set(findings.flatMap(of))];
  const isOne = findings.every(({ podnet }) => podnet === first.podnet);
  return {
    ...first,
    status: findings.find(({ status }) => status === 'change')?.status ?? first.status,
    with: all((finding) => finding.with),
    needs: all(({ needs }) => needs),
    wrong: all(({ wrong }) => wrong),
    notes: all(({ notes }) => notes),
    ...(isOne
      ? {}
      : { podnet: undefined, renamed: {}, why: ['is of series of several kinds: write a rule for each of them'] }),
  };
}

/** With the name of podnet's series where the name of the old one was filled in. */
function asTemplate(finding: Finding, { ours }: OldFamily): Finding {
  if (finding.podnet === undefined || ours === undefined) return finding;
  const expression = parsePromql(finding.podnet);
  const edits = selectorsOf(expression).flatMap(({ name, nameNode }) =>
    nameNode !== undefined && (name === ours.name || name === ours.joined)
      ? [{ from: nameNode.from, to: nameNode.to, text: SERIES }]
      : [],
  );
  return { ...finding, podnet: applyEdits(finding.podnet, edits) };
}

function usesOfSeries({ rule, from }: Query): Uses {
  const isKept = (name: string) => rule.filters.every((filter) => passes(name, filter));
  return readUses(parsePromql(rule.seriesQuery), from, { label: OBJECT_LABEL, isPresence: true, isKept });
}

function familiesOf(query: Query): OldFamily[] {
  return familiesIn(usesOfSeries(query));
}

/** A pattern that is not tried lets every name pass. */
function passes(name: string, { pattern, isNot }: AdapterRule['filters'][number]): boolean {
  return (readPattern(`.*(${pattern}).*`)?.test(name) ?? !isNot) !== isNot;
}

function hasSeries(template: string): boolean {
  return template.search(SERIES_WRITTEN) >= 0;
}

function fill(template: string, name: string): string {
  return template.replace(SERIES_WRITTEN, name);
}

/** What is not is told where it stands. */
function isParsed(text: string): boolean {
  try {
    parsePromql(text);
    return true;
  } catch (error) {
    if (!(error instanceof PromqlError)) throw error;
    return false;
  }
}
