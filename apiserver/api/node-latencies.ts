import type { Clock } from '../../runtime/clock.js';
import {
  dialLatency,
  dialsByPeer,
  type Dial,
  type Latency,
  type LatencyQuery,
} from '../store/dial-latency.js';
import type { ProbingNodes } from '../store/node-suspects.js';
import { DESCRIBED } from './described-objects.js';
import type { Members } from './members.js';
import type { ObjectSelector } from './object-figures.js';

export interface NodeLatenciesDeps {
  readonly reports: ProbingNodes;
  readonly members: Members;
  readonly clock: Clock;
}

/** How long it takes to connect to nodes, as those say that dial them. */
export class NodeLatencies {
  readonly #deps: NodeLatenciesDeps;

  constructor(deps: NodeLatenciesDeps) {
    this.#deps = deps;
  }

  of(node: string, query: LatencyQuery): Latency {
    const nowMs = this.#deps.clock.monotonicMs();
    return dialLatency(this.#dials(nowMs).get(node) ?? [], query, nowMs);
  }

  /** Every node that has a latency, by name. */
  async list(selector: ObjectSelector, query: LatencyQuery) {
    const { members, clock } = this.#deps;
    const isOfAll = selector.requirements.length === 0;
    const chosen = isOfAll ? undefined : await members.names(DESCRIBED.nodes, undefined, selector, clock.monotonicMs());
    const nowMs = clock.monotonicMs();
    const dials = this.#dials(nowMs);
    return (chosen ?? [...dials.keys()].sort()).flatMap((node) => {
      const latency = dialLatency(dials.get(node) ?? [], query, nowMs);
      return latency.ok ? [{ node, latency }] : [];
    });
  }

  #dials(nowMs: number): ReadonlyMap<string, readonly Dial[]> {
    return dialsByPeer(this.#deps.reports.probing(nowMs));
  }
}
