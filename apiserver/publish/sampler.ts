import { IPAM_FIGURES } from '../../metrics/ipam/figures.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';
import type { Datum } from './sink.js';

const PUBLISHED = IPAM_FIGURES.flatMap((figure) =>
  figure.cloudWatch === undefined ? [] : [{ figure, ...figure.cloudWatch }],
);
/** Ours, beside the names of cni-metrics-helper: so that the sum of some nodes is not taken for that of all. */
const NODES_REPORTING = 'nodesReporting';
const NODES_MISSING = 'nodesMissing';

/** Every name that may be published, in the order of a sample. */
export const DATUM_NAMES: readonly string[] = [...PUBLISHED.map(({ name }) => name), NODES_REPORTING, NODES_MISSING];

/** By name: the highest total of a counter that a sample has seen. */
export type CounterTotals = ReadonlyMap<string, number>;

export interface SampleTime {
  /** Of the server's monotonic clock. */
  readonly nowMs: number;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
}

const MILLISECONDS = 1_000;

/**
 * The figures at present: gauges as they are, counters as what they grew since the last sample that knew them, latencies in milliseconds.
 * What is not known is left out: of a server that has just started, and of a cluster without ipamd, that is everything.
 *
 * A total that falls tells no growth, neither then nor when it comes back to where it was.
 */
export function sample(
  figures: Pick<IpamFigures, 'nodes' | 'total'>,
  previous: CounterTotals,
  { nowMs, timestampMs }: SampleTime,
): { readonly datums: readonly Datum[]; readonly next: CounterTotals } {
  const { reporting, missing } = figures.nodes(nowMs);
  if (reporting + missing === 0) return { datums: [], next: previous };
  const datums: Datum[] = [];
  const next = new Map(previous);
  const add = (name: string, unit: Datum['unit'], value: number): void => {
    if (Number.isFinite(value)) datums.push({ name, unit, value, timestampMs });
  };
  for (const { figure, name, unit } of PUBLISHED) {
    const total = figures.total(figure, nowMs)?.value;
    if (total === undefined) continue;
    if (figure.kind !== 'counter') {
      add(name, unit, unit === 'Milliseconds' ? total * MILLISECONDS : total);
      continue;
    }
    const before = previous.get(name);
    next.set(name, Math.max(total, before ?? total));
    if (before !== undefined && total >= before) add(name, unit, total - before);
  }
  add(NODES_REPORTING, 'Count', reporting);
  add(NODES_MISSING, 'Count', missing);
  return { datums, next };
}
