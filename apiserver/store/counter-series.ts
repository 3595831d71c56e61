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

/** Of the numbers of a node so many may stand by themselves, and as many of the common piece be of no use, until all are brought together anew. */
const LOOSE_SHARE = 1 / 4;

/**
 * Moves the rows of all series of a node, of which most stand in one piece of memory from then on: sixty small ones that are made anew with each
 * growth leave as much unused between them as they take, and to make the one anew for each pod that comes is garbage outside of V8's heap, of which
 * 64 MB bring a collection of everything on. It is gone with the last of them that stands in it.
 */
export function moveAll(series: readonly CounterSeries[], move: Move): void {
  let numbers = 0;
  for (const { width } of series) numbers += width * move.capacity;
  const room = isTogether(series, move.capacity, numbers) ? undefined : new Float64Array(numbers);
  let at = 0;
  for (const one of series) one.move(move, room?.subarray(at, (at += one.width * move.capacity)));
}

/** Whether they have the capacity, and stand as near to each other as it pays. */
function isTogether(series: readonly CounterSeries[], capacity: number, numbers: number): boolean {
  let common = series[0]?.values.buffer;
  for (const { values, width } of series) {
    if (values.length !== width * capacity) return false;
    if (common === undefined || values.buffer.byteLength > common.byteLength) common = values.buffer;
  }
  let inCommon = 0;
  for (const { values } of series) if (values.buffer === common) inCommon += values.length;
  const unused = (common?.byteLength ?? 0) / Float64Array.BYTES_PER_ELEMENT - inCommon;
  return Math.max(numbers - inCommon, unused) <= LOOSE_SHARE * numbers;
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
