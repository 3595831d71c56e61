import type { InterfaceView, NodeView, PodView } from '../../metrics/node-families.js';
import { INTERFACE_COUNTERS } from '../../openapi/node-report.js';
import type { InterfaceSeries } from './interface-series.js';
import type { NodeSeries, PodSeries } from './node-series.js';
import { EPOCH, ROW, newestReading } from './rate.js';
import type { PodMeta } from './report.js';

/** What is to be seen of a node, and until when that says something of the present. */
export interface TimedView {
  readonly view: NodeView;
  /** The server's monotonic clock; Infinity where nothing can go stale. */
  readonly freshUntilMs: number;
}

/** The newest fresh reading of every interface of the pods that are shown, in a stable order. */
export function viewOf(node: NodeSeries, nowMs: number, shown: (pod: PodSeries) => PodMeta | undefined): TimedView {
  let oldestMs = Infinity;
  const interfaceView = (series: InterfaceSeries): InterfaceView => {
    const row = newestReading(node.readings(series), EPOCH);
    const ageMs = row < 0 ? Infinity : node.ageMs(row, nowMs);
    if (ageMs > node.staleAfterMs) return { meta: series.meta, counters: [] };
    oldestMs = Math.min(oldestMs, nowMs - ageMs);
    return { meta: series.meta, counters: series.values.subarray(row * ROW, row * ROW + INTERFACE_COUNTERS.length) };
  };
  const shownPods = [...node.pods.values()].flatMap((pod) => {
    const meta = shown(pod);
    return meta === undefined ? [] : [[`${meta.namespace}/${meta.name}`, meta, pod] as const];
  });
  const pods = shownPods
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, meta, { interfaces }]): PodView => ({
      meta,
      interfaces: [...interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(interfaceView),
    }));
  return { view: { node: node.node, pods }, freshUntilMs: oldestMs + node.staleAfterMs };
}
