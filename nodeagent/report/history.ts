import { INTERFACE_COUNTERS } from '../../openapi/node-report.js';
import type { InterfaceReading } from '../collectors/collector.js';

const WIDTH = INTERFACE_COUNTERS.length;

/** What one interface was called in a sample. */
export interface SeriesName {
  readonly uid: string;
  readonly name: string;
  readonly identity: string;
}

/** Which rows a sample has; one object for all samples in a row that have the same. */
export class Rows {
  readonly #key: string;
  readonly #rowOf: ReadonlyMap<string, number>;
  /** Identities by pod and interface. */
  readonly #identityOf: ReadonlyMap<string, string>;

  constructor(names: readonly SeriesName[], key: string) {
    this.#key = key;
    this.#rowOf = new Map(names.map((one, row) => [seriesKey(one), row]));
    this.#identityOf = new Map(names.map(({ uid, name, identity }) => [interfaceKey(uid, name), identity]));
  }

  static keyOf(names: readonly SeriesName[]): string {
    return names.map(seriesKey).join('\n');
  }

  has(key: string): boolean {
    return this.#key === key;
  }

  rowOf(series: SeriesName): number | undefined {
    return this.#rowOf.get(seriesKey(series));
  }

  identityOf(uid: string, name: string): string | undefined {
    return this.#identityOf.get(interfaceKey(uid, name));
  }
}

/** One sweep: its time, and a row of counters for each interface that was read. */
export interface StoredSample {
  readonly sequence: number;
  /** Monotonic, milliseconds since boot. */
  readonly takenAt: number;
  readonly rows: Rows;
  /** The eight counters of a row. */
  readonly reading: (row: number) => number[];
}

/** The samples of this agent, as far back as a server wants them. Counters are kept as columns of numbers. */
export class History {
  readonly #samples: StoredSample[] = [];
  #rows: Rows | undefined;

  /** Samples with a higher sequence, oldest first. */
  since(sequence: number): readonly StoredSample[] {
    const first = this.#samples.findIndex((sample) => sample.sequence > sequence);
    return first < 0 ? [] : this.#samples.slice(first);
  }

  get newest(): StoredSample | undefined {
    return this.#samples.at(-1);
  }

  /** Adds a sample and drops those older than `historyMs` before it. */
  add(
    { sequence, takenAt }: { readonly sequence: number; readonly takenAt: number },
    readings: ReadonlyMap<string, readonly InterfaceReading[]>,
    historyMs: number,
  ): void {
    const names: SeriesName[] = [];
    const counters: number[] = [];
    for (const [uid, interfaces] of readings) {
      for (const { meta, counters: row } of interfaces) {
        names.push({ uid, name: meta.name, identity: meta.identity });
        counters.push(...row);
      }
    }
    const values = Float64Array.from(counters);
    this.#samples.push({ sequence, takenAt, rows: this.#rowsOf(names), reading: (row) => rowOfValues(values, row) });
    const kept = this.#samples.findIndex((sample) => sample.takenAt >= takenAt - historyMs);
    this.#samples.splice(0, kept);
  }

  #rowsOf(names: readonly SeriesName[]): Rows {
    const key = Rows.keyOf(names);
    if (this.#rows?.has(key) !== true) this.#rows = new Rows(names, key);
    return this.#rows;
  }
}

/** The eight counters of an interface in each of some samples; null where it was not read. */
export function readingsOf(series: SeriesName, samples: readonly StoredSample[]): (number[] | null)[] {
  let rows: Rows | undefined;
  let row: number | undefined;
  return samples.map((sample) => {
    if (sample.rows !== rows) {
      rows = sample.rows;
      row = rows.rowOf(series);
    }
    return row === undefined ? null : sample.reading(row);
  });
}

/** Three times as fast as a spread of the part, and a report has 100,000 of them. */
function rowOfValues(values: Float64Array, row: number): number[] {
  const reading: number[] = [];
  for (let i = row * WIDTH; i < (row + 1) * WIDTH; i++) reading.push(values[i] ?? 0);
  return reading;
}

function interfaceKey(uid: string, name: string): string {
  return `${uid} ${name}`;
}

function seriesKey({ uid, name, identity }: SeriesName): string {
  return `${uid} ${name} ${identity}`;
}
