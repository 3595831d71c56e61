// Joins with infos that cannot be left out without saying something else.
import type { SyntaxNode } from '@lezer/common';
import { groupingLabels, nodesOf, selectorsOf, type Expression } from './promql.js';
import type { Join } from './use.js';

/** Why a join has to be written anew by hand; none where what was joined has the labels of the info itself. */
export function joinProblems(expression: Expression, join: Join): string[] {
  const { on, foreign, infoFamily, info, isWrapped } = join;
  if (isWrapped) return [`is joined with what is made of ${info}: join podnet's series without it`];
  const keys = foreign?.on ?? infoFamily?.info?.keys ?? [];
  const problems: string[] = [];
  if (on === undefined || !keys.every((key) => on.includes(key))) {
    problems.push(`is not joined on (${keys.join(', ')}): it is of more than the one that the info is of`);
  }
  if (foreign !== undefined) problems.push(...foreignProblems(join, foreign.gives));
  if (
    infoFamily?.info?.isOfHost === true &&
    (namesInterface(expression, join.other) || hasMatcher(join, 'interface'))
  ) {
    problems.push(
      'chooses or groups by interface, which is that of the node: podnet_interface_info has it as host_interface',
    );
  }
  return problems;
}

/** Whatever else the other family told is nowhere in podnet. */
function foreignProblems({ takes, infoSelector, info }: Join, gives: readonly string[]): string[] {
  const labels = [...takes, ...infoSelector.matchers.map(({ label }) => label)].filter((label) => label !== '__name__');
  const missing = [...new Set(labels)].filter((label) => !gives.includes(label));
  return missing.length === 0 ? [] : [`takes ${missing.join(', ')} of ${info}, which podnet's series do not have`];
}

function hasMatcher({ infoSelector }: Join, name: string): boolean {
  return infoSelector.matchers.some(({ label }) => label === name);
}

function namesInterface(expression: Expression, other: SyntaxNode): boolean {
  const matched = selectorsOf(expression, other).flatMap(({ matchers }) => matchers.map(({ label }) => label));
  const grouped = nodesOf(other, 'GroupingLabels').flatMap((grouping) =>
    groupingLabels(expression, grouping).map(({ label }) => label),
  );
  return [...matched, ...grouped].includes('interface');
}
