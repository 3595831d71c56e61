// What becomes of an expression.
import type { Placed } from './extract.js';
import type { Finding } from './finding.js';
import { mapGrouping, type Mapped } from './labels.js';
import type { Predecessor } from './predecessors/predecessor.js';
import { selectorsOf, type Expression } from './promql.js';
import { isRuleOf, recordedBy } from './recorded.js';
import { rewrite } from './rewrite.js';
import type { Rewritten } from './rewriting.js';
import { unknownNames } from './use.js';
import { familiesIn, withoutInfos, type Uses } from './uses.js';
import { watched } from './watched.js';

/** @returns undefined where it has nothing to do with podnet or a predecessor */
export function checkExpression(found: Finding, one: Placed, uses: Uses): Finding | undefined {
  const { expression, selectors, joins, facts, asked } = uses;
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
  const rewritten = rewrite(expression, { selectors: withoutInfos(selectors, joins), joins, asked });
  const mapped = familiesIn(uses)
    .map(({ labels }) => mapGrouping(one.label ?? '', labels))
    .find(({ texts }) => texts[0] !== one.label);
  const podnet = asQuery(rewritten, one, mapped);
  const notes = [
    ...facts.flatMap((fact) => fact.notes),
    ...rewritten.notes,
    ...(mapped?.note ? [mapped.note] : []),
    ...halves(rewritten, mapped),
  ];
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

/** With what a variable of a dashboard does with it. */
function asQuery({ text }: Rewritten, { call, label }: Placed, mapped: Mapped | undefined): string | undefined {
  if (text === undefined || call === undefined) return text;
  if (call === 'query_result') return `query_result(${text})`;
  const renamed = mapped === undefined ? label : mapped.texts.at(-1);
  return renamed === undefined ? undefined : `label_values(${text}, ${renamed})`;
}

/** A variable has the values of one label, and a network is two. */
function halves({ text }: Rewritten, mapped: Mapped | undefined): string[] {
  const [other, ...shown] = mapped?.texts ?? [];
  if (text === undefined || other === undefined || shown.length === 0) return [];
  return [
    `the variable loses ${other}: make a second one, label_values(${text}, ${other}), and have panels choose by both`,
  ];
}

function flagOf({ name }: Predecessor): string {
  return `--compat=${name}`;
}
