import { IPAM_FIGURES, type IpamFigure } from '../../../metrics/ipam/figures.js';
import { seriesKey } from '../../../metrics/ipam/series.js';
import type { IpamSample } from '../../../openapi/ipam-report.js';
import { samplesOf, type ToldFamilies } from './told-families.js';

/** What growth is reckoned of, in the order of their columns. */
export const IPAM_COUNTERS: readonly IpamFigure[] = IPAM_FIGURES.filter(({ kind }) => kind === 'counter');

/**
 * What the counters of one node grew by from reading to reading, series by series: never negative, and never what they stood at when the node
 * was first heard of.
 */
export class IpamGrowth {
  /** Of each counter its last good samples; undefined: there were none. */
  readonly #before = IPAM_COUNTERS.map((): readonly IpamSample[] | undefined => undefined);

  /**
   * Growth since the reading before this one, in the order of IPAM_COUNTERS; NaN for a counter that this one does not tell: then the next
   * that does brings what it missed.
   */
  take(told: ToldFamilies): number[] {
    return IPAM_COUNTERS.map((figure, column) => {
      const samples = samplesOf(figure, told);
      if (samples === undefined) return NaN;
      const before = this.#before[column];
      this.#before[column] = samples;
      return before === undefined ? 0 : growthOf(before, samples);
    });
  }

  /** The next reading is the first one. */
  forget(): void {
    this.#before.fill(undefined);
  }
}

/**
 * What each series grew by, added up. One that fell began anew with its process, at 0; and so did one that was not there before: clients
 * show a series with labels from its first event on.
 */
function growthOf(before: readonly IpamSample[], samples: readonly IpamSample[]): number {
  let byKey: ReadonlyMap<string, number> | undefined;
  let grown = 0;
  for (const [i, { labels, value }] of samples.entries()) {
    const inPlace = before[i];
    // Labels are shared, and series seldom come in another order.
    const last = inPlace?.labels === labels ? inPlace.value : (byKey ??= valuesByKey(before)).get(seriesKey(labels));
    grown += last === undefined || value < last ? value : value - last;
  }
  return grown;
}

function valuesByKey(samples: readonly IpamSample[]): ReadonlyMap<string, number> {
  return new Map(samples.map(({ labels, value }) => [seriesKey(labels), value]));
}
