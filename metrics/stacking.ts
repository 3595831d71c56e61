import { REPORT_LIMITS } from '../openapi/report-terms.js';
import type { Network } from './network.js';

/** What it takes to know whose traffic an interface carries. */
export interface Stackable {
  readonly name: string;
  /** Interfaces of the same pod whose traffic this one carries again. */
  readonly lowerDevices?: readonly string[];
}

/** One on a network. */
export interface StackableOnNetwork extends Stackable, Network {
  /** Nothing of it is counted, so that nothing of it can be counted again. */
  readonly unproven?: boolean;
}

/** Of all that are stacked on none. */
const NONE: readonly Network[] = Object.freeze([]);

export function isStacked({ lowerDevices = [] }: Stackable): boolean {
  return lowerDevices.length > 0;
}

/**
 * The interfaces that one is stacked on, however deep: itself among them where interfaces are stacked on each other in a circle.
 * @param find an interface of the same pod; undefined where it has none of that name
 */
export function* interfacesBelow<Item extends Stackable>(
  item: Item,
  find: (name: string) => Item | undefined,
): Generator<Item> {
  const seen = new Set<string>();
  const queue = [...(item.lowerDevices ?? [])];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const below = find(name);
    if (below === undefined) continue;
    yield below;
    queue.push(...(below.lowerDevices ?? []));
  }
}

/**
 * Whether the interfaces of a pod are stacked no more than a report takes: what interfacesBelow() follows, of all of them, is the work each time
 * that they are asked for, and the networks found are the lines that there are.
 */
export function isStackingWithinLimit(interfaces: readonly (Stackable & Network)[]): boolean {
  if (!interfaces.some(isStacked)) return true;
  // Of two with one name the last one holds.
  const byName = new Map(interfaces.map((one) => [one.name, one]));
  let steps = REPORT_LIMITS.stackingPerInterface * byName.size;
  let lines = REPORT_LIMITS.stackedNetworksPerInterface * byName.size;
  for (const item of byName.values()) {
    if (!isStacked(item)) continue;
    steps -= lowersOf(item);
    const networks = new Set<string>();
    for (const below of interfacesBelow(item, (name) => byName.get(name))) {
      steps -= lowersOf(below);
      if (steps < 0) return false;
      networks.add(keyOf(below));
    }
    lines -= networks.size;
    if (steps < 0 || lines < 0) return false;
  }
  return true;
}

function keyOf({ nadNamespace, network }: Network): string {
  return `${nadNamespace}/${network}`;
}

function lowersOf({ lowerDevices = [] }: Stackable): number {
  return lowerDevices.length;
}

/** The networks of the interfaces that one is stacked on and that may be counted, each once and in a stable order. */
export function networksBelow(
  item: StackableOnNetwork,
  find: (name: string) => StackableOnNetwork | undefined,
): readonly Network[] {
  if (!isStacked(item)) return NONE;
  const found = new Map<string, Network>();
  for (const below of interfacesBelow(item, find)) {
    if (below.unproven !== true) found.set(keyOf(below), below);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, network]) => network);
}
