import { RESERVED_SELECTOR_KEYS } from '../../metrics/labels.js';
import { parseDuration, renderDuration } from '../../runtime/duration.js';
import { ApiError } from './errors.js';
import { SelectorError, parseLabelSelector, type Requirement } from './label-selector.js';

/** What a selector over series asks for: which series, over which window. */
export interface MetricSelector {
  /** As written, for the echo in the answer. */
  readonly requirements: readonly Requirement[];
  /** Those on labels of series: all but the reserved ones. */
  readonly series: readonly Requirement[];
  readonly windowMs: number;
}

export interface WindowBounds {
  readonly defaultMs: number;
  /** The history kept: no window reaches further back. */
  readonly historyMs: number;
}

/** @throws {ApiError} BadRequest, with the place and the reason */
export function parseMetricSelector(text: string, parameter: string, bounds: WindowBounds): MetricSelector {
  const requirements = selectorOrBadRequest(parameter, text);
  const isReserved = ({ key }: Requirement) => (RESERVED_SELECTOR_KEYS as readonly string[]).includes(key);
  const reserved = requirements.filter(isReserved);
  if (reserved.some(({ key }) => key === 'quantile')) {
    throw new ApiError('BadRequest', `${parameter}: quantile: only metrics of latency have quantiles`);
  }
  return {
    requirements,
    series: requirements.filter((requirement) => !isReserved(requirement)),
    windowMs: windowOf(reserved, parameter, bounds),
  };
}

/** @throws {ApiError} BadRequest with the message that Kubernetes gives */
export function selectorOrBadRequest(parameter: string, text: string): Requirement[] {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new ApiError('BadRequest', `${parameter}: ${error.message}`);
    throw error;
  }
}

function windowOf(
  requirements: readonly Requirement[],
  parameter: string,
  { defaultMs, historyMs }: WindowBounds,
): number {
  const [requirement, second] = requirements;
  if (requirement === undefined) return defaultMs;
  const [value, other] = requirement.values;
  const isOneValue = ['=', '==', 'in'].includes(requirement.operator) && other === undefined && second === undefined;
  const windowMs = isOneValue && value !== undefined ? parseDuration(value) : undefined;
  if (windowMs === undefined || windowMs === 0) {
    throw new ApiError(
      'BadRequest',
      `${parameter}: window: want one duration with its unit, such as window=30s or window=5m`,
    );
  }
  if (windowMs > historyMs) {
    throw new ApiError(
      'BadRequest',
      `${parameter}: window: ${value ?? ''} is longer than the history kept, ${renderDuration(historyMs)}`,
    );
  }
  return windowMs;
}
