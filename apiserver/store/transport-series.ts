import { TRANSPORT_RATE_FAMILIES } from '../../metrics/transport-families.js';
import { TRANSPORT_COUNTERS } from '../../openapi/report-terms.js';
import { CounterSeries } from './counter-series.js';

/** Of the columns of a reading those whose rate is answered: of the others nobody asks what they stood at before. */
const KEPT = TRANSPORT_RATE_FAMILIES.map(({ column }) => column);
/** They have no identity: a decrease is a step to be cut out, and proves no new counter. */
const EPOCH = 0;

/** What the network stack of one pod counts: the newest reading, and the history of what rates are answered of. */
export class TransportSeries extends CounterSeries {
  /** Numbers that one sample takes. */
  static readonly WIDTH = KEPT.length + 1;
  /** That of the newest row with an epoch, in the order of TRANSPORT_COUNTERS; NaN where one is not known. */
  readonly newest = new Float64Array(TRANSPORT_COUNTERS.length).fill(NaN);

  constructor(capacity: number) {
    super(KEPT.length, capacity);
  }

  override columnOf(column: number): number {
    const kept = KEPT.indexOf(column);
    if (kept < 0) throw new RangeError(`no history is kept of ${TRANSPORT_COUNTERS[column] ?? ''}`);
    return kept;
  }

  /** Rows are written in the order of their times. */
  write(row: number, reading: readonly (number | null)[]): void {
    for (let column = 0; column < this.newest.length; column++) this.newest[column] = reading[column] ?? NaN;
    this.writeRow(
      row,
      KEPT.map((column) => reading[column] ?? null),
      EPOCH,
    );
  }
}
