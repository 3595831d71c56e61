/** What it takes to know whose traffic an interface carries. */
export interface Stacked {
  readonly name: string;
  /** Interfaces of the same pod whose traffic this one carries again. */
  readonly lowerDevices?: readonly string[];
}

/** One on a network. */
export interface StackedOnNetwork extends Stacked {
  readonly network: string;
  readonly nadNamespace: string;
}

type Network = readonly [nadNamespace: string, network: string];

export function isStacked({ lowerDevices = [] }: Stacked): boolean {
  return lowerDevices.length > 0;
}

/**
 * The interfaces that one is stacked on, however deep: itself among them where interfaces are stacked on each other in a circle.
 * @param find an interface of the same pod; undefined where it has none of that name
 */
export function* interfacesBelow<Item extends Stacked>(
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

/** The networks of the interfaces that one is stacked on, each once and in a stable order. */
export function networksBelow(
  item: StackedOnNetwork,
  find: (name: string) => StackedOnNetwork | undefined,
): readonly Network[] {
  if (!isStacked(item)) return [];
  const found = new Map<string, Network>();
  for (const { nadNamespace, network } of interfacesBelow(item, find)) {
    found.set(`${nadNamespace}/${network}`, [nadNamespace, network]);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, network]) => network);
}
