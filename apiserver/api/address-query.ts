import type { IpamFigure } from '../../metrics/ipam/figures.js';
import type { LabelMatcher } from '../store/figure.js';
import { queryValue } from './app-types.js';
import { ApiError } from './errors.js';
import type { Requirement } from './label-selector.js';
import type { Selectors } from './selectors.js';

/** A figure of IP addresses and the selector over its series, as asked for. */
export interface AskedAddresses {
  readonly figure: IpamFigure;
  /** As written, for echoes. */
  readonly selectorText: string;
  readonly requirements: readonly Requirement[];
  /** Of a rate. */
  readonly windowMs: number;
  /** Of series labels, in the alias form of selectors. */
  readonly matchesSeries: LabelMatcher;
}

/**
 * @param parameter the query parameter that has the selector over series
 * @throws {ApiError} BadRequest for a selector that is none, for a window of what is as it is at present, for a quantile
 */
export function parseAddressQuery(
  figure: IpamFigure,
  parameter: 'metricLabelSelector' | 'labelSelector',
  query: unknown,
  selectors: Selectors,
): AskedAddresses {
  const selectorText = queryValue(query, parameter) ?? '';
  if (
    figure.kind === 'latency' &&
    selectors.ofObjects(selectorText, parameter).requirements.some(({ key }) => key === 'quantile')
  ) {
    const said = `${parameter}: quantile: ${figure.metricName} is the 99th percentile, ipamd tells no other`;
    throw new ApiError('BadRequest', said);
  }
  const { requirements, matchesSeries, windowMs } = selectors.ofSeries(selectorText, parameter);
  if (figure.kind !== 'counter' && requirements.some(({ key }) => key === 'window')) {
    const said = `${parameter}: window: ${figure.metricName} is as it is at present, only a rate is taken over a window`;
    throw new ApiError('BadRequest', said);
  }
  return { figure, selectorText, requirements, windowMs, matchesSeries };
}
