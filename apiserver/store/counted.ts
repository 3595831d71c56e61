/** What it takes to know whose traffic an interface carries. */
export interface Stacked {
  readonly name: string;
  /** Interfaces of the same pod whose traffic this one carries again. */
  readonly lowerDevices: readonly string[];
}

/**
 * Those of the chosen interfaces to add up: no bond, VLAN, bridge or tap stacked on one that is itself chosen, however deep,
 * so that no traffic is counted twice. Interfaces stacked on each other in a circle are all kept out: nothing says which is real.
 */
export function countedInterfaces<Item extends Stacked>(
  chosen: readonly Item[],
  all: ReadonlyMap<string, Stacked>,
): readonly Item[] {
  if (chosen.every((item) => item.lowerDevices.length === 0)) return chosen;
  const names = new Set(chosen.map((item) => item.name));
  return chosen.filter((item) => !carriesAny(item, names, all));
}

function carriesAny(item: Stacked, names: ReadonlySet<string>, all: ReadonlyMap<string, Stacked>): boolean {
  const seen = new Set<string>();
  const queue = [...item.lowerDevices];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (names.has(name)) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    queue.push(...(all.get(name)?.lowerDevices ?? []));
  }
  return false;
}
