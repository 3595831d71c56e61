import { isIP } from 'node:net';
import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';
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

/**
 * A node that is not listed any more keeps its place on the ring for so long: while agents are updated, one after the other, nobody is to be
 * dialled by others for it, and to have counts that begin anew.
 */
const PLACE_KEPT_MS = 120_000;

/** Whom this agent dials. */
export class DialTargets {
  readonly #options: DialTargetsOptions;
  /** Agents that have answered, by node and address: one that was never ready, but did, has failed when it does not any more. */
  readonly #answered = new Set<string>();
  /** Those listed, and those whose place is kept, until when. */
  readonly #places = new Map<string, { readonly peer: Peer; readonly untilMs: number }>();

  constructor(options: DialTargetsOptions) {
    this.#options = options;
  }

  /** When there is somebody else to be dialled, although the list is the same: monotonic milliseconds. */
  get changesAtMs(): number {
    return Math.min(...Array.from(this.#places.values(), ({ untilMs }) => untilMs));
  }

  /**
   * The Service, and on each network the next ones of the ring of all agents that have an address there. An agent that is not listed itself
   * (it is not ready, or its list is old) takes the place that it had, or would have.
   * @param families address families that this agent has; of the others nobody can be dialled from here
   */
  of({ peers, service }: PeerList, families: ReadonlySet<Family>): Target<'dial'>[] {
    this.#keepPlaces(peers);
    this.#forgetAnswers(peers);
    const { self, nowMs } = this.#options;
    const own = this.#places.get(self)?.peer.addresses;
    const ofService = (service?.addresses ?? []).filter(usable(families)).map((address) =>
      createDialTarget({
        ...{ dialled: { host: service?.host ?? '' }, network: DEFAULT_NETWORK, address, nowMs },
      }),
    );
    const ofPeers = networksOf(peers).flatMap((network) => {
      const isUsable = usable(network === DEFAULT_NETWORK ? families : familiesOf(own?.get(network)));
      return this.#chosenOn(network, peers).flatMap((peer) =>
        (peer.addresses.get(network) ?? []).filter(isUsable).map((address) => this.#ofPeer(peer, network, address)),
      );
    });
    return [...ofService, ...ofPeers];
  }

  #keepPlaces(peers: readonly Peer[]): void {
    const nowMs = this.#options.nowMs();
    const listed = new Set(peers.map(({ node }) => node));
    for (const [node, { peer, untilMs }] of this.#places) {
      if (listed.has(node)) continue;
      if (untilMs === Infinity) this.#places.set(node, { peer, untilMs: nowMs + PLACE_KEPT_MS });
      else if (nowMs >= untilMs) this.#places.delete(node);
    }
    for (const peer of peers) this.#places.set(peer.node, { peer, untilMs: Infinity });
  }

  #forgetAnswers(peers: readonly Peer[]): void {
    const there = new Set(peers.flatMap(({ node, addresses }) => [...addresses.values()].flat().map(answererAt(node))));
    for (const answerer of this.#answered) if (!there.has(answerer)) this.#answered.delete(answerer);
  }

  #chosenOn(network: string, peers: readonly Peer[]): Peer[] {
    const { self, count } = this.#options;
    const members = Array.from(this.#places.values(), ({ peer }) => peer).filter(({ addresses }) =>
      addresses.has(network),
    );
    const hasPlace = members.some(({ node }) => node === self);
    // Nobody says that it has an address there; on the network of all it has.
    if (!hasPlace && network !== DEFAULT_NETWORK) return [];
    const ring = ringOrder(hasPlace ? members : [...members, { node: self, zone: '' }]);
    const chosen = new Set(peersOf(self, ring, count));
    return peers.filter(({ node, addresses }) => chosen.has(node) && addresses.has(network));
  }

  #ofPeer({ node, zone }: Peer, network: string, address: HostPort): Target<'dial'> {
    const { source, nowMs } = this.#options;
    const target = createDialTarget({
      ...{ dialled: { peer: { node, zone } }, network, address, nowMs },
      isFailure: () => source.isLive(node, address) && this.#isStarted(node, address),
    });
    return {
      ...target,
      probe: async (limits) => {
        const outcome = await target.probe(limits);
        if (outcome.ok) this.#answered.add(answererAt(node)(address));
        return outcome;
      },
    };
  }

  #isStarted(node: string, address: HostPort): boolean {
    const peer = this.#options.source.list()?.peers.find((one) => one.node === node);
    return peer?.isStarted === true || this.#answered.has(answererAt(node)(address));
  }
}

/** The next agent of a node has another address. */
function answererAt(node: string): (address: HostPort) => string {
  return (address) => `${node} ${renderHostPort(address)}`;
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
