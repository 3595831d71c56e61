import { labelsOf } from '../promql/check.js';
import type { KnownSeries } from '../promql/known-families.js';
import { QueryError } from '../promql/tree.js';
import type { Dashboard, QueryPanel } from './model.js';

type Known = ReadonlyMap<string, KnownSeries>;

/** What Grafana writes for its own variables, as far as an expression is read here. */
const BUILT_IN = { $__rate_interval: '5m', $__interval: '1m', $__range: '1h' } as const;

/** An expression of a panel with a time in place of each of Grafana's. */
export function withTimes(expression: string, times: Readonly<Record<string, string>> = BUILT_IN): string {
  return Object.entries(times).reduce((text, [variable, time]) => text.replaceAll(variable, time), expression);
}

/**
 * @throws {QueryError} where a panel or a variable asks for what there is not, or a legend, a column or a link has a label that no series of its has
 * @throws {TypeError} where a panel says nothing of itself, or names a variable that the dashboard has not
 */
export function checkDashboard(dashboard: Dashboard, known: Known): void {
  const variables = new Set(dashboard.templating.list.map(({ name }) => name));
  for (const { name, definition } of dashboard.templating.list) {
    if (definition === undefined) continue;
    const [, from = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
    // of what counts the labels are asked alone
    if (!labelsOf(`count(${from}) by (${label})`, known).has(label)) throw new QueryError(definition, name);
    checkVariables(definition, variables);
  }
  const titles = new Set<string>();
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') continue;
    if (titles.has(panel.title)) throw new TypeError(`${dashboard.title} has two panels "${panel.title}"`);
    titles.add(panel.title);
    if (!/\.$/.test(panel.description)) throw new TypeError(`"${panel.title}" has no description`);
    checkPanel(panel, known, variables);
  }
}

function checkPanel(panel: QueryPanel, known: Known, variables: ReadonlySet<string>): void {
  const labels = panel.targets.map(({ expr, legendFormat }) => {
    const found = labelsOf(withTimes(expr), known);
    checkVariables(expr, variables);
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      if (!found.has(label)) throw new QueryError(expr, `no label ${label} for the legend`);
    }
    return found;
  });
  const columns = panel.transformations?.find(({ id }) => id === 'organize')?.options['indexByName'];
  for (const column of typeof columns === 'object' && columns !== null ? Object.keys(columns) : []) {
    const values = panel.targets.length === 1 ? ['Value'] : panel.targets.map(({ refId }) => `Value #${refId}`);
    const isThere = column.startsWith('Value') ? values.includes(column) : labels.every((found) => found.has(column));
    if (!isThere) throw new QueryError(panel.title, `no column ${column}`);
  }
  const matrix = panel.transformations?.find(({ id }) => id === 'groupingToMatrix')?.options;
  for (const key of ['rowField', 'columnField']) {
    const field = matrix?.[key];
    if (typeof field === 'string' && labels[0]?.has(field) !== true) throw new QueryError(panel.title, `no ${field}`);
  }
  if (panel.type === 'heatmap' && labels.some((found) => !found.has('le'))) throw new QueryError(panel.title, 'no le');
}

function checkVariables(expression: string, known: ReadonlySet<string>): void {
  // a number is what a regular expression found
  for (const [, name = ''] of expression.matchAll(/\$([A-Za-z_]\w*)/g)) {
    if (!name.startsWith('__') && !known.has(name)) throw new QueryError(expression, `no variable ${name}`);
  }
}
