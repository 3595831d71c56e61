import { WORKLOAD_NETWORK_FAMILIES } from '../../metrics/catalogue.js';
import { renderSample } from '../../metrics/render.js';
import { WORKLOAD_TRANSPORT_FAMILIES, type WorkloadFamily } from '../../metrics/workload-families.js';
import type { WorkloadTotals } from '../store/workload-totals.js';
import type { ClusterLines } from './exposition.js';
import type { SeriesLimit } from './series-limit.js';

/** What the pods that are left out count together. */
export function workloadLines({ networks, transports }: SeriesLimit): ClusterLines[] {
  return [
    ...WORKLOAD_NETWORK_FAMILIES.map((family) => linesOf(family, networks)),
    ...WORKLOAD_TRANSPORT_FAMILIES.map((family) => linesOf(family, transports)),
  ];
}

/** They are of no node: where one is asked for there are none. */
function linesOf(family: WorkloadFamily, totals: WorkloadTotals): ClusterLines {
  const { name, column } = family;
  return {
    family,
    lines: (nowMs, node) => {
      if (node !== undefined) return '';
      let text = '';
      for (const { labels, values } of totals.known(nowMs)) {
        const value = values[column] ?? NaN;
        if (!Number.isNaN(value)) text += renderSample(name, labels, value);
      }
      return text;
    },
  };
}
