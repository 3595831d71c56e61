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

const TOO_FEW_SAMPLES: Rate = { ok: false, reason: 'too_few_samples' };

/**
 * Average growth of a counter over the window that ends with its newest reading. Unit: the counter's unit per second.
 *
 * At least the last two readings are used, however far apart. A decrease contributes nothing and its time is left out of the span: a
 * driver that steps back must not look like a lifetime's traffic. Unless a later epoch says that it is a new counter: then its value
 * is what it grew by. A new counter that is higher than the old one proves no such thing, as a device that is moved in from
 * another namespace brings all that it ever counted; that step, one from or to an epoch below zero, and a return to an earlier epoch,
 * are left out as well. Never negative. "Too few" is an expected outcome, so it is returned.
 */
export function counterRate(readings: Readings, column: number, windowMs: number): Rate {
  const { takenAtMs, values, width } = readings;
  const epoch = width - 1;
  let last = newestReading(readings, column);
  if (last < 0) return TOO_FEW_SAMPLES;
  const since = at(takenAtMs, last) - windowMs;
  let grown = 0;
  let spanMs = 0;
  let pairs = 0;
  for (let row = last - 1; row >= 0; row--) {
    if (pairs > 0 && at(takenAtMs, row) < since) break;
    const previous = at(values, row * width + column);
    if (Number.isNaN(previous)) continue;
    const current = at(values, last * width + column);
    const [from, to] = [at(values, row * width + epoch), at(values, last * width + epoch)];
    const isNew = from >= 0 && to > from && current < previous;
    if (isNew || (to === from && current >= previous)) {
      grown += isNew ? current : current - previous;
      spanMs += at(takenAtMs, last) - at(takenAtMs, row);
    }
    pairs++;
    last = row;
  }
  return spanMs > 0 ? { ok: true, perSecond: (grown * 1_000) / spanMs, spanMs } : TOO_FEW_SAMPLES;
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
