import { IPAM_FIGURES, type IpamFigure } from '../../../metrics/ipam/figures.js';
import { exhaustionSeconds } from '../../../metrics/ipam/trend.js';

const KINDS = IPAM_FIGURES.map(({ kind }) => kind);
const POSITIONS = new Map(IPAM_FIGURES.map(({ metricName }, i) => [metricName, i]));
const FREE = KINDS.indexOf('free');

/** Shares of nodes (see sharesOf) that are added up: a gauge that one of them does not know is not known of all. */
export class IpamTotals {
  readonly #sums = Float64Array.from(KINDS, (kind) => (kind === 'latency' ? -Infinity : 0));
  /** Nodes with a trend. */
  #trends = 0;

  add(shares: Float64Array): void {
    for (const [i, kind] of KINDS.entries()) {
      const [sum, share] = [this.#sums[i] ?? NaN, shares[i] ?? NaN];
      if (kind === 'latency') {
        this.#sums[i] = Math.max(sum, share);
      } else if (kind !== 'exhaustion') {
        this.#sums[i] = sum + share;
      } else if (!Number.isNaN(share)) {
        this.#sums[i] = sum + share;
        this.#trends++;
      }
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
