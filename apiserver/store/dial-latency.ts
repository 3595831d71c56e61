import { selectorValue } from '../../metrics/labels.js';
import type { End } from './dialled-pairs.js';
import type { LabelMatcher } from './figure.js';
import { histogramGrowth, quantileOf } from './histogram-growth.js';
import type { NodeSeries } from './node-series.js';
import type { ProbeSeries, ReportedProbes } from './probe-series.js';
import { newestRow } from './rate.js';

/** Which latency of a node. */
export interface LatencyQuery {
  /** Of the labels of series of dials, in the alias form of selectors. */
  readonly matchesSeries: LabelMatcher;
  /** Between 0 and 1. */
  readonly quantile: number;
  readonly windowMs: number;
}

/** Why there is no latency. */
export const LATENCY_ABSENCES = {
  not_dialled: 'no agent that reports now dials it',
  no_such_series: 'none of its series matches the metric selector',
  too_few_samples: 'no agent that dials it has two samples of that, and a fresh one',
  no_success: 'no dial of it succeeded within the window',
} as const;
export type LatencyAbsence = keyof typeof LATENCY_ABSENCES;

export type Latency =
  | {
      readonly ok: true;
      readonly seconds: number;
      /** Time that the value covers. */
      readonly spanMs: number;
      /** Age of the oldest sample that the value ends with. */
      readonly ageMs: number;
    }
  | { readonly ok: false; readonly reason: LatencyAbsence };

/**
 * How long it takes to connect to a node: the lower median, over the agents that dial it, of the quantile that each of them sees over the
 * window. A slow node is slow for all of them; a slow prober is but one of them, and moves no one's figure but its own.
 * @param ends those of one node
 */
export function dialLatency(ends: readonly End[], query: LatencyQuery, nowMs: number): Latency {
  const byProber = new Map<NodeSeries, ProbeSeries<'dial'>[]>();
  let isDialled = false;
  for (const { prober, series } of ends.flatMap(({ dialledBy }) => [...dialledBy.values()])) {
    if (!prober.isFresh(nowMs)) continue;
    isDialled = true;
    const matched = series.filter(({ reported }) => query.matchesSeries(labelsOf(prober, reported)));
    if (matched.length > 0) byProber.set(prober, [...(byProber.get(prober) ?? []), ...matched]);
  }
  if (byProber.size === 0) return { ok: false, reason: isDialled ? 'no_such_series' : 'not_dialled' };
  const grown = [...byProber].flatMap(([prober, own]) => growthOf(prober, own, query.windowMs, nowMs) ?? []);
  const seen = grown.flatMap((growth) => {
    const seconds = quantileOf(growth.counts, query.quantile);
    return seconds === undefined ? [] : [{ ...growth, seconds }];
  });
  const median = seen.sort((a, b) => a.seconds - b.seconds)[Math.floor((seen.length - 1) / 2)];
  if (median === undefined) return { ok: false, reason: grown.length > 0 ? 'no_success' : 'too_few_samples' };
  return {
    ok: true,
    seconds: median.seconds,
    spanMs: Math.max(...seen.map(({ spanMs }) => spanMs)),
    ageMs: Math.max(...seen.map(({ ageMs }) => ageMs)),
  };
}

/** What some series of one prober grew by together; undefined where none has two samples, the newest of them fresh. */
function growthOf(prober: NodeSeries, all: readonly ProbeSeries<'dial'>[], windowMs: number, nowMs: number) {
  const grown = all.flatMap((series) => {
    const readings = prober.readings(series);
    const ageMs = prober.ageMs(newestRow(readings), nowMs);
    const growth = ageMs <= prober.staleAfterMs ? histogramGrowth(readings, windowMs) : undefined;
    return growth === undefined ? [] : [{ ...growth, ageMs }];
  });
  const [first, ...others] = grown;
  return first && others.reduce(addUp, first);
}

interface Growth {
  readonly counts: readonly number[];
  readonly spanMs: number;
  readonly ageMs: number;
}

function addUp(one: Growth, other: Growth): Growth {
  return {
    counts: one.counts.map((count, bucket) => count + (other.counts[bucket] ?? 0)),
    spanMs: Math.max(one.spanMs, other.spanMs),
    ageMs: Math.max(one.ageMs, other.ageMs),
  };
}

const LABELS: Readonly<Record<string, (prober: NodeSeries, dial: ReportedProbes['dial']) => string | undefined>> = {
  node: ({ node }) => node,
  peer_node: (_prober, { peer }) => peer?.node,
  peer_zone: (_prober, { peer }) => (peer?.zone === '' ? undefined : peer?.zone),
  network: (_prober, { network }) => network,
  family: (_prober, { family }) => family,
};

function labelsOf(prober: NodeSeries, dial: ReportedProbes['dial']): (key: string) => string | undefined {
  return (key) => {
    const value = Object.hasOwn(LABELS, key) ? LABELS[key]?.(prober, dial) : undefined;
    return value === undefined ? undefined : selectorValue(value);
  };
}
