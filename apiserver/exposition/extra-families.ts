import type { MetricFamily } from '../../metrics/catalogue.js';
import { extraFamilies } from '../../metrics/ipam/lines.js';
import { takenNames } from '../../metrics/ipam/served-families.js';
import type { NodeView } from '../../metrics/node-families.js';
import { renderHeader, type ExpositionFormat } from '../../metrics/render.js';
import { deflate, DeflatedTexts, inflate, type Deflated } from './deflated.js';

/** The families of a node that nobody knew beforehand. */
export interface NodeExtras {
  /** Equal where the names and types of the families are, in their order: nodes of one kind have one. */
  readonly shape: string;
  readonly families: readonly {
    /** Equal where name and type are. */
    readonly key: string;
    readonly family: MetricFamily;
  }[];
  /** One text a family. */
  readonly lines: DeflatedTexts;
}

/** One family, and what nodes have of it. */
interface Extra {
  readonly family: MetricFamily;
  /** Nodes of one shape, and its place in them. */
  readonly places: { readonly nodes: readonly NodeExtras[]; readonly index: number }[];
}

/** @returns undefined where a node has none, as nearly all have */
export function nodeExtras(view: NodeView): NodeExtras | undefined {
  const extras = extraFamilies(view);
  if (extras.length === 0) return undefined;
  const families = extras.map(({ family }) => ({ key: `${family.name}/${family.type}`, family }));
  return {
    shape: families.map(({ key }) => key).join(' '),
    families,
    lines: new DeflatedTexts(extras.map(({ lines }) => lines)),
  };
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
): Generator<Deflated> {
  const extras = distinct(nodes);
  const disputed = disputedAmong(extras);
  for (const extra of extras) {
    const { family } = extra;
    if (disputed.has(extra) || (only ?? family.name) !== family.name) continue;
    yield deflate(renderHeader(family, format));
    yield* linesOf(extra);
  }
  for (const [name, of] of byName(disputed)) {
    if ((only ?? name) === name) yield* unknownPieces(name, of, format);
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
    for (const [index, { key, family }] of (alike[0]?.families ?? []).entries()) {
      const extra = extras.get(key);
      if (extra === undefined) extras.set(key, { family, places: [{ nodes: alike, index }] });
      else extra.places.push({ nodes: alike, index });
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

function* linesOf({ places }: Extra): Generator<Deflated> {
  for (const { nodes, index } of places) {
    for (const { lines } of nodes) {
      const ofFamily = lines.at(index);
      if (ofFamily !== undefined) yield ofFamily;
    }
  }
}

/** Those that have samples of a name. */
function byName(disputed: Iterable<Extra>): ReadonlyMap<string, readonly Extra[]> {
  const found = new Map<string, Extra[]>();
  for (const extra of disputed) {
    for (const name of hasParts(extra) ? takenNames(extra.family) : [extra.family.name]) {
      found.set(name, [...(found.get(name) ?? []), extra]);
    }
  }
  return found;
}

function hasParts({ family: { type } }: Extra): boolean {
  return type === 'histogram' || type === 'summary';
}

function* unknownPieces(name: string, of: readonly Extra[], format: ExpositionFormat): Generator<Deflated> {
  const help = of[0]?.family.help ?? '';
  let header = renderHeader({ name, type: 'unknown', help, labels: [], stability: 'alpha' }, format);
  for (const extra of of) {
    for (const lines of linesOf(extra)) {
      const named = hasParts(extra) ? linesNamed(name, lines) : lines;
      if (named === undefined) continue;
      if (header !== '') yield deflate(header);
      header = '';
      yield named;
    }
  }
}

/** Each line has labels: the node at least. */
function linesNamed(name: string, lines: Deflated): Deflated | undefined {
  const all = inflate(lines).split(/(?<=\n)/);
  const named = all.filter((line) => line.startsWith(`${name}{`)).join('');
  return named === '' ? undefined : deflate(named);
}
