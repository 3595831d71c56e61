/** A move of rows to the front of their arrays, which then have room for so many. */
export interface Move {
  readonly dropped: number;
  readonly kept: number;
  readonly capacity: number;
}

/** History of cumulative counters that are read together. The times of its rows are the node's. */
export class CounterSeries {
  /** Rows of the counters and then the epoch; NaN where nothing was read. */
  values: Float64Array<ArrayBuffer>;
  /** Of a row. */
  readonly width: number;

  constructor(counters: number, capacity: number) {
    this.width = counters + 1;
    this.values = new Float64Array(capacity * this.width).fill(NaN);
  }

  /** Where a counter of a reading stands in a row. */
  columnOf(column: number): number {
    return column;
  }

  move(move: Move): void {
    this.values = moved(this.values, this.width, move);
  }

  forget(): void {
    this.values.fill(NaN);
  }

  /** Rows are written in the order of their times. */
  protected writeRow(row: number, reading: readonly (number | null)[], epoch: number): void {
    const start = row * this.width;
    for (let column = 0; column < this.width - 1; column++) this.values[start + column] = reading[column] ?? NaN;
    this.values[start + this.width - 1] = epoch;
  }
}

/** The kept rows at the front of an array of `capacity` rows, NaN behind them; the same array where it has that size. */
export function moved(
  array: Float64Array<ArrayBuffer>,
  width: number,
  { dropped, kept, capacity }: Move,
): Float64Array<ArrayBuffer> {
  const rows = array.subarray(dropped * width, (dropped + kept) * width);
  const target = array.length === capacity * width ? array : new Float64Array(capacity * width);
  target.set(rows, 0);
  return target.fill(NaN, kept * width);
}
