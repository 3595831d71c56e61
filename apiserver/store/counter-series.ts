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

  /** @param room where its rows are to stand from now on, of that capacity */
  move(move: Move, room?: Float64Array<ArrayBuffer>): void {
    this.values = moved(this.values, this.width, move, room);
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

/**
 * Moves the rows of all series of a node, which stand in one piece of memory from then on: sixty small ones that are made anew with each growth
 * leave as much unused between them as they take. It is gone with the last of them that stands in it.
 */
export function moveAll(series: readonly CounterSeries[], move: Move): void {
  let numbers = 0;
  for (const { width } of series) numbers += width * move.capacity;
  const buffer = series[0]?.values.buffer;
  const isPacked =
    buffer?.byteLength === numbers * Float64Array.BYTES_PER_ELEMENT &&
    series.every(({ values, width }) => values.buffer === buffer && values.length === width * move.capacity);
  const room = isPacked ? undefined : new Float64Array(numbers);
  let at = 0;
  for (const one of series) one.move(move, room?.subarray(at, (at += one.width * move.capacity)));
}

/** The kept rows at the front of an array of `capacity` rows, NaN behind them; the same array where it has that size and no other is given. */
export function moved(
  array: Float64Array<ArrayBuffer>,
  width: number,
  { kept, capacity }: Move,
  room?: Float64Array<ArrayBuffer>,
): Float64Array<ArrayBuffer> {
  const target = room ?? (array.length === capacity * width ? array : new Float64Array(capacity * width));
  let length = 0;
  for (const { from, to } of kept) {
    target.set(array.subarray(from * width, to * width), length);
    length += (to - from) * width;
  }
  return target.fill(NaN, length);
}
