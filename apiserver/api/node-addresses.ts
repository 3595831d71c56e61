import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IpamFigureKind } from '../../metrics/ipam/figures.js';
import { NODE_LABEL, selectorValue } from '../../metrics/labels.js';
import type { Clock } from '../../runtime/clock.js';
import type { IpamFigures, IpamValue } from '../store/ipam/ipam-figures.js';
import type { AskedAddresses } from './address-query.js';
import { DESCRIBED } from './described-objects.js';
import type { Members } from './members.js';
import type { Selector } from './selectors.js';

export interface NodeAddressesDeps {
  readonly ipam: IpamFigures;
  readonly members: Members;
  readonly clock: Clock;
}

/** Of a node, or of all together: a figure, or in words why there is none. */
export type Addresses = ({ readonly ok: true } & IpamValue) | { readonly ok: false; readonly why: string };

/** Nodes looked at before other requests get their turn. */
const TURN = 100;

const NO_SUCH_SERIES = 'none of its series matches the metric selector';
const NOT_REPORTED =
  'nothing is known at present of the IP addresses that it has: no agent reports for it, or no ipamd answers its agent';
/** Of a node that reports. */
const NOT_KNOWN: Readonly<Record<IpamFigureKind, string>> = {
  gauge: 'its ipamd does not tell it',
  counter: 'its ipamd does not tell it, or was not read twice within the window',
  latency: 'its ipamd tells of no call to AWS',
  free: 'its ipamd does not tell how many it can have, or how many its pods have',
  exhaustion: 'its addresses do not become fewer, are not told, or not known for half an hour yet',
};

/** IP addresses of nodes, as ipamd says of each. */
export class NodeAddresses {
  readonly #deps: NodeAddressesDeps;

  constructor(deps: NodeAddressesDeps) {
    this.#deps = deps;
  }

  of(node: string, asked: AskedAddresses): Addresses {
    const { ipam, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const value = ipam.ofNode(node, asked.figure, asked.windowMs, nowMs);
    if (value === undefined) {
      const reports = ipam.reportingNodes(nowMs).includes(node);
      return { ok: false, why: reports ? NOT_KNOWN[asked.figure.kind] : NOT_REPORTED };
    }
    if (!isChosen(node, asked)) return { ok: false, why: NO_SUCH_SERIES };
    return { ok: true, ...value };
  }

  /** Every node that has the figure, by name. */
  async list(selector: Selector, asked: AskedAddresses) {
    const { ipam, members, clock } = this.#deps;
    const startedMs = clock.monotonicMs();
    const isOfAll = selector.requirements.length === 0;
    const chosen = isOfAll ? undefined : await members.names(DESCRIBED.nodes, undefined, selector);
    const found: { readonly node: string; readonly value: IpamValue }[] = [];
    let looked = 0;
    for (const node of chosen ?? ipam.reportingNodes(startedMs)) {
      const value = isChosen(node, asked)
        ? ipam.ofNode(node, asked.figure, asked.windowMs, clock.monotonicMs())
        : undefined;
      if (value !== undefined) found.push({ node, value });
      if (++looked % TURN === 0) await nextTurn();
    }
    return found;
  }
}

/** A node has one series of each figure. */
function isChosen(node: string, { matchesSeries }: AskedAddresses): boolean {
  return matchesSeries((key) => (key === NODE_LABEL ? selectorValue(node) : undefined));
}
