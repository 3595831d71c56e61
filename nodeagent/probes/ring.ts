import { createHash } from 'node:crypto';

export interface RingNode {
  readonly node: string;
  /** Empty where none is known. */
  readonly zone: string;
}

interface Placed extends RingNode {
  /** 48 bits of the hash of its name. */
  readonly place: number;
}

const PLACE_BITS = 48;
/** Nodes whose order is made anew, at most, when one of them comes or goes; and among whom zones are interleaved. */
export const CELL_NODES = 16;

/**
 * All nodes in the order of a ring, the same for whoever has the same list. The next ones after a node are those that it dials: each has as
 * many before it as after it, so every node is dialled by exactly as many as it dials.
 *
 * Neighbours are of different zones as far as there are any. One interleaving of all zones would put nearly every node elsewhere when a
 * single one comes: so the circle of the nodes' hashes is halved until no part has more than {@link CELL_NODES}, and zones are interleaved
 * within each part. A node that comes or goes then changes the order of one part only.
 */
export function ringOrder(nodes: readonly RingNode[]): string[] {
  const placed = nodes.map((one): Placed => ({ ...one, place: placeOf(one.node) }));
  placed.sort((a, b) => a.place - b.place || compare(a.node, b.node));
  return cells(placed, 0, PLACE_BITS - 1).flatMap(interleaved);
}

/** The nodes that one of a ring dials: the next ones after it, itself never among them. */
export function peersOf(node: string, ring: readonly string[], count: number): string[] {
  const at = ring.indexOf(node);
  if (at < 0) return [];
  const dialled = Math.min(count, ring.length - 1);
  return Array.from({ length: dialled }, (_, i) => ring[(at + 1 + i) % ring.length] ?? node);
}

/** @param sorted nodes whose places agree in the bits above `bit` and are not below `from` */
function cells(sorted: readonly Placed[], from: number, bit: number): (readonly Placed[])[] {
  if (sorted.length <= CELL_NODES || bit < 0) return [sorted];
  const middle = from + 2 ** bit;
  const split = sorted.findIndex(({ place }) => place >= middle);
  const lower = split < 0 ? sorted : sorted.slice(0, split);
  const upper = split < 0 ? [] : sorted.slice(split);
  return [...cells(lower, from, bit - 1), ...cells(upper, middle, bit - 1)];
}

/** Each zone spread evenly over all: the i-th of m stands where i + ½ of m parts are. */
function interleaved(cell: readonly Placed[]): string[] {
  const sizes = new Map<string, number>();
  for (const { zone } of cell) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
  const seen = new Map<string, number>();
  const spread = cell.map(({ node, zone }) => {
    const rank = seen.get(zone) ?? 0;
    seen.set(zone, rank + 1);
    return { node, zone, at: (rank + 0.5) / (sizes.get(zone) ?? 1) };
  });
  spread.sort((a, b) => a.at - b.at || compare(a.zone, b.zone));
  return spread.map(({ node }) => node);
}

function placeOf(node: string): number {
  return createHash('sha256')
    .update(node)
    .digest()
    .readUIntBE(0, PLACE_BITS / 8);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
