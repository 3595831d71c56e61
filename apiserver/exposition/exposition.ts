import { NODE_FAMILIES } from '../../metrics/catalogue.js';
import type { PodLabel } from '../../metrics/labels.js';
import { renderNode } from '../../metrics/node-families.js';
import { EPILOGUE, renderHeader, type ExpositionFormat } from '../../metrics/render.js';
import type { NodeSeries } from '../store/node-series.js';

/** What a scrape wants; everything where nothing is said. */
export interface ExpositionFilter {
  readonly node?: string;
  readonly namespace?: string;
  readonly family?: string;
}

/** The nodes that are to be seen, in a stable order. */
export interface NodeLister {
  nodes(): readonly NodeSeries[];
}

/**
 * The families of every node as text. A node's lines are rendered once, when its report arrives; a scrape concatenates what
 * it finds, so its cost does not depend on how many series there are. The lines of a node whose report is no longer fresh are
 * left out: Prometheus then marks the series stale.
 */
export class Exposition {
  readonly #lister: NodeLister;
  readonly #podLabels: readonly PodLabel[];
  /** One text a family, in the order of NODE_FAMILIES; gone with its node. */
  readonly #blocks = new WeakMap<NodeSeries, readonly Buffer[]>();

  constructor(lister: NodeLister, podLabels: readonly PodLabel[]) {
    this.#lister = lister;
    this.#podLabels = podLabels;
  }

  /** To be called when a report of this node was stored. */
  update(node: NodeSeries, nowMs: number): void {
    this.#blocks.set(node, this.#render(node, nowMs));
  }

  /** The exposition in pieces: for each family its header, then the lines of one node after the other; `own` before the end. */
  *pieces(format: ExpositionFormat, nowMs: number, filter: ExpositionFilter = {}, own = ''): Generator<Buffer> {
    const nodes = this.#lister
      .nodes()
      .filter((node) => node.isFresh(nowMs) && (filter.node ?? node.node) === node.node);
    const blocks = nodes.map((node) => this.#blocksOf(node, nowMs, filter.namespace));
    for (const [i, family] of NODE_FAMILIES.entries()) {
      if ((filter.family ?? family.name) !== family.name) continue;
      const filled = blocks.flatMap((block) => ((block[i]?.length ?? 0) > 0 ? [block[i] ?? Buffer.alloc(0)] : []));
      if (filled.length === 0) continue;
      yield Buffer.from(renderHeader(family, format));
      yield* filled;
    }
    yield Buffer.from(own + EPILOGUE[format]);
  }

  #blocksOf(node: NodeSeries, nowMs: number, namespace: string | undefined): readonly Buffer[] {
    return namespace === undefined
      ? (this.#blocks.get(node) ?? [])
      : this.#render(node, nowMs, (name) => name === namespace);
  }

  #render(node: NodeSeries, nowMs: number, include?: (namespace: string) => boolean): readonly Buffer[] {
    return renderNode(node.view(nowMs, include), this.#podLabels).map((text) => Buffer.from(text));
  }
}
