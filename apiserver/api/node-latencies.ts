import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.js';
import { dialLatency, type Latency, type LatencyQuery } from '../store/dial-latency.js';
import type { DialledPairs } from '../store/dialled-pairs.js';
import { DESCRIBED } from './described-objects.js';
import type { Members } from './members.js';
import type { Selector } from './selectors.js';

export interface NodeLatenciesDeps {
  readonly dialled: DialledPairs;
  readonly members: Members;
  readonly clock: Clock;
}

/** Nodes looked at before other requests get their turn. */
const TURN = 100;

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
  async list(selector: Selector, query: LatencyQuery) {
    const { dialled, members, clock } = this.#deps;
    const isOfAll = selector.requirements.length === 0;
    const chosen = isOfAll ? undefined : await members.names(DESCRIBED.nodes, undefined, selector);
    const names = chosen ?? new Set(dialled.ends(clock.monotonicMs()).map(({ node }) => node));
    const found: { readonly node: string; readonly latency: Extract<Latency, { readonly ok: true }> }[] = [];
    let looked = 0;
    for (const node of names) {
      const latency = this.of(node, query);
      if (latency.ok) found.push({ node, latency });
      if (++looked % TURN === 0) await nextTurn();
    }
    return found;
  }
}
