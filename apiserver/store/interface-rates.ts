import { INTERFACE_COUNTERS } from '../../openapi/node-report.js';
import { ofInterface, type Figure } from './figure.js';
import type { InterfaceSeries } from './interface-series.js';
import type { KnownPod, Pods, ReportedPods } from './pods.js';

/** One interface of a pod, and its rates over a window. */
export interface InterfaceRates {
  readonly pod: KnownPod;
  readonly node: string;
  readonly series: InterfaceSeries;
  /** In the order of INTERFACE_COUNTERS. */
  readonly figures: readonly Figure[];
}

/** What to reckon with: the window, and the time of the server's monotonic clock. */
export interface At {
  readonly windowMs: number;
  readonly nowMs: number;
}

/** Every interface of a pod, by name. */
export function ratesOfPod(pod: KnownPod, { windowMs, nowMs }: At): InterfaceRates[] {
  const { series: reported } = pod;
  if (reported === undefined) return [];
  const { node, interfaces } = reported;
  return [...interfaces.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((series) => ({
      pod,
      node: node.node,
      series,
      figures: INTERFACE_COUNTERS.map((_, column) => ofInterface(node, series, { column, windowMs }, nowMs)),
    }));
}

/** Every interface that has a rate, for a person to look at. */
export function liveInterfaces(reports: ReportedPods, pods: Pods, at: At): InterfaceRates[] {
  const names = new Set(reports.nodes().map(({ node }) => node));
  return [...names]
    .flatMap((node) => pods.onNode(node, at.nowMs))
    .flatMap((pod) => ratesOfPod(pod, at))
    .filter(({ figures }) => figures.some((figure) => figure.ok || figure.reason === 'too_few_samples'));
}
