import { NODE_LAST_REPORT } from '../../metrics/catalogue.js';
import { labelPairs, renderLabels, renderSample } from '../../metrics/render.js';
import type { Clock } from '../../runtime/clock.js';
import type { NodeSeries } from '../store/node-series.js';
import type { ClusterLines } from './exposition.js';

/** The wall clock is read in milliseconds, and ticks evenly with the monotonic one but for steps: less than this is no step. */
const STEP_MS = 1_000;

/**
 * When each agent last reported something new, also of those that fell silent, as long as they are held. Kept is the distance between the
 * clocks, and not the time: so that of a silent node never moves by itself, and is right again after the wall clock was set.
 */
export function lastReportLines(
  store: { nodes(): readonly NodeSeries[] },
  clock: Pick<Clock, 'monotonicMs' | 'wallMs'>,
): ClusterLines {
  const { name, labels } = NODE_LAST_REPORT;
  let bootedAtMs = clock.wallMs() - clock.monotonicMs();
  /** From one scrape to the next most nodes have not reported. */
  const lines = new WeakMap<NodeSeries, { readonly atMs: number; readonly text: string }>();
  const line = (series: NodeSeries): string => {
    const { node, role, receivedAtMs } = series;
    const atMs = Math.round(bootedAtMs + receivedAtMs);
    const before = lines.get(series);
    if (before?.atMs === atMs) return before.text;
    const text = renderSample(name, renderLabels(labelPairs(labels, [node, role])), atMs / 1_000);
    lines.set(series, { atMs, text });
    return text;
  };
  return {
    family: NODE_LAST_REPORT,
    lines: (_nowMs, node) => {
      const anewMs = clock.wallMs() - clock.monotonicMs();
      if (Math.abs(anewMs - bootedAtMs) >= STEP_MS) bootedAtMs = anewMs;
      return store
        .nodes()
        .filter((one) => (node ?? one.node) === one.node)
        .map(line)
        .join('');
    },
  };
}
