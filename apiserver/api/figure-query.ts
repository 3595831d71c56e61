import { familyOfRate } from '../../metrics/catalogue.js';
import type { FigureQuery, Figures } from '../store/figure.js';
import { queryValue } from './app-types.js';
import { ApiError } from './errors.js';
import { matchesLabels, type Requirement } from './label-selector.js';
import { parseMetricSelector, type WindowBounds } from './metric-selector.js';

/** A metric and the selector over its series, as asked for. */
export interface AskedFigure extends FigureQuery {
  readonly metric: string;
  /** As written, for echoes. */
  readonly selectorText: string;
  readonly requirements: readonly Requirement[];
}

export interface FigureQueryDeps {
  readonly figures: Figures;
  readonly window: WindowBounds;
}

/**
 * What is asked of the store.
 * @param parameter the query parameter that has the selector over series
 * @returns undefined for a metric that nobody serves
 * @throws {ApiError} BadRequest for a selector that is none
 */
export function parseFigureQuery(
  metric: string,
  parameter: 'metricLabelSelector' | 'labelSelector',
  query: unknown,
  { figures, window }: FigureQueryDeps,
): AskedFigure | undefined {
  const selectorText = queryValue(query, parameter) ?? '';
  const { requirements, series, windowMs } = parseMetricSelector(selectorText, parameter, window);
  const family = familyOfRate(metric);
  if (family === undefined) return undefined;
  const ofPod = series.filter(({ key }) => figures.isPodLabel(key));
  return {
    ...{ metric, selectorText, requirements, windowMs },
    column: family.column,
    matchesSeries: (label) => matchesLabels(series, label),
    couldMatch: (label) => matchesLabels(ofPod, label),
  };
}

/** Encoded slashes arrive decoded: a name that has one is nobody's. */
export function checkPath(path: Readonly<Record<string, string>>): void {
  if (Object.values(path).some((part) => part.includes('/') || part.includes('\0'))) {
    throw new ApiError('BadRequest', 'invalid request path');
  }
}

/** A list is answered whole: a limit is read, as Kubernetes reads it, and has no effect. */
export function checkListOptions(query: unknown): void {
  for (const parameter of ['limit', 'timeoutSeconds']) {
    const value = queryValue(query, parameter);
    if (value === undefined || value === '' || /^[+-]?\d+$/.test(value)) continue;
    throw new ApiError('BadRequest', `${parameter}: not a number: ${JSON.stringify(value.slice(0, 40))}`);
  }
}
