import { setImmediate } from 'node:timers/promises';
import { NODE_FAMILIES, type MetricFamily } from '../../metrics/catalogue.js';
import { Compat } from '../../metrics/compat/compat.js';
import type { PodLabel } from '../../metrics/labels.js';
import { renderNode, type InterfaceTextCache } from '../../metrics/node-families.js';
import { EPILOGUE, renderHeader, type ExpositionFormat } from '../../metrics/render.js';
import type { ShownPods } from '../store/devices-view.js';
import type { NodeSeries } from '../store/node-series.js';
import { viewOf } from '../store/view.js';
import { deflate, DeflatedTexts, type Deflated } from './deflated.js';
import { extraPieces, nodeExtras, type NodeExtras } from './extra-families.js';
import { gzipOf } from './gzip.js';

const NO_LINES = new DeflatedTexts([]);

/** What a scrape wants; everything where nothing is said. */
export interface ExpositionFilter {
  readonly node?: string;
  readonly namespace?: string;
  readonly family?: string;
  /** One of so many parts of the nodes, from 0 on: a node is in the same part on every replica, whatever other nodes there are. */
  readonly shard?: { readonly index: number; readonly count: number };
}

/** Which pods are to be seen. */
export interface ShowsPods {
  readonly isListed: boolean;
  /** What is to be shown of a node at a time. */
  shownAt(nowMs: number, node: NodeSeries): ShownPods;
}

/** What is to be seen. */
export interface Shown {
  readonly nodes: { nodes(): readonly NodeSeries[] };
  readonly pods: ShowsPods;
}

/** A family that is not of a node's report but of all together. */
export interface ClusterLines {
  readonly family: MetricFamily;
  /** Its samples, each a line, in a stable order. @param node of this one alone; undefined: of all */
  readonly lines: (nowMs: number, node: string | undefined) => string;
}

interface Rendered {
  readonly texts: InterfaceTextCache;
  /** One text a family, in the order of NODE_FAMILIES, then one a family of predecessors. */
  readonly blocks: DeflatedTexts;
  /** Undefined where the node has no family that nobody knew beforehand. */
  readonly extras?: NodeExtras | undefined;
  /** Until when none of its samples is stale. */
  readonly freshUntilMs: number;
  /** Whether the API server's list of pods decided what is in it. */
  readonly isListed: boolean;
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
    for (const node of this.#shown.nodes.nodes()) {
      if (!node.isFresh(nowMs) || this.#current(node, nowMs) !== undefined) continue;
      this.#rendered.set(node, this.#render(node, nowMs));
      await setImmediate();
    }
  }

  /**
   * The exposition as one member of gzip, in chunks: for each family its header, then the lines of one node after the other; `own` before the end.
   * What it is of is decided when the first chunk is asked for.
   */
  gzip(format: ExpositionFormat, nowMs: number, filter: ExpositionFilter = {}, own = ''): Generator<Uint8Array> {
    return gzipOf(this.#pieces(format, nowMs, filter, own));
  }

  *#pieces(format: ExpositionFormat, nowMs: number, filter: ExpositionFilter, own: string): Generator<Deflated> {
    // At once: a total that is made after how many nodes are missing could be of fewer, as reports go on coming while a scrape is sent.
    const cluster = [...this.#clusterPieces(format, nowMs, filter)];
    const nodes = this.#shown.nodes
      .nodes()
      .filter((node) => node.isFresh(nowMs) && (filter.node ?? node.node) === node.node);
    const rendered = nodes.map((node) => this.#renderedOf(node, nowMs, filter.namespace));
    const blocks = rendered.map((one) => one.blocks);
    for (const [i, family] of this.#families.entries()) {
      if ((filter.family ?? family.name) !== family.name) continue;
      const filled = linesOf(blocks, i);
      if (filled.length === 0) continue;
      yield deflate(renderHeader(family, format));
      yield* filled;
    }
    const extras = rendered.flatMap((one) => (one.extras === undefined ? [] : [one.extras]));
    yield* extraPieces(extras, format, filter.family);
    yield* cluster;
    yield deflate(own + EPILOGUE[format]);
  }

  /** None where a namespace is asked for: they are of no pod. */
  *#clusterPieces(format: ExpositionFormat, nowMs: number, filter: ExpositionFilter): Generator<Deflated> {
    if (filter.namespace !== undefined) return;
    for (const one of this.#cluster) {
      const { family } = one;
      if ((filter.family ?? family.name) !== family.name) continue;
      const text = this.#clusterText(family, () => one.lines(nowMs, filter.node));
      if (text !== '') yield deflate(renderHeader(family, format) + text);
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
    if (namespace !== undefined) return this.#render(node, nowMs, namespace);
    const current = this.#current(node, nowMs);
    if (current !== undefined) return current;
    const anew = this.#render(node, nowMs);
    this.#rendered.set(node, anew);
    return anew;
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
      return { texts: new WeakMap(), blocks: NO_LINES, freshUntilMs: Infinity, isListed };
    }
  }

  #renderOrThrow(node: NodeSeries, nowMs: number, namespace?: string): Rendered {
    const all = this.#shown.pods.shownAt(nowMs, node);
    const wanted = namespace === undefined ? all : ofNamespace(all, namespace);
    const { view, freshUntilMs } = viewOf(node, nowMs, wanted);
    const texts = this.#rendered.get(node)?.texts ?? new WeakMap();
    const ours = renderNode(view, this.#podLabels, texts);
    const blocks = new DeflatedTexts([...ours, ...this.#compat.render(view)]);
    const extras = namespace === undefined ? nodeExtras(view) : undefined;
    return { texts, blocks, extras, freshUntilMs, isListed: all.isListed };
  }
}

/** What the nodes have of a family. Most have nothing of most. */
function linesOf(blocks: readonly DeflatedTexts[], family: number): Deflated[] {
  const filled: Deflated[] = [];
  for (const texts of blocks) {
    const lines = texts.at(family);
    if (lines !== undefined) filled.push(lines);
  }
  return filled;
}

function ofNamespace(all: ShownPods, namespace: string): ShownPods {
  return { ...all, namespace, shown: (pod) => (pod.meta.namespace === namespace ? all.shown(pod) : undefined) };
}
