import type { DialledPairs } from './dialled-pairs.js';
import { suspectSummary } from './suspect-summary.js';
import { suspectsOf, type Suspicion } from './suspects.js';

/** For how long a result stands, milliseconds: of 5,000 nodes it takes some of them, and anybody may ask for its summary. */
const KEPT_MS = 500;

interface Seen {
  readonly atMs: number;
  readonly all: readonly Suspicion[];
  /** Made when it is first asked for. */
  byNode?: ReadonlyMap<string, readonly Suspicion[]>;
  readonly summary: string | undefined;
}

/** How the nodes are seen by those that probe them, as of half a second ago or less. */
export class NodeSuspects {
  readonly #dialled: DialledPairs;
  readonly #floorSeconds: number;
  #seen: Seen | undefined;

  /** @param floorMs a median latency up to this is never slow */
  constructor(dialled: DialledPairs, floorMs: number) {
    this.#dialled = dialled;
    this.#floorSeconds = floorMs / 1_000;
  }

  /** Ordered by node and network. */
  all(nowMs: number): readonly Suspicion[] {
    return this.#at(nowMs).all;
  }

  /** On each network that the node is dialled on, in their order. */
  ofNode(name: string, nowMs: number): readonly Suspicion[] {
    const seen = this.#at(nowMs);
    seen.byNode ??= groupByNode(seen.all);
    return seen.byNode.get(name) ?? [];
  }

  /** In a sentence that names none of them; undefined where nobody probes. */
  summary(nowMs: number): string | undefined {
    return this.#at(nowMs).summary;
  }

  #at(nowMs: number): Seen {
    if (this.#seen !== undefined && nowMs - this.#seen.atMs < KEPT_MS) return this.#seen;
    const all = suspectsOf(this.#dialled, nowMs, this.#floorSeconds);
    return (this.#seen = { atMs: nowMs, all, summary: suspectSummary(all) });
  }
}

function groupByNode(all: readonly Suspicion[]): Map<string, Suspicion[]> {
  const byNode = new Map<string, Suspicion[]>();
  for (const one of all) {
    const before = byNode.get(one.node);
    if (before === undefined) byNode.set(one.node, [one]);
    else before.push(one);
  }
  return byNode;
}
