import type { IpamFigure } from '../../../metrics/ipam/figures.js';
import type { IpamFamily, IpamSample } from '../../../openapi/ipam-report.js';

/** The families of a reading, by name, and the names of those that were bad. */
export interface ToldFamilies {
  readonly byName: ReadonlyMap<string, IpamFamily>;
  readonly leftOut: readonly string[];
}

/** The samples that a figure is of; undefined where they are not known, which is not the same as none. */
export function samplesOf(
  { reads = '', isAlwaysThere }: IpamFigure,
  { byName, leftOut }: ToldFamilies,
): readonly IpamSample[] | undefined {
  if (leftOut.includes(reads)) return undefined;
  const samples = byName.get(reads)?.samples ?? [];
  return isAlwaysThere && samples.length !== 1 ? undefined : samples;
}
