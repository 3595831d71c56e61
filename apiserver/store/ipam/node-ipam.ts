import { maximumAddresses } from '../../../metrics/ipam/free-addresses.js';
import type { IpamSourceView } from '../../../metrics/node-families.js';
import type { IpamSourceReport } from '../../../openapi/ipam-report.js';
import type { IpamSourceName } from '../../../openapi/report-terms.js';
import type { NodeSeries } from '../node-series.js';
import { GrowthHistory } from './growth-history.js';
import { joinPools, packPool, unpackPool, type PackedPool } from './pool-samples.js';
import type { SharedTexts } from './shared-texts.js';

/** What one good reading of a source told. Another one is another object. */
export interface HeldReading extends Pick<IpamSourceView, 'families'> {
  /** On the node's clock. */
  readonly takenAtMs: number;
  readonly leftOut: readonly string[];
  readonly pools: readonly PackedPool[];
}

/** What is held of a source. */
export interface HeldSource {
  readonly name: IpamSourceName;
  readonly intervalMs: number;
  /** The newest good one; undefined: there was none since the node's clock began or stepped. */
  readonly reading: HeldReading | undefined;
}

/** What the sources of a node tell of its IP addresses, each by its newest good reading. */
export class NodeIpam {
  #growth: GrowthHistory | undefined;
  readonly #sources = new Map<IpamSourceName, HeldSource>();

  /**
   * Takes over what is new in a report. A source that it says nothing of, or of which there is no newer reading, keeps the one that it has:
   * an agent that was just started has none yet.
   */
  add(reports: readonly IpamSourceReport[], shared: SharedTexts): void {
    for (const { name, intervalMs, takenAt, families, leftOut, pools } of reports) {
      const before = this.#sources.get(name)?.reading;
      const isNew = takenAt !== undefined && takenAt > (before?.takenAtMs ?? -Infinity);
      const reading = isNew
        ? {
            ...{ takenAtMs: takenAt, families: shared.families(families, before?.families ?? []), leftOut },
            pools: joinPools(pastPools(before, families).map(unpackPool), pools).map(packPool),
          }
        : before;
      this.#sources.set(name, { name, intervalMs, reading });
    }
  }

  /** Of the counters of ipamd; undefined where there was no reading of it. */
  get growth(): GrowthHistory | undefined {
    return this.#growth;
  }

  /** @param grown see GrowthHistory */
  addGrowth(takenAtMs: number, grown: readonly number[], historyMs: number): void {
    this.#growth ??= new GrowthHistory();
    this.#growth.add(takenAtMs, grown, historyMs);
  }

  get(name: IpamSourceName): HeldSource | undefined {
    return this.#sources.get(name);
  }

  /** In the order of their names. */
  sources(): HeldSource[] {
    return [...this.#sources.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Forgets every reading, as after a step of the node's clock. */
  forget(): void {
    this.#sources.clear();
    this.#growth = undefined;
  }
}

/** What was held, unless the node can have another number of addresses since: the step would pass for a trend. */
function pastPools(before: HeldReading | undefined, families: HeldReading['families']): HeldReading['pools'] {
  if (before === undefined) return [];
  return maximumAddresses(before.families) === maximumAddresses(families) ? before.pools : [];
}

/** When a reading was taken, on the server's clock; -Infinity without one. */
export function readAtMs(node: NodeSeries, { reading }: Pick<HeldSource, 'reading'>): number {
  return reading === undefined ? -Infinity : reading.takenAtMs + node.offsetMs;
}

/** For how long a reading says something of the present: three intervals of the source, and no less than a sample of the node does. */
export function freshForMs(node: NodeSeries, { intervalMs }: Pick<HeldSource, 'intervalMs'>): number {
  return Math.max(3 * intervalMs, node.staleAfterMs);
}

/** Until when it does, on the server's clock. */
export function freshUntilMs(node: NodeSeries, source: HeldSource): number {
  return readAtMs(node, source) + freshForMs(node, source);
}

/** What fresh sources tell, and until when they all are; undefined where none is. */
export function ipamOf(
  node: NodeSeries,
  nowMs: number,
): { readonly sources: readonly IpamSourceView[]; readonly freshUntilMs: number } | undefined {
  const fresh = node.ipam.sources().filter((source) => nowMs <= freshUntilMs(node, source));
  if (fresh.length === 0) return undefined;
  return {
    sources: fresh.flatMap(({ name, reading }) =>
      reading === undefined ? [] : [{ name, families: reading.families, pools: reading.pools.map(unpackPool) }],
    ),
    freshUntilMs: Math.min(...fresh.map((source) => freshUntilMs(node, source))),
  };
}
