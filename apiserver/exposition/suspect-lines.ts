import { NODE_SUSPECT_RATIO } from '../../metrics/catalogue.js';
import { labelPairs, renderLabels, renderSample } from '../../metrics/render.js';
import type { NodeSuspects } from '../store/node-suspects.js';
import type { ClusterLines } from './exposition.js';

/** How the nodes are seen by those that probe them. */
export function suspectLines(suspects: NodeSuspects): ClusterLines {
  const { name, labels } = NODE_SUSPECT_RATIO;
  return {
    family: NODE_SUSPECT_RATIO,
    lines: (nowMs, node) =>
      (node === undefined ? suspects.all(nowMs) : suspects.ofNode(node, nowMs))
        .map((one) => renderSample(name, renderLabels(labelPairs(labels, [one.node, one.network])), one.ratio))
        .join(''),
  };
}
