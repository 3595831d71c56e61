import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { countedInterfaces } from './counted.js';
import { ofInterface, type Figure } from './figure.js';
import type { InterfaceSeries } from './interface-series.js';
import type { NodeSeries } from './node-series.js';
import type { KnownPod, Pods, ReportedPods } from './pods.js';

/** One interface of a pod, and its rates over a window. */
export interface InterfaceRates {
  readonly pod: KnownPod;
  readonly series: InterfaceSeries;
  /** Not, where another interface of the pod carries the same traffic. */
  readonly isCounted: boolean;
  /** In the order of INTERFACE_COUNTERS. */
  readonly figures: readonly Figure[];
}

/** What to reckon with: the window, and the time of the server's monotonic clock. */
export interface At {
  readonly windowMs: number;
  readonly nowMs: number;
}

/** The rates of one interface, in the order of INTERFACE_COUNTERS. */
export function ratesOf(node: NodeSeries, series: InterfaceSeries, { windowMs, nowMs }: At): Figure[] {
  return INTERFACE_COUNTERS.map((_, column) => ofInterface(node, series, { column, windowMs }, nowMs));
}

/** Every interface that has a rate, for a person to look at. */
export function liveInterfaces(reports: ReportedPods, pods: Pods, at: At): InterfaceRates[] {
  const names = new Set(reports.nodes().map(({ node }) => node));
  return [...names]
    .flatMap((node) => [...pods.onNode(node, at.nowMs)])
    .flatMap((pod) => ofPod(pod, at))
    .filter(({ figures }) => figures.some((figure) => figure.ok || figure.reason === 'too_few_samples'));
}

/** Every interface of a pod, by name. */
function ofPod(pod: KnownPod, at: At): InterfaceRates[] {
  if (pod.series === undefined) return [];
  const { node, interfaces } = pod.series;
  const all = [...interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  // Of one that is not proven to count there is no rate: what is stacked on it stands for both.
  const proven = all.filter(({ meta }) => meta.unproven !== true);
  const counted = new Set(countedInterfaces(proven, interfaces));
  return all.map((series) => ({
    ...{ pod, series, isCounted: counted.has(series) },
    figures: ratesOf(node, series, at),
  }));
}
