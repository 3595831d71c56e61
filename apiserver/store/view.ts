import type { InterfaceView, NodeView, PodView } from '../../metrics/node-families.js';
import { INTERFACE_COUNTERS } from '../../openapi/node-report.js';
import type { InterfaceSeries } from './interface-series.js';
import type { NodeSeries, PodSeries } from './node-series.js';
import { EPOCH, ROW, newestReading } from './rate.js';

/** What is to be seen of a node, and until when that says something of the present. */
export interface TimedView {
  readonly view: NodeView;
  /** The server's monotonic clock; Infinity where nothing can go stale. */
  readonly freshUntilMs: number;
}

/** The newest fresh reading of every interface of the pods that are shown, in a stable order. */
export function viewOf(node: NodeSeries, nowMs: number, isShown: (pod: PodSeries) => boolean): TimedView {
  let oldestMs = Infinity;
  const interfaceView = (series: InterfaceSeries): InterfaceView => {
    const row = newestReading(node.readings(series), EPOCH);
    const ageMs = row < 0 ? Infinity : node.ageMs(row, nowMs);
    if (ageMs > node.staleAfterMs) return { meta: series.meta, counters: [] };
    oldestMs = Math.min(oldestMs, nowMs - ageMs);
    return { meta: series.meta, counters: series.values.subarray(row * ROW, row * ROW + INTERFACE_COUNTERS.length) };
  };
  const podView = ({ meta, interfaces }: PodSeries): PodView => ({
    meta,
    interfaces: [...interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(interfaceView),
  });
  const shown = [...node.pods.values()]
    .filter(isShown)
    .map((pod) => [`${pod.meta.namespace}/${pod.meta.name}`, pod] as const);
  const pods = shown.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pod]) => podView(pod));
  return { view: { node: node.node, pods }, freshUntilMs: oldestMs + node.staleAfterMs };
}
