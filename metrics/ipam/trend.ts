/** Samples of how many addresses could still be given: [milliseconds, count], oldest first. */
export type FreeSamples = readonly (readonly [atMs: number, free: number])[];

/** What a trend is of. */
export const TREND_WINDOW_MS = 3_600_000;
/** Less than this says nothing: the pods of a node that has just come up arrive all at once. */
export const TREND_LEAST_MS = 1_800_000;

/**
 * How fast a value grows, per second: the line of least squares through the samples of the last hour, as `predict_linear()` draws it.
 * @returns undefined where the samples cover less than half an hour
 */
export function slopeOf(_samples: FreeSamples): number | undefined {
  throw new Error('not yet');
}

/** Seconds until `free` is 0 at a growth per second. @returns undefined where it does not shrink */
export function exhaustionSeconds(free: number, slope: number | undefined): number | undefined {
  if (free <= 0) return 0;
  return slope === undefined || slope >= 0 ? undefined : free / -slope;
}
