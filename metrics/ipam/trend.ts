/** Samples of how many addresses could still be given: [milliseconds, count], oldest first. */
export type FreeSamples = readonly (readonly [atMs: number, free: number])[];

/** What a trend is of. */
export const TREND_WINDOW_MS = 3_600_000;
/** Less than this says nothing: the pods of a node that has just come up arrive all at once. */
export const TREND_LEAST_MS = 1_800_000;

/** Far more than sums of an hour of samples are off by, relative to what they are of (2^-53 each), and far less than any trend. */
const ROUNDING = 1e-12;

/**
 * How fast a value grows, per second: the line of least squares through the samples of the last hour, as `predict_linear()` draws it, or
 * through the later half of them, whichever is flatter; 0 where one rises and the other falls. What is over is no trend: the pods of a
 * node that has just come arrive at once, and would be one for an hour.
 * @returns undefined where the samples cover less than half an hour
 */
export function slopeOf(samples: FreeSamples): number | undefined {
  const newestMs = samples.at(-1)?.[0] ?? NaN;
  const recent = samples.filter(([atMs]) => newestMs - atMs <= TREND_WINDOW_MS);
  const oldestMs = recent[0]?.[0] ?? NaN;
  if (!(newestMs - oldestMs >= TREND_LEAST_MS)) return undefined;
  const later = recent.filter(([atMs]) => newestMs - atMs <= (newestMs - oldestMs) / 2);
  const [slope, laterSlope] = [leastSquares(recent), leastSquares(later)];
  if (Math.sign(slope) !== Math.sign(laterSlope)) return 0;
  return Math.abs(slope) < Math.abs(laterSlope) ? slope : laterSlope;
}

/** @returns 0 of a single sample */
function leastSquares(samples: FreeSamples): number {
  const newestMs = samples.at(-1)?.[0] ?? NaN;
  // About their means: of a node that is up for months the squares of the times themselves would leave no digits for the differences.
  const seconds = samples.map(([atMs]) => (atMs - newestMs) / 1_000);
  const meanSeconds = mean(seconds);
  const meanFree = mean(samples.map(([, free]) => free));
  const offsets = seconds.map((one) => one - meanSeconds);
  const products = samples.map(([, free], i) => (offsets[i] ?? 0) * (free - meanFree));
  const covariance = sum(products);
  // What is left of ups and downs that cancel out is rounding, and no trend.
  if (Math.abs(covariance) <= ROUNDING * sum(products.map(Math.abs))) return 0;
  return covariance / sum(offsets.map((one) => one ** 2));
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Per second: what shrinks more slowly, by one in thirty years, does so by the rounding of what was added up. */
const FLAT = 1e-9;

/** Seconds until `free` is 0 at a growth per second. @returns undefined where it does not shrink */
export function exhaustionSeconds(free: number, slope: number | undefined): number | undefined {
  if (free <= 0) return 0;
  return slope === undefined || slope > -FLAT ? undefined : free / -slope;
}
