import type { InterfaceView, NodeView, PodView } from '../../metrics/node-families.js';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { devicesOf, type ShownPods } from './devices-view.js';
import type { InterfaceSeries } from './interface-series.js';
import type { NodeSeries } from './node-series.js';
import type { CounterSeries } from './counter-series.js';
import { ipamOf } from './ipam/node-ipam.js';
import { probesOf } from './probes-view.js';
import { newestRow } from './rate.js';

/** What is to be seen of a node, and until when that says something of the present. */
export interface TimedView {
  readonly view: NodeView;
  /** The server's monotonic clock; Infinity where nothing can go stale. */
  readonly freshUntilMs: number;
}

/** The newest fresh readings of the pods that are shown, of their interfaces and, as the node's own, of its probes, in a stable order. */
export function viewOf(node: NodeSeries, nowMs: number, wanted: ShownPods): TimedView {
  let oldestMs = Infinity;
  /** The newest row of a series; -1 where that says nothing of the present. */
  const freshRow = (series: CounterSeries): number => {
    const row = newestRow(node.readings(series));
    const ageMs = row < 0 ? Infinity : node.ageMs(row, nowMs);
    if (ageMs > node.staleAfterMs) return -1;
    oldestMs = Math.min(oldestMs, nowMs - ageMs);
    return row;
  };
  const interfaceView = (series: InterfaceSeries): InterfaceView => {
    const row = series.meta.unproven === true ? -1 : freshRow(series);
    const start = row * series.width;
    return {
      meta: series.meta,
      counters: row < 0 ? [] : series.values.subarray(start, start + INTERFACE_COUNTERS.length),
    };
  };
  const shownPods = [...node.pods.values()].flatMap((pod) => {
    const meta = wanted.shown(pod);
    return meta === undefined ? [] : [[`${meta.namespace}/${meta.name}`, meta, pod] as const];
  });
  const pods = shownPods
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, meta, { interfaces, transport }]): PodView => ({
      meta,
      interfaces: [...interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(interfaceView),
      ...(transport !== undefined && freshRow(transport) >= 0 && { transport: transport.newest }),
    }));
  const devices = devicesOf(node, wanted);
  const probes = wanted.namespace === undefined ? probesOf(node.probes, freshRow) : undefined;
  const ipam = wanted.namespace === undefined ? ipamOf(node, nowMs) : undefined;
  const view: NodeView = {
    ...{ node: node.node, pods },
    ...(devices !== undefined && { devices }),
    ...(probes !== undefined && { probes }),
    ...(ipam !== undefined && { ipam: ipam.sources }),
  };
  return { view, freshUntilMs: Math.min(oldestMs + node.staleAfterMs, ipam?.freshUntilMs ?? Infinity) };
}
