import type { NodeSeries } from './node-series.js';

/** How fresh the reports are, in a sentence that names no node: anybody may read it. Undefined where nobody reported. */
export function freshSummary(nodes: readonly NodeSeries[], nowMs: number): string | undefined {
  if (nodes.length === 0) return undefined;
  let [fresh, newestMs, oldestMs] = [0, Infinity, 0];
  for (const node of nodes) {
    if (!node.isFresh(nowMs)) continue;
    const ageMs = nowMs - node.receivedAtMs;
    fresh++;
    newestMs = Math.min(newestMs, ageMs);
    oldestMs = Math.max(oldestMs, ageMs);
  }
  const counted = `${fresh} of ${nodes.length} agents ${fresh === 1 ? 'is' : 'are'} fresh`;
  if (fresh === 0) return counted;
  return `${counted}, the newest report came ${inSeconds(newestMs)} ago, the oldest of a fresh one ${inSeconds(oldestMs)} ago`;
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
