import type { Clock } from '../../runtime/clock.js';
import { dialLatency, type Latency, type LatencyQuery } from '../store/dial-latency.js';
import type { DialledPairs } from '../store/dialled-pairs.js';
import { DESCRIBED } from './described-objects.js';
import type { Members } from './members.js';
import type { ObjectSelector } from './object-figures.js';

export interface NodeLatenciesDeps {
  readonly dialled: DialledPairs;
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
    const { dialled, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    return dialLatency(dialled.endsOf(node, nowMs), query, nowMs);
  }

  /** Every node that has a latency, by name. */
  async list(selector: ObjectSelector, query: LatencyQuery) {
    const { dialled, members, clock } = this.#deps;
    const isOfAll = selector.requirements.length === 0;
    const chosen = isOfAll ? undefined : await members.names(DESCRIBED.nodes, undefined, selector, clock.monotonicMs());
    const names = chosen ?? new Set(dialled.ends(clock.monotonicMs()).map(({ node }) => node));
    return [...names].flatMap((node) => {
      const latency = this.of(node, query);
      return latency.ok ? [{ node, latency }] : [];
    });
  }
}
