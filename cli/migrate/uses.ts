// What an expression has of the predecessors that there are, and what is to be said of it.
import { oldTargets } from './old-targets.js';
import { PREDECESSORS } from './predecessors/all.js';
import type { OldFamily, Predecessor } from './predecessors/predecessor.js';
import { binaryAt, nodesOf, type Expression } from './promql.js';
import { contains } from './syntax-tree.js';
import { joinsOf, oldSelectors, useOf, type Join, type OldSelector } from './use.js';

export interface Uses {
  readonly expression: Expression;
  readonly from: readonly Predecessor[];
  /** Their series, and what is joined with their infos. */
  readonly selectors: readonly OldSelector[];
  readonly joins: readonly Join[];
  readonly facts: readonly Facts[];
  readonly asked: Asked | undefined;
}

/** What is asked of series besides what an expression says. */
export interface Asked {
  /** Label whose values are asked for. */
  readonly label: string;
  /** Only which series there are is asked, of a selector and nothing else. */
  readonly isPresence: boolean;
  /** Names that are meant, of those that the selector has. */
  readonly isKept?: (name: string) => boolean;
}

/** By predecessor. */
interface Facts {
  readonly predecessor: Predecessor;
  readonly wrong: readonly string[];
  readonly needs: readonly string[];
  readonly notes: readonly string[];
  readonly isBroken: boolean;
}

export function readUses(expression: Expression, from: readonly Predecessor[], asked?: Asked): Uses {
  const label = asked?.label;
  const known = oldSelectors(expression, PREDECESSORS, asked?.isKept);
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
  return { expression, from, selectors, joins, facts, asked };
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
export function withoutInfos(selectors: readonly OldSelector[], joins: readonly Join[]): OldSelector[] {
  return selectors.filter(
    ({ selector }) => !joins.some(({ infoSelector }) => infoSelector.node.from === selector.node.from),
  );
}

export function familiesIn({ selectors }: Uses): OldFamily[] {
  return selectors.flatMap(({ families }) => families);
}
