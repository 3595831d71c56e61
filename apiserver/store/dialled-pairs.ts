import type { ReportedProbes } from './probe-series.js';

/** An agent of role probe, and what it says of its dials now. */
export interface Prober {
  readonly node: string;
  readonly dials: Iterable<ReportedProbes['dial']>;
}

/** A node on one network, and the pairs that it is an end of. */
export interface End {
  readonly node: Node;
  readonly dialledBy: Pair[];
  readonly dials: Pair[];
}

interface Node {
  readonly name: string;
  /** As others say: the number of a zone, and 0 where nobody tells. */
  zone: number;
  /** Place by place the networks that it is on. */
  readonly ends: (End | undefined)[];
}

/** Two nodes of a network, one of which dials the other. */
export interface Pair {
  readonly prober: End;
  readonly peer: End;
  /** On any address family: the newest dial failed, or half of the newest. */
  isFailing: boolean;
  /** Median of the newest dials that succeeded, of the slowest address family; NaN where none did. */
  seconds: number;
}

/** What is dialled on one network. */
export interface DialledNetwork {
  readonly network: string;
  /** Those dialled, in the order in which they were first heard of. */
  readonly dialled: readonly End[];
  readonly pairs: readonly Pair[];
}

/**
 * Who dials whom on each network, and how that goes. A prober that has not dialled a peer yet makes no pair with it. One look-up by
 * name for each dial: of 5,000 nodes there are tens of thousands.
 * @param probers one for each node, in a stable order: where two give a node different zones, the first is believed
 */
export function dialledNetworks(probers: readonly Prober[]): DialledNetwork[] {
  const nodes = new Map<string, Node>();
  const zones = new Map([['', 0]]);
  const networks = new Map<string, { readonly place: number; readonly dialled: End[]; readonly pairs: Pair[] }>();
  for (const { node, dials } of probers) {
    const prober = nodeNamed(nodes, node);
    for (const { peer: said, network: name, recent } of dials) {
      if (said === undefined || said.node === node) continue;
      const peer = nodeNamed(nodes, said.node);
      if (peer.zone === 0) peer.zone = numberOf(zones, said.zone);
      if (recent === undefined) continue;
      let network = networks.get(name);
      if (network === undefined) networks.set(name, (network = { place: networks.size, dialled: [], pairs: [] }));
      const isFailing = recent.lastFailed || recent.failures * 2 >= recent.attempts;
      const seconds = recent.medianSeconds ?? NaN;
      const [from, to] = [endOn(prober, network.place), endOn(peer, network.place)];
      const before = to.dialledBy.at(-1);
      // The dials of one prober come one after the other: no other can be its own.
      if (before?.prober === from) {
        before.isFailing ||= isFailing;
        if (!(seconds <= before.seconds) && !Number.isNaN(seconds)) before.seconds = seconds;
        continue;
      }
      if (before === undefined) network.dialled.push(to);
      const pair = { prober: from, peer: to, isFailing, seconds };
      from.dials.push(pair);
      to.dialledBy.push(pair);
      network.pairs.push(pair);
    }
  }
  return [...networks].map(([network, { dialled, pairs }]) => ({ network, dialled, pairs }));
}

function nodeNamed(nodes: Map<string, Node>, name: string): Node {
  let node = nodes.get(name);
  if (node === undefined) nodes.set(name, (node = { name, zone: 0, ends: [] }));
  return node;
}

function numberOf(zones: Map<string, number>, zone: string): number {
  let number = zones.get(zone);
  if (number === undefined) zones.set(zone, (number = zones.size));
  return number;
}

function endOn(node: Node, place: number): End {
  return (node.ends[place] ??= { node, dialledBy: [], dials: [] });
}
