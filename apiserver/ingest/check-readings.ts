import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Reading } from '../../openapi/node-report.js';
import { INTERFACE_COUNTERS, TRANSPORT_COUNTERS } from '../../openapi/report-terms.js';
import { excerpt } from './explain.js';
import type { Rejections } from './rejections.js';

/** Where the readings of a report stand, and who hears of those that are none. */
export interface SampleRows {
  /** Positions of the good samples. */
  readonly rows: readonly number[];
  /** Samples in the report, good or bad: how many readings an interface has. */
  readonly length: number;
  readonly rejections: Rejections;
}

export interface Place extends SampleRows {
  readonly path: string;
}

/** What a reading is made of. */
export interface ReadingForm {
  readonly counters: readonly string[];
  readonly whole: { Check(value: unknown): value is Reading };
}

const TransportReading = Type.Array(Reading.items, {
  minItems: TRANSPORT_COUNTERS.length,
  maxItems: TRANSPORT_COUNTERS.length,
});

const COUNTER = Compile(Reading.items);
const OF_INTERFACE = Compile(Reading);
const OF_POD = Compile(TransportReading);

export const INTERFACE_READING: ReadingForm = { counters: INTERFACE_COUNTERS, whole: OF_INTERFACE };
export const TRANSPORT_READING: ReadingForm = { counters: TRANSPORT_COUNTERS, whole: OF_POD };

/** Whether the readings can stay as they are: all samples are good, and so is every reading. */
export function areWhole(
  entries: readonly unknown[],
  { whole }: ReadingForm,
  { rows, length }: Pick<Place, 'rows' | 'length'>,
): entries is readonly (Reading | null)[] {
  return rows.length === length && entries.every((entry) => entry === null || whole.Check(entry));
}

/**
 * The readings of the good samples. A counter that is none is not known, and so is a reading that is none.
 * @param path of the list of readings
 */
export function checkReadings(
  entries: readonly unknown[],
  { counters, whole }: ReadingForm,
  { rows, path, rejections }: Place,
): (Reading | null)[] {
  return rows.map((row) => {
    const entry = entries[row];
    if (entry === null || whole.Check(entry)) return entry;
    const at = `${path}[${row}]`;
    if (!Array.isArray(entry) || entry.length !== counters.length) {
      rejections.add(at, 'bad_counter', `a reading has ${counters.length} counters: ${excerpt(entry)}`);
      return null;
    }
    return entry.map((counter: unknown, column) => {
      if (COUNTER.Check(counter)) return counter;
      rejections.add(at, 'bad_counter', `${counters[column] ?? ''} is not a count: ${excerpt(counter)}`);
      return null;
    });
  });
}
