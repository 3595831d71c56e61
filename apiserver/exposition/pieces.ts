import { crc32 } from 'node:zlib';
import type { MetricFamily } from '../../metrics/catalogue.js';
import { EPILOGUE, renderHeader, type ExpositionFormat } from '../../metrics/render.js';
import { deflate, type Deflated, type DeflatedTexts } from './deflated.js';
import type { Exposer } from './exposer.js';
import { extraPieces, type NodeExtras } from './extra-families.js';

/** What a scrape wants; everything where nothing is said. */
export interface ExpositionFilter {
  readonly node?: string;
  readonly namespace?: string;
  readonly family?: string;
  /** One of so many parts of the nodes, from 0 on: a node is in the same part on every replica, whatever other nodes there are. */
  readonly shard?: { readonly index: number; readonly count: number };
  /** Only what goes on from what another replica showed, as this one exposes. */
  readonly exposer?: Exposer;
}

/** The lines of one agent, as they were when it was looked at. */
export interface NodeLines {
  readonly node: string;
  /** When the report came that they are of, server's monotonic clock. */
  readonly receivedAtMs: number;
  /** One text a family, in the order of the families. */
  readonly blocks: DeflatedTexts;
  readonly extras?: NodeExtras | undefined;
}

/** What a scrape is made of. */
export interface Shown {
  readonly families: readonly MetricFamily[];
  /** Those wanted. */
  readonly nodes: readonly NodeLines[];
  /** Families of all nodes together. */
  readonly cluster: Iterable<Deflated>;
  readonly own: string;
}

/** Characters of a text that is deflated while somebody waits: a millisecond. */
const SLICE_LENGTH = 65_536;

/** Whether a node is in the part that is wanted. */
export function isOfShard(node: string, shard: ExpositionFilter['shard']): boolean {
  return shard === undefined || crc32(node) % shard.count === shard.index;
}

/** For each family its header, then the lines of one node after the other; those of the cluster; the server's own. */
export function* pieces(
  { families, nodes, cluster, own }: Shown,
  format: ExpositionFormat,
  only: string | undefined,
): Generator<Deflated> {
  const wanted = families.map(({ name }) => (only ?? name) === name);
  for (const [i, having] of byFamily(nodes, wanted).entries()) {
    const family = families[i];
    if (family === undefined || having.length === 0) continue;
    yield deflate(renderHeader(family, format));
    yield* linesOf(having, i);
  }
  const extras = nodes.flatMap((one) => (one.extras === undefined ? [] : [one.extras]));
  yield* extraPieces(extras, format, only);
  yield* cluster;
  yield* slices(own + EPILOGUE[format]);
}

/** The nodes that have something of each family. A look at each node: one at each of its families would take a hundred times as long. */
function byFamily(nodes: readonly NodeLines[], wanted: readonly boolean[]): DeflatedTexts[][] {
  const having = wanted.map((): DeflatedTexts[] => []);
  for (const { blocks } of nodes) {
    for (const i of blocks.filled) if (wanted[i] === true) having[i]?.push(blocks);
  }
  return having;
}

function* linesOf(having: readonly DeflatedTexts[], family: number): Generator<Deflated> {
  for (const blocks of having) {
    const lines = blocks.at(family);
    if (lines !== undefined) yield lines;
  }
}

/** A text in parts that take a millisecond each. */
export function* slices(text: string): Generator<Deflated> {
  for (let from = 0; from < text.length;) {
    const end = text.indexOf('\n', from + SLICE_LENGTH) + 1;
    const to = end === 0 ? text.length : end;
    yield deflate(text.slice(from, to));
    from = to;
  }
}
