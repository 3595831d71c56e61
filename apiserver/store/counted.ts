import { interfacesBelow, isStacked, type Stackable } from '../../metrics/stacking.js';

/**
 * Those of the chosen interfaces to add up: no bond, VLAN, bridge or tap stacked on one that is itself chosen, however deep,
 * so that no traffic is counted twice. Interfaces stacked on each other in a circle are all kept out: nothing says which is real.
 */
export function countedInterfaces<Item extends Stackable>(
  chosen: readonly Item[],
  all: ReadonlyMap<string, Stackable>,
): readonly Item[] {
  if (!chosen.some(isStacked)) return chosen;
  const names = new Set(chosen.map((item) => item.name));
  return chosen.filter((item) => !carriesAny(item, names, all));
}

function carriesAny(item: Stackable, names: ReadonlySet<string>, all: ReadonlyMap<string, Stackable>): boolean {
  for (const { name } of interfacesBelow(item, (below) => all.get(below))) if (names.has(name)) return true;
  return false;
}
