/** Rows that follow each other. */
export interface Run {
  readonly from: number;
  /** The one behind the last. */
  readonly to: number;
}

/** A move of rows to the front of their arrays, which then have room for so many. */
export interface Move {
  /** In their order. */
  readonly kept: readonly Run[];
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

  isReadAt(row: number): boolean {
    return !Number.isNaN(this.values[row * this.width + this.width - 1] ?? NaN);
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
  { kept, capacity }: Move,
): Float64Array<ArrayBuffer> {
  const target = array.length === capacity * width ? array : new Float64Array(capacity * width);
  let length = 0;
  for (const { from, to } of kept) {
    target.set(array.subarray(from * width, to * width), length);
    length += (to - from) * width;
  }
  return target.fill(NaN, length);
}
