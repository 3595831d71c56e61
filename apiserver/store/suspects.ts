import { dialledNetworks, type DialledNetwork, type Prober } from './dialled-pairs.js';
import { TypicalLatency } from './typical-latency.js';

/** How the others see a node on a network. */
export interface Suspicion {
  readonly node: string;
  readonly network: string;
  /** Agents that have dialled it; never 0. */
  readonly probers: number;
  /** Those of them that see it failing or slow. */
  readonly seeing: number;
  /** `seeing` as a part of `probers`. */
  readonly ratio: number;
}

/**
 * For every node that others dial, on each network: how many of its probers see it failing or slow, ordered by node and network. A prober
 * that has not dialled it yet says nothing of it; a node without one that has is left out. Of two address families the worse one counts.
 *
 * One that is slow itself sees everybody slow, but is only one of the probers of each.
 * @param probers those whose reports are fresh, one for each node, in a stable order
 * @param floorSeconds a median latency up to this is never slow; what is, beyond it, {@link TypicalLatency} tells
 */
export function suspectsOf(probers: readonly Prober[], floorSeconds: number): Suspicion[] {
  const all = dialledNetworks(probers).flatMap((network) => ofNetwork(network, floorSeconds));
  return all.sort((a, b) => compare(a.node, b.node) || compare(a.network, b.network));
}

function ofNetwork({ network, dialled, pairs }: DialledNetwork, floorSeconds: number): Suspicion[] {
  const typical = new TypicalLatency(pairs, floorSeconds);
  return dialled.map((end) => {
    const probers = end.dialledBy.length;
    const seeing = end.dialledBy.filter((pair) => pair.isFailing || typical.isSlow(pair, end)).length;
    return { node: end.node.name, network, probers, seeing, ratio: seeing / probers };
  });
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
