import type { NodeSeries } from './node-series.js';
import { suspectsOf, type Suspicion } from './suspects.js';

/** Where the agents of role probe that report now are found, in no order. */
export interface ProbingNodes {
  probing(nowMs: number): Iterable<NodeSeries>;
}

/** For how long a result stands, milliseconds: of 5,000 nodes it takes tens of them, and anybody may ask for its summary. */
const KEPT_MS = 500;

interface Seen {
  readonly atMs: number;
  readonly all: readonly Suspicion[];
  readonly byNode: ReadonlyMap<string, readonly Suspicion[]>;
}

/** How the nodes are seen by those that probe them, as of half a second ago or less. */
export class NodeSuspects {
  readonly #nodes: ProbingNodes;
  readonly #floorSeconds: number;
  #seen: Seen | undefined;

  /** @param floorMs a median latency up to this is never slow */
  constructor(nodes: ProbingNodes, floorMs: number) {
    this.#nodes = nodes;
    this.#floorSeconds = floorMs / 1_000;
  }

  /** Ordered by node and network. */
  all(nowMs: number): readonly Suspicion[] {
    return this.#at(nowMs).all;
  }

  /** On each network that the node is dialled on, in their order. */
  ofNode(name: string, nowMs: number): readonly Suspicion[] {
    return this.#at(nowMs).byNode.get(name) ?? [];
  }

  #at(nowMs: number): Seen {
    if (this.#seen !== undefined && nowMs - this.#seen.atMs < KEPT_MS) return this.#seen;
    const probers = [...this.#nodes.probing(nowMs)].sort((a, b) => (a.node < b.node ? -1 : 1));
    const said = probers.map(({ node, probes }) => ({ node, dials: [...probes.dial.values()].map(reported) }));
    const all = suspectsOf(said, this.#floorSeconds);
    const byNode = new Map<string, Suspicion[]>();
    for (const one of all) {
      const before = byNode.get(one.node);
      if (before === undefined) byNode.set(one.node, [one]);
      else before.push(one);
    }
    return (this.#seen = { atMs: nowMs, all, byNode });
  }
}

function reported<Reported>(series: { readonly reported: Reported }): Reported {
  return series.reported;
}
