import { LRUCache } from 'lru-cache';
import type { LabelMatcher } from '../store/figure.js';
import { ApiError } from './errors.js';
import { SelectorError, matcherOf, parseLabelSelector, type Requirement } from './label-selector.js';
import {
  readSeriesSelector,
  withQuantile,
  withoutQuantile,
  type LatencySelector,
  type MetricSelector,
  type SeriesSelector,
  type WindowBounds,
} from './metric-selector.js';

/** A selector, as written and as read. */
export interface Selector {
  readonly text: string;
  readonly requirements: readonly Requirement[];
  readonly matches: LabelMatcher;
}

export interface SelectorsOptions {
  readonly window: WindowBounds;
  /** Told of each selector that is asked for whether it was known; of the empty one nothing is to be known. */
  readonly onLookup?: (isKnown: boolean) => void;
}

interface Known {
  readonly selector: Selector;
  /** Once it was one of series. */
  series: SeriesSelector | undefined;
}

/** Two selectors of each of 2,000 HPAs. */
const SELECTORS_MAX = 4_096;
const BYTES_MAX = 4 * 1024 * 1024;
/** About, beside the text: a requirement with its matcher, a value with its place in a set, and the places in the maps of the cache. */
const BYTES = { selector: 512, requirement: 512, value: 64 } as const;

/**
 * Selectors, each read once for as long as it is among those asked for last: an HPA asks with the same two every 15 s. One that cannot
 * be read is not remembered.
 */
export class Selectors {
  readonly #window: WindowBounds;
  readonly #onLookup: (isKnown: boolean) => void;
  readonly #known = new LRUCache<string, Known>({
    max: SELECTORS_MAX,
    maxSize: BYTES_MAX,
    sizeCalculation: ({ selector }) => bytesOf(selector),
  });
  readonly #everything: Known = { selector: read(''), series: undefined };

  constructor({ window, onLookup = () => undefined }: SelectorsOptions) {
    this.#window = window;
    this.#onLookup = onLookup;
  }

  get size(): number {
    return this.#known.size;
  }

  /** About, of what is remembered. */
  get bytes(): number {
    return this.#known.calculatedSize;
  }

  /**
   * A selector over objects.
   * @throws {ApiError} BadRequest with the message that Kubernetes gives
   */
  ofObjects(text: string, parameter: string): Selector {
    return this.#lookUp(text, parameter).selector;
  }

  /**
   * A selector over series of counters and gauges.
   * @throws {ApiError} BadRequest, with the place and the reason
   */
  ofSeries(text: string, parameter: string): MetricSelector {
    return withoutQuantile(this.#series(text, parameter), parameter);
  }

  /**
   * A selector over series of latencies.
   * @throws {ApiError} BadRequest, with the place and the reason
   */
  ofLatencies(text: string, parameter: string): LatencySelector {
    return withQuantile(this.#series(text, parameter), parameter);
  }

  #series(text: string, parameter: string): SeriesSelector {
    const known = this.#lookUp(text, parameter);
    known.series ??= readSeriesSelector(known.selector.requirements, parameter, this.#window);
    return known.series;
  }

  #lookUp(text: string, parameter: string): Known {
    if (text === '') return this.#everything;
    const known = this.#known.get(text);
    this.#onLookup(known !== undefined);
    if (known !== undefined) return known;
    const selector = readOrBadRequest(text, parameter);
    const added: Known = { selector, series: undefined };
    this.#known.set(selector.text, added);
    return added;
  }
}

function readOrBadRequest(text: string, parameter: string): Selector {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new ApiError('BadRequest', `${parameter}: ${error.message}`);
    throw error;
  }
}

/** Of a copy: what is cut out of the URL of a request, as keys and values are, holds on to all of it. */
function read(text: string): Selector {
  const copy = Buffer.from(text).toString();
  const requirements = parseLabelSelector(copy);
  return { text: copy, requirements, matches: matcherOf(requirements) };
}

function bytesOf({ text, requirements }: Selector): number {
  const values = requirements.reduce((sum, requirement) => sum + requirement.values.length, 0);
  return text.length + BYTES.selector + requirements.length * BYTES.requirement + values * BYTES.value;
}
