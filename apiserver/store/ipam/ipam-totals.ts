import { IPAM_FIGURES, type IpamFigure, type IpamFigureKind } from '../../../metrics/ipam/figures.js';
import { exhaustionSeconds } from '../../../metrics/ipam/trend.js';

const KINDS = IPAM_FIGURES.map(({ kind }) => kind);
const positionsOf = (...kinds: readonly IpamFigureKind[]) =>
  [...KINDS.keys()].filter((i) => kinds.some((kind) => kind === KINDS[i]));
const ADDED = positionsOf('gauge', 'free');
const HIGHEST = positionsOf('latency');
const TRENDS = positionsOf('exhaustion');
const POSITIONS = new Map(IPAM_FIGURES.map(({ metricName }, i) => [metricName, i]));
const FREE = KINDS.indexOf('free');

/** Shares of nodes (see sharesOf) that are added up: a gauge that one of them does not know is not known of all. */
export class IpamTotals {
  readonly #sums = Float64Array.from(KINDS, (kind) => (kind === 'latency' ? -Infinity : 0));
  /** Nodes with a trend. */
  #trends = 0;

  add(shares: Float64Array): void {
    const sums = this.#sums;
    for (const i of ADDED) sums[i] = (sums[i] ?? NaN) + (shares[i] ?? NaN);
    for (const i of HIGHEST) sums[i] = Math.max(sums[i] ?? NaN, shares[i] ?? NaN);
    for (const i of TRENDS) {
      const share = shares[i] ?? NaN;
      if (Number.isNaN(share)) continue;
      sums[i] = (sums[i] ?? NaN) + share;
      this.#trends++;
    }
  }

  /** Of any figure but a counter; undefined where it is not known. */
  of({ kind, metricName }: IpamFigure): number | undefined {
    const sum = this.#sums[POSITIONS.get(metricName) ?? -1];
    if (sum === undefined || !Number.isFinite(sum)) return undefined;
    if (kind !== 'exhaustion') return sum;
    const free = this.#sums[FREE] ?? NaN;
    return Number.isNaN(free) ? undefined : exhaustionSeconds(free, this.#trends > 0 ? sum : undefined);
  }
}
