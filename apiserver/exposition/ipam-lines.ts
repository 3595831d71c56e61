import type { MetricFamily } from '../../metrics/catalogue.js';
import type { CompatTotal } from '../../metrics/compat/predecessor.js';
import { IPAM_FIGURES, IPAM_NODES, type IpamFigure } from '../../metrics/ipam/figures.js';
import { labelPairs, renderLabels, renderSample } from '../../metrics/render.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';
import type { ClusterLines } from './exposition.js';

/** What the nodes tell of their IP addresses, added up, and of how many nodes that is. */
export function ipamClusterLines(figures: IpamFigures): ClusterLines[] {
  return [nodesLines(figures), ...IPAM_FIGURES.map((figure) => totalLines(figures, figure, figure.cluster))];
}

/** Totals under the names that predecessors gave them. */
export function compatTotalLines(figures: IpamFigures, totals: readonly CompatTotal[]): ClusterLines[] {
  return totals.map(({ family, figure }) => totalLines(figures, figure, family));
}

/** Absent where no node tells of IP addresses, nor ought to. */
function nodesLines(figures: IpamFigures): ClusterLines {
  const { name, labels } = IPAM_NODES;
  return {
    family: IPAM_NODES,
    lines: (nowMs, node) => {
      const { reporting, missing } = figures.nodes(nowMs);
      if (node !== undefined || reporting + missing === 0) return '';
      return Object.entries({ reporting, missing })
        .map(([state, count]) => renderSample(name, renderLabels(labelPairs(labels, [state])), count))
        .join('');
    },
  };
}

/** A total is of no node: where one is asked for there is none. */
function totalLines(figures: IpamFigures, figure: IpamFigure, family: MetricFamily): ClusterLines {
  return {
    family,
    lines: (nowMs, node, exposer) => {
      const total =
        figure.kind === 'counter' && exposer?.total !== undefined
          ? exposer.total(figure)
          : figures.total(figure, nowMs)?.value;
      const value = node === undefined ? total : undefined;
      return value === undefined || Number.isNaN(value) ? '' : renderSample(family.name, '', value);
    },
  };
}
