import { isIP } from 'node:net';
import type { HostPort } from '../../runtime/options/kinds.js';
import { createDialTarget } from './dial.js';
import { DEFAULT_NETWORK, type Peer, type PeerList, type PeerSource } from './peers.js';
import type { Target } from './probe.js';
import { peersOf, ringOrder } from './ring.js';
import { familyOf, type Family } from './server-address.js';

export interface DialTargetsOptions {
  /** Name of this node. */
  readonly self: string;
  /** How many others each agent dials on each network. */
  readonly count: number;
  readonly source: Pick<PeerSource, 'list' | 'isLive'>;
  /** Monotonic, milliseconds with a fraction. */
  readonly nowMs: () => number;
}

/** Whom this agent dials. */
export class DialTargets {
  readonly #options: DialTargetsOptions;
  /** Nodes that have answered: one that was never ready, but did, has failed when it does not any more. */
  readonly #answered = new Set<string>();

  constructor(options: DialTargetsOptions) {
    this.#options = options;
  }

  /**
   * On each network the next ones of the ring of all agents that have an address there, and the Service. An agent that is not listed itself
   * (it is not ready, or its list is old) takes the place that it would have.
   * @param families address families that this agent has; of the others nobody can be dialled from here
   */
  of({ peers, service }: PeerList, families: ReadonlySet<Family>): Target<'dial'>[] {
    const nodes = new Set(peers.map(({ node }) => node));
    for (const node of this.#answered) if (!nodes.has(node)) this.#answered.delete(node);
    const { self, nowMs } = this.#options;
    const own = peers.find(({ node }) => node === self)?.addresses;
    const ofPeers = networksOf(peers).flatMap((network) => {
      const isUsable = usable(network === DEFAULT_NETWORK ? families : familiesOf(own?.get(network)));
      return this.#chosenOn(network, peers).flatMap((peer) =>
        (peer.addresses.get(network) ?? []).filter(isUsable).map((address) => this.#ofPeer(peer, network, address)),
      );
    });
    const ofService = (service?.addresses ?? []).filter(usable(families)).map((address) =>
      createDialTarget({
        ...{ dialled: { host: service?.host ?? '' }, network: DEFAULT_NETWORK, address, nowMs },
      }),
    );
    return [...ofPeers, ...ofService];
  }

  #chosenOn(network: string, peers: readonly Peer[]): Peer[] {
    const { self, count } = this.#options;
    const members = peers.filter(({ addresses }) => addresses.has(network));
    const isListed = members.some(({ node }) => node === self);
    // Nobody says that it has an address there; on the network of all it has.
    if (!isListed && network !== DEFAULT_NETWORK) return [];
    const ring = ringOrder(isListed ? members : [...members, { node: self, zone: '' }]);
    const chosen = new Set(peersOf(self, ring, count));
    return members.filter(({ node }) => chosen.has(node));
  }

  #ofPeer({ node, zone }: Peer, network: string, address: HostPort): Target<'dial'> {
    const { source, nowMs } = this.#options;
    const target = createDialTarget({
      ...{ dialled: { peer: { node, zone } }, network, address, nowMs },
      isFailure: () => source.isLive(node, address) && this.#isStarted(node),
    });
    return {
      ...target,
      probe: async (limits) => {
        const outcome = await target.probe(limits);
        if (outcome.ok) this.#answered.add(node);
        return outcome;
      },
    };
  }

  #isStarted(node: string): boolean {
    const peer = this.#options.source.list()?.peers.find((one) => one.node === node);
    return peer?.hasBeenReady === true || this.#answered.has(node);
  }
}

function familiesOf(addresses: readonly HostPort[] = []): ReadonlySet<Family> {
  return new Set(addresses.map(({ host }) => familyOf(host)));
}

/** Of a name nobody knows before it is asked for. */
function usable(families: ReadonlySet<Family>): (address: HostPort) => boolean {
  return ({ host }) => isIP(host) === 0 || families.has(familyOf(host));
}

function networksOf(peers: readonly Peer[]): string[] {
  return [...new Set(peers.flatMap(({ addresses }) => [...addresses.keys()]))].sort();
}
