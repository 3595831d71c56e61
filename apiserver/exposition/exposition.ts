import { setImmediate } from 'node:timers/promises';
import { NODE_FAMILIES, type MetricFamily } from '../../metrics/catalogue.js';
import { Compat } from '../../metrics/compat/compat.js';
import type { PodLabel } from '../../metrics/labels.js';
import { renderChanges } from '../../metrics/node-families.js';
import type { PrintedPods } from '../../metrics/pod-lines.js';
import { renderHeader, type ExpositionFormat } from '../../metrics/render.js';
import type { ShownPods } from '../store/devices-view.js';
import type { NodeSeries } from '../store/node-series.js';
import { viewOf } from '../store/view.js';
import { DeflatedTexts, type Deflated } from './deflated.js';
import type { Exposer } from './exposer.js';
import { nodeExtras } from './extra-families.js';
import { gzipOf } from './gzip.js';
import { isOfShard, pieces, slices, type ExpositionFilter, type NodeLines } from './pieces.js';

const NO_LINES = new DeflatedTexts([]);
/** Nodes whose pods are looked through before others have a turn: a millisecond. */
const NODES_A_TURN = 500;
/** Nodes that may be rendered without a turn for others: of so many other pods exist by the time that the last of all is rendered. */
const RENDERED_AT_ONCE = 5;
/** Characters of a family of the cluster after which others have a turn. Shorter ones are made at once: they tell of each other. */
const LONG_TEXT = 65_536;
/** How often is looked for such: where ever more come, as when the list of pods is lost, those that look are not kept waiting. */
const ROUNDS = 3;

/** Which pods are to be seen. */
export interface ShowsPods {
  readonly isListed: boolean;
  /** What is to be shown of a node at a time. */
  shownAt(nowMs: number, node: NodeSeries): ShownPods;
  /** To be called before the lines of a node are made anew that all scrapes are shown: what else is shown of it then is so from then on. */
  settle?(nowMs: number, node: NodeSeries): void;
}

/** What is to be seen. */
export interface Shown {
  readonly nodes: { nodes(): readonly NodeSeries[] };
  readonly pods: ShowsPods;
}

/** A family that is not of a node's report but of all together. */
export interface ClusterLines {
  readonly family: MetricFamily;
  /**
   * Its samples, each a line, in a stable order.
   * @param node of this one alone; undefined: of all
   * @param exposer where they are to go on from what another replica showed
   */
  readonly lines: (nowMs: number, node: string | undefined, exposer?: Exposer) => string;
}

interface Rendered extends NodeLines {
  /** What the blocks were made of; undefined where they could not be made. */
  readonly printed?: PrintedPods;
  /** Until when none of its samples is stale. */
  readonly freshUntilMs: number;
  /** Whether the API server's list of pods decided what is in it. */
  readonly isListed: boolean;
}

/** What was to be seen at one moment. */
export interface Look {
  readonly lines: Promise<readonly NodeLines[]>;
  /** To be called when nobody looks at the lines any more: from then on they may be empty. */
  readonly release: () => void;
}

/** What a scrape is of. */
export interface Seen {
  readonly nodes: readonly NodeLines[];
  /** Families of all nodes together. */
  readonly cluster: readonly Deflated[];
}

/** Told of a node or a family whose lines could not be made. */
type OnFailure = (of: { readonly node: string } | { readonly family: string }, error: unknown) => void;

export interface ExpositionOptions {
  readonly compat?: Compat;
  /** In the order in which they are printed. */
  readonly cluster?: readonly ClusterLines[];
  /** Without it the failure is the scrape's. */
  readonly onFailure?: OnFailure;
}

function rethrow(_of: object, error: unknown): never {
  throw error;
}

/**
 * The families of every node as gzip. A node's lines are rendered and deflated once, when its report arrives, and kept in that form alone, a
 * tenth of the text; a scrape concatenates what it finds, so its cost does not depend on how many series there are. The lines of a node whose report is no longer fresh are
 * left out: Prometheus then marks the series stale. Behind the nodes come the families of the cluster, made anew for each scrape.
 */
export class Exposition {
  readonly #shown: Shown;
  readonly #podLabels: readonly PodLabel[];
  readonly #compat: Compat;
  readonly #families: readonly MetricFamily[];
  readonly #cluster: readonly ClusterLines[];
  readonly #onFailure: OnFailure;
  /** Gone with the moment that they are of. */
  readonly #clusters = new WeakMap<readonly NodeLines[], Map<string, Promise<readonly Deflated[]>>>();
  /** Whoever looks at lines: as long as there is anybody, no memory of lines is taken over for others. */
  readonly #holders = new Set<object>();
  /** Gone with its node. */
  readonly #rendered = new WeakMap<NodeSeries, Rendered>();

  constructor(
    shown: Shown,
    podLabels: readonly PodLabel[],
    { compat = new Compat([]), cluster = [], onFailure = rethrow }: ExpositionOptions = {},
  ) {
    this.#onFailure = onFailure;
    this.#cluster = cluster;
    this.#shown = shown;
    this.#podLabels = podLabels;
    this.#compat = compat;
    this.#families = [...NODE_FAMILIES, ...compat.families];
  }

  /** To be called when what is shown of a node changed. */
  update(node: NodeSeries, nowMs: number): void {
    this.#rendered.set(node, this.#render(node, nowMs));
  }

  /** To be called when other pods of a node exist than did: it is rendered anew when somebody looks. */
  invalidate(node: NodeSeries): void {
    const rendered = this.#rendered.get(node);
    if (rendered !== undefined) this.#rendered.set(node, { ...rendered, freshUntilMs: -Infinity });
  }

  /** Renders what has to be anew, with turns for others between the nodes: once the list of pods is there, that is all of them. */
  async freshen(nowMs: number): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      let count = 0;
      for (const node of this.#shown.nodes.nodes()) {
        if (!node.isFresh(nowMs) || this.#current(node, nowMs) !== undefined) continue;
        this.#rendered.set(node, this.#render(node, nowMs));
        count++;
        await setImmediate();
      }
      if (count <= RENDERED_AT_ONCE) return;
    }
  }

  /**
   * The lines of the nodes as they are now, for as many scrapes as begin at once: whoever holds them holds also those that are rendered anew
   * meanwhile. Nobody waits for longer than one node takes.
   */
  look(nowMs: number, namespace: string | undefined): Look {
    const release = this.#hold();
    return { lines: this.#lookInTurns(nowMs, namespace), release };
  }

  #hold(): () => void {
    const holder = {};
    this.#holders.add(holder);
    return () => void this.#holders.delete(holder);
  }

  async #lookInTurns(nowMs: number, namespace: string | undefined): Promise<readonly NodeLines[]> {
    if (namespace !== undefined) return this.#lookAtNamespace(nowMs, namespace);
    await this.freshen(nowMs);
    return this.#lookAtAll(nowMs);
  }

  /**
   * The families of all nodes together, with turns for others in between. Those who look at the same moment share them, but not with whoever
   * exposes: what is shown there begins in the moment in which that is asked.
   * @param seen the moment: what {@link look} gave
   */
  async cluster(
    format: ExpositionFormat,
    nowMs: number,
    filter: ExpositionFilter,
    seen: readonly NodeLines[],
  ): Promise<readonly Deflated[]> {
    const { node, family, namespace, shard, exposer } = filter;
    const isWhole = node === undefined && family === undefined && namespace === undefined && shard === undefined;
    if (!isWhole) return this.#clusterInTurns(format, nowMs, filter);
    let shared = this.#clusters.get(seen);
    if (shared === undefined) this.#clusters.set(seen, (shared = new Map<string, Promise<readonly Deflated[]>>()));
    const key = `${format} ${exposer === undefined ? 'all' : 'exposer'}`;
    let made = shared.get(key);
    if (made === undefined) shared.set(key, (made = this.#clusterInTurns(format, nowMs, filter)));
    return made;
  }

  async #clusterInTurns(format: ExpositionFormat, nowMs: number, filter: ExpositionFilter): Promise<Deflated[]> {
    const made: Deflated[] = [];
    for (const piece of this.#clusterPieces(format, nowMs, filter)) {
      made.push(piece);
      if (piece.length >= LONG_TEXT) await setImmediate();
    }
    return made;
  }

  /**
   * The exposition as one member of gzip, in chunks: for each family its header, then the lines of one node after the other; `own` before the end.
   * @param seen what {@link look} and {@link cluster} gave for the filter. Without it what it is of is decided when the first chunk is asked
   * for, all at once.
   */
  gzip(
    format: ExpositionFormat,
    nowMs: number,
    filter: ExpositionFilter = {},
    own = '',
    seen?: Seen,
  ): Generator<Uint8Array> {
    return gzipOf(this.#pieces(format, nowMs, { ...filter, own, seen }));
  }

  *#pieces(
    format: ExpositionFormat,
    nowMs: number,
    { own, seen, ...filter }: ExpositionFilter & { readonly own: string; readonly seen: Seen | undefined },
  ): Generator<Deflated> {
    const release = this.#hold();
    try {
      const cluster = seen?.cluster ?? [...this.#clusterPieces(format, nowMs, filter)];
      const sinceMs = filter.exposer?.reportedSinceMs ?? -Infinity;
      const isWanted = ({ node, receivedAtMs }: NodeLines): boolean =>
        (filter.node ?? node) === node && isOfShard(node, filter.shard) && receivedAtMs >= sinceMs;
      const nodes = (seen?.nodes ?? this.#lookAtAll(nowMs, filter.namespace)).filter(isWanted);
      yield* pieces({ families: this.#families, nodes, cluster, own }, format, filter.family);
    } finally {
      release();
    }
  }

  #lookAtAll(nowMs: number, namespace?: string): readonly NodeLines[] {
    const fresh = this.#shown.nodes.nodes().filter((node) => node.isFresh(nowMs));
    return fresh.map((node) => this.#renderedOf(node, nowMs, namespace));
  }

  async #lookAtNamespace(nowMs: number, namespace: string): Promise<readonly NodeLines[]> {
    const seen: NodeLines[] = [];
    let passed = 0;
    for (const node of this.#shown.nodes.nodes()) {
      const isRendered = node.isFresh(nowMs) && hasAnyOf(node, namespace);
      if (isRendered) seen.push(this.#renderedOf(node, nowMs, namespace));
      if (isRendered || ++passed % NODES_A_TURN === 0) await setImmediate();
    }
    return seen;
  }

  /** None where a namespace is asked for, as they are of no pod; of the shards the first has them. */
  *#clusterPieces(
    format: ExpositionFormat,
    nowMs: number,
    { namespace, shard, family: only, node, exposer }: ExpositionFilter,
  ): Generator<Deflated> {
    if (namespace !== undefined || (shard?.index ?? 0) !== 0) return;
    for (const { family, lines } of this.#cluster) {
      if ((only ?? family.name) !== family.name) continue;
      const text = this.#clusterText(family, () => lines(nowMs, node, exposer));
      if (text !== '') yield* slices(renderHeader(family, format) + text);
    }
  }

  /** What cannot be made must not cost the rest of the scrape. */
  #clusterText(family: MetricFamily, make: () => string): string {
    try {
      return make();
    } catch (error) {
      this.#onFailure({ family: family.name }, error);
      return '';
    }
  }

  #renderedOf(node: NodeSeries, nowMs: number, namespace: string | undefined): Rendered {
    let whole = this.#current(node, nowMs);
    if (whole === undefined) {
      whole = this.#render(node, nowMs);
      this.#rendered.set(node, whole);
    }
    return namespace === undefined ? whole : this.#render(node, nowMs, namespace);
  }

  /** Undefined where one of its interfaces was read last some time before the others and is stale by now, or other pods exist. */
  #current(node: NodeSeries, nowMs: number): Rendered | undefined {
    const rendered = this.#rendered.get(node);
    const { isListed } = this.#shown.pods;
    return rendered !== undefined && nowMs <= rendered.freshUntilMs && rendered.isListed === isListed
      ? rendered
      : undefined;
  }

  /** A node of which the lines cannot be made has none: it must not cost those of the others. */
  #render(node: NodeSeries, nowMs: number, namespace?: string): Rendered {
    try {
      return this.#renderOrThrow(node, nowMs, namespace);
    } catch (error) {
      this.#onFailure({ node: node.node }, error);
      const { isListed } = this.#shown.pods;
      const { node: name, receivedAtMs } = node;
      return { node: name, receivedAtMs, blocks: NO_LINES, freshUntilMs: Infinity, isListed };
    }
  }

  #renderOrThrow(node: NodeSeries, nowMs: number, namespace?: string): Rendered {
    const { pods } = this.#shown;
    if (namespace === undefined) pods.settle?.(nowMs, node);
    const all = pods.shownAt(nowMs, node);
    const wanted = namespace === undefined ? all : ofNamespace(all, namespace);
    const { view, freshUntilMs } = viewOf(node, nowMs, wanted);
    const before = this.#rendered.get(node);
    const since = namespace === undefined ? before?.printed : before?.printed && copyOf(before.printed);
    const { blocks: ours, printed } = renderChanges(view, this.#podLabels, since);
    const isLast = namespace === undefined && this.#holders.size === 0;
    const blocks = new DeflatedTexts([...ours, ...this.#compat.render(view)], before?.blocks, isLast);
    const extras = namespace === undefined ? nodeExtras(view) : undefined;
    const { node: name, receivedAtMs } = node;
    return { node: name, receivedAtMs, printed, blocks, extras, freshUntilMs, isListed: all.isListed };
  }
}

/** For lines beside those that are kept, which the next report is compared with. */
function copyOf(printed: PrintedPods): PrintedPods {
  return { ...printed, values: printed.values.slice() };
}

/** Whether a pod of the namespace is on the node, or has a device of it by what an agent without pods says. */
function hasAnyOf({ pods, devices }: NodeSeries, namespace: string): boolean {
  for (const { meta } of pods.values()) if (meta.namespace === namespace) return true;
  return devices.virtualFunctions?.some(({ owner }) => owner?.namespace === namespace) === true;
}

function ofNamespace(all: ShownPods, namespace: string): ShownPods {
  return { ...all, namespace, shown: (pod) => (pod.meta.namespace === namespace ? all.shown(pod) : undefined) };
}
