import type { MetricFamily } from '../../metrics/catalogue.js';
import { extraFamilies } from '../../metrics/ipam/lines.js';
import { takenNames } from '../../metrics/ipam/served-families.js';
import type { NodeView } from '../../metrics/node-families.js';
import { renderHeader, type ExpositionFormat } from '../../metrics/render.js';

/** The families of a node that nobody knew beforehand. */
export interface NodeExtras {
  /** Equal where the names and types of the families are, in their order: nodes of one kind have one. */
  readonly shape: string;
  readonly families: readonly { readonly family: MetricFamily; readonly lines: Buffer }[];
}

/** One family, and what nodes have of it. */
interface Extra {
  readonly family: MetricFamily;
  /** Nodes of one shape, and its place in them. */
  readonly places: { readonly nodes: readonly NodeExtras[]; readonly index: number }[];
}

/** @returns undefined where a node has none, as nearly all have */
export function nodeExtras(view: NodeView): NodeExtras | undefined {
  const families = extraFamilies(view).map(({ family, lines }) => ({ family, lines: Buffer.from(lines) }));
  if (families.length === 0) return undefined;
  return { shape: families.map(({ family }) => keyOf(family)).join(' '), families };
}

/**
 * The families of all nodes: each one's header, then the lines of one node after the other. Where nodes are of different minds about what
 * a name is, each name of theirs is a family of its own, whose type is not known.
 * @param only the name of a family; of all without one
 */
export function* extraPieces(
  nodes: Iterable<NodeExtras>,
  format: ExpositionFormat,
  only: string | undefined,
): Generator<Buffer> {
  const extras = distinct(nodes);
  const disputed = disputedAmong(extras);
  for (const extra of extras) {
    const { family } = extra;
    if (disputed.has(extra) || (only ?? family.name) !== family.name) continue;
    yield Buffer.from(renderHeader(family, format));
    yield* linesOf(extra);
  }
  for (const [name, { help, lines }] of byName(disputed)) {
    if ((only ?? name) !== name) continue;
    const family: MetricFamily = { name, type: 'unknown', help, labels: [], stability: 'alpha' };
    yield Buffer.from(renderHeader(family, format) + lines.join(''));
  }
}

/** A look at each node, and then at each kind of nodes: there are thousands of the former, and few of the latter. */
function distinct(nodes: Iterable<NodeExtras>): readonly Extra[] {
  const byShape = new Map<string, NodeExtras[]>();
  for (const node of nodes) {
    const others = byShape.get(node.shape);
    if (others === undefined) byShape.set(node.shape, [node]);
    else others.push(node);
  }
  const extras = new Map<string, Extra>();
  for (const alike of byShape.values()) {
    for (const [index, { family }] of (alike[0]?.families ?? []).entries()) {
      const extra = extras.get(keyOf(family)) ?? { family, places: [] };
      extra.places.push({ nodes: alike, index });
      extras.set(keyOf(family), extra);
    }
  }
  return [...extras.values()];
}

/** Those that have a name with another one in common. */
function disputedAmong(extras: readonly Extra[]): ReadonlySet<Extra> {
  const disputed = new Set<Extra>();
  const holders = new Map<string, Extra>();
  for (const extra of extras) {
    for (const name of takenNames(extra.family)) {
      const other = holders.get(name);
      if (other !== undefined) disputed.add(other).add(extra);
      holders.set(name, extra);
    }
  }
  return disputed;
}

function* linesOf({ places }: Extra): Generator<Buffer> {
  for (const { nodes, index } of places) {
    for (const { families } of nodes) {
      const lines = families[index]?.lines;
      if (lines !== undefined) yield lines;
    }
  }
}

/** Lines by the name that they begin with. Each has labels: the node at least. */
function byName(disputed: Iterable<Extra>): ReadonlyMap<string, { readonly help: string; readonly lines: string[] }> {
  const found = new Map<string, { readonly help: string; readonly lines: string[] }>();
  for (const extra of disputed) {
    for (const text of linesOf(extra)) {
      for (const line of text.toString().split(/(?<=\n)/)) {
        const name = line.slice(0, line.indexOf('{'));
        const others = found.get(name);
        if (others === undefined) found.set(name, { help: extra.family.help, lines: [line] });
        else others.lines.push(line);
      }
    }
  }
  return found;
}

function keyOf({ name, type }: MetricFamily): string {
  return `${name}/${type}`;
}
