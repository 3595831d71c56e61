import { RESERVED_SELECTOR_KEYS } from '../../metrics/labels.js';
import { parseDuration, renderDuration } from '../../runtime/duration.js';
import type { LabelMatcher } from '../store/figure.js';
import { ApiError } from './errors.js';
import { matcherOf, type Requirement } from './label-selector.js';

/** What a selector over series asks for: which series, over which window. */
export interface MetricSelector {
  /** As written, for the echo in the answer. */
  readonly requirements: readonly Requirement[];
  /** Those on labels of series: all but the reserved ones. */
  readonly series: readonly Requirement[];
  /** Whether a series meets those. */
  readonly matchesSeries: LabelMatcher;
  readonly windowMs: number;
}

export interface WindowBounds {
  readonly defaultMs: number;
  /** The history kept: no window reaches further back. */
  readonly historyMs: number;
}

/** What a selector over series of latencies asks for. */
export interface LatencySelector extends MetricSelector {
  /** Between 0 and 1. */
  readonly quantile: number;
}

/** What a selector over series says, with quantiles or without. */
export interface SeriesSelector extends MetricSelector {
  readonly quantiles: readonly Requirement[];
}

/** @throws {ApiError} BadRequest, with the place and the reason */
export function readSeriesSelector(
  requirements: readonly Requirement[],
  parameter: string,
  bounds: WindowBounds,
): SeriesSelector {
  const of = (reserved: (typeof RESERVED_SELECTOR_KEYS)[number]) => requirements.filter(({ key }) => key === reserved);
  const isReserved = ({ key }: Requirement) => (RESERVED_SELECTOR_KEYS as readonly string[]).includes(key);
  const series = requirements.filter((requirement) => !isReserved(requirement));
  return {
    ...{ requirements, series, matchesSeries: matcherOf(series) },
    windowMs: windowOf(of('window'), parameter, bounds),
    quantiles: of('quantile'),
  };
}

/** @throws {ApiError} BadRequest, with the place and the reason */
export function withoutQuantile(selector: SeriesSelector, parameter: string): MetricSelector {
  if (selector.quantiles.length === 0) return selector;
  throw new ApiError('BadRequest', `${parameter}: quantile: only metrics of latency have quantiles`);
}

/** @throws {ApiError} BadRequest, with the place and the reason */
export function withQuantile(selector: SeriesSelector, parameter: string): LatencySelector {
  return { ...selector, quantile: quantileOf(selector.quantiles, parameter) };
}

function windowOf(
  requirements: readonly Requirement[],
  parameter: string,
  { defaultMs, historyMs }: WindowBounds,
): number {
  if (requirements.length === 0) return defaultMs;
  const value = onlyValue(requirements);
  const windowMs = value === undefined ? undefined : parseDuration(value);
  if (windowMs === undefined || windowMs === 0) {
    throw new ApiError(
      'BadRequest',
      `${parameter}: window: want one duration with its unit, such as window=30s or window=5m`,
    );
  }
  if (windowMs > historyMs) {
    throw new ApiError(
      'BadRequest',
      `${parameter}: window: ${value} is longer than the history kept, ${renderDuration(historyMs)}`,
    );
  }
  return windowMs;
}

/** `p50`, `p99.9`. */
const PERCENTILE = /^p(\d{1,2}(?:\.\d{1,3})?)$/;
/** `0.99`. */
const FRACTION = /^0\.\d{1,5}$/;
const MEDIAN = 0.5;

/** The median where nothing is said. */
function quantileOf(requirements: readonly Requirement[], parameter: string): number {
  if (requirements.length === 0) return MEDIAN;
  const value = onlyValue(requirements) ?? '';
  const percentile = PERCENTILE.exec(value)?.[1];
  const quantile = percentile === undefined ? (FRACTION.test(value) ? Number(value) : NaN) : Number(percentile) / 100;
  if (quantile > 0 && quantile < 1) return quantile;
  throw new ApiError(
    'BadRequest',
    `${parameter}: quantile: want one quantile between 0 and 1, such as quantile=p50, quantile=p99.9 or quantile=0.99`,
  );
}

/** What requirements of one key leave it; undefined unless they are one, of one value. */
function onlyValue([requirement, second]: readonly Requirement[]): string | undefined {
  if (requirement === undefined || second !== undefined) return undefined;
  const [value, other] = requirement.values;
  return ['=', '==', 'in'].includes(requirement.operator) && other === undefined ? value : undefined;
}
