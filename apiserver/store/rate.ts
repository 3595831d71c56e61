/** Cumulative counters that are read together, oldest first, as columns of numbers. */
export interface Readings {
  /** The node's monotonic clock, milliseconds, ascending; shared by all series of the node. */
  readonly takenAtMs: Float64Array;
  /** One row for each time; NaN where a counter is not known. */
  readonly values: Float64Array;
  /**
   * Of a row: the counters, and last the epoch, a number that is higher for a later counter. Below zero: nothing tells whether that
   * counter began after the one before it. NaN: nothing was read at that time.
   */
  readonly width: number;
  /** Rows in use. */
  readonly length: number;
}

export type Rate =
  | { readonly ok: true; readonly perSecond: number; readonly spanMs: number }
  | { readonly ok: false; readonly reason: 'too_few_samples' };

/**
 * Of a span, milliseconds: over less, the time between the reading of a file and the time that its sample bears is a part of what is told, and
 * so is one packet. Two samples can be that near to each other where one was late, or is the last one of a pod.
 */
const LEAST_SPAN_MS = 100;

const TOO_FEW_SAMPLES: Rate = { ok: false, reason: 'too_few_samples' };

/**
 * Average growth of a counter over the window that ends with its newest reading. Unit: the counter's unit per second.
 *
 * At least the last two readings are used, however far apart, and more where these are nearly at one time. A decrease contributes nothing and its time is left out of the span: a
 * driver that steps back must not look like a lifetime's traffic. Unless a later epoch says that it is a new counter: then its value
 * is what it grew by. A new counter that is higher than the old one proves no such thing, as a device that is moved in from
 * another namespace brings all that it ever counted; that step, one from or to an epoch below zero, and a return to an earlier epoch,
 * are left out as well. Never negative. "Too few" is an expected outcome, so it is returned.
 * @param newest row of the newest reading of the counter, where it is known already
 */
export function counterRate(
  readings: Readings,
  column: number,
  windowMs: number,
  newest = newestReading(readings, column),
): Rate {
  const { takenAtMs, values, width } = readings;
  let last = newest;
  if (last < 0) return TOO_FEW_SAMPLES;
  const since = at(takenAtMs, last) - windowMs;
  let grown = 0;
  let spanMs = 0;
  let pairs = 0;
  for (let row = last - 1; row >= 0; row--) {
    const isTooLittle = spanMs > 0 && spanMs < LEAST_SPAN_MS;
    if (pairs > 0 && !isTooLittle && at(takenAtMs, row) < since) break;
    if (Number.isNaN(at(values, row * width + column))) continue;
    const growth = growthBetween(readings, column, row, last);
    if (growth !== undefined) {
      grown += growth;
      spanMs += at(takenAtMs, last) - at(takenAtMs, row);
    }
    pairs++;
    last = row;
  }
  return spanMs >= LEAST_SPAN_MS ? { ok: true, perSecond: (grown * 1_000) / spanMs, spanMs } : TOO_FEW_SAMPLES;
}

/**
 * What a counter grew by in the readings that were taken after a time, by the same rules as its rate. The reading before the first of them is
 * what that grew from: without one it is where counting begins.
 * @param sinceMs on the node's clock
 * @returns NaN where the counter was never read
 */
export function grownSince(readings: Readings, column: number, sinceMs: number): number {
  const { takenAtMs, values, width } = readings;
  let last = newestReading(readings, column);
  if (last < 0) return NaN;
  let grown = 0;
  for (let row = last - 1; row >= 0 && at(takenAtMs, last) > sinceMs; row--) {
    if (Number.isNaN(at(values, row * width + column))) continue;
    grown += growthBetween(readings, column, row, last) ?? 0;
    last = row;
  }
  return grown;
}

/** Undefined where nothing tells what it grew by. */
function growthBetween({ values, width }: Readings, column: number, before: number, after: number): number | undefined {
  const epoch = width - 1;
  const [previous, current] = [at(values, before * width + column), at(values, after * width + column)];
  const [from, to] = [at(values, before * width + epoch), at(values, after * width + epoch)];
  if (from >= 0 && to > from && current < previous) return current;
  return to === from && current >= previous ? current - previous : undefined;
}

/** Row of the newest reading that has this counter; -1 where there is none. */
export function newestReading({ values, width, length }: Readings, column: number): number {
  for (let row = length - 1; row >= 0; row--) {
    if (!Number.isNaN(at(values, row * width + column))) return row;
  }
  return -1;
}

/** Row of the newest reading of any counter; -1 where there is none. */
export function newestRow(readings: Readings): number {
  return newestReading(readings, readings.width - 1);
}

function at(array: Float64Array, index: number): number {
  return array[index] ?? NaN;
}
