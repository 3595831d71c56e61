import { INTERFACE_COUNTERS, REPORT_LIMITS, TRANSPORT_COUNTERS } from '../../openapi/report-terms.js';
import type { InterfaceReading } from '../collectors/collector.js';

const WIDTH = INTERFACE_COUNTERS.length;
const TRANSPORT_WIDTH = TRANSPORT_COUNTERS.length;
/** 524,288 readings of an interface, 64 bytes each, or two thirds as many of a pod's transport. In JSON about as much, which is what a server takes. */
const MAX_BYTES = 32 * 1024 * 1024;

/** What one interface was called in a sample. */
export interface SeriesName {
  readonly uid: string;
  readonly name: string;
  readonly identity: string;
}

export type InterfaceMeta = InterfaceReading['meta'];

/** What one sweep read of the pods, by uid. */
export interface PodReadings {
  readonly interfaces: ReadonlyMap<string, readonly InterfaceReading[]>;
  /** In the order of TRANSPORT_COUNTERS; NaN: not known. */
  readonly transport?: ReadonlyMap<string, readonly number[]>;
}

/** One interface of a pod in a sample. */
interface Series {
  readonly uid: string;
  readonly meta: InterfaceMeta;
}

/** Which rows a sample has; one object for all samples in a row that have the same. */
export class Rows {
  readonly #key: string;
  readonly #rowOf: ReadonlyMap<string, number>;
  /** Rows by pod and interface. */
  readonly #rowOfInterface: ReadonlyMap<string, number>;
  /** Rows by pod, counted from the first of them. */
  readonly #transportRowOf: ReadonlyMap<string, number>;
  /** As they were in the newest of the samples. */
  #series: readonly Series[] = [];

  constructor(series: readonly Series[], transport: readonly string[]) {
    this.#key = Rows.keyOf(series, transport);
    this.#rowOf = new Map(series.map(({ uid, meta }, row) => [seriesKey({ uid, ...meta }), row]));
    this.#rowOfInterface = new Map(series.map(({ uid, meta }, row) => [interfaceKey(uid, meta.name), row]));
    this.#transportRowOf = new Map(transport.map((uid, row) => [uid, row]));
    this.#series = series;
  }

  static keyOf(series: readonly Series[], transport: readonly string[]): string {
    return [...series.map(({ uid, meta }) => seriesKey({ uid, ...meta })), '', ...transport].join('\n');
  }

  /** Takes the present descriptions of the interfaces over. @returns whether it has these rows */
  takes(key: string, series: readonly Series[]): boolean {
    if (this.#key !== key) return false;
    this.#series = series;
    return true;
  }

  /** Whether any of these pods was read, or none at all. */
  isAbout(uids: ReadonlySet<string>): boolean {
    return this.#series.length === 0 || this.#series.some(({ uid }) => uids.has(uid));
  }

  rowOf(series: SeriesName): number | undefined {
    return this.#rowOf.get(seriesKey(series));
  }

  transportRowOf(uid: string): number | undefined {
    return this.#transportRowOf.get(uid);
  }

  /** What an interface was, where it was read. */
  metaOf(uid: string, name: string): InterfaceMeta | undefined {
    return this.#series[this.#rowOfInterface.get(interfaceKey(uid, name)) ?? -1]?.meta;
  }
}

/** One sweep: its time, and a row of counters for each interface that was read. */
export interface StoredSample {
  readonly sequence: number;
  /** Monotonic, milliseconds since boot. */
  readonly takenAt: number;
  readonly rows: Rows;
  /** The eight counters of an interface's row; null: not known. */
  readonly reading: (row: number) => (number | null)[];
  /** Those of a pod's row of transport counters. */
  readonly transport: (row: number) => (number | null)[];
}

interface Kept extends StoredSample {
  readonly bytes: number;
}

/**
 * The samples of this agent, as far back as a server wants them, but no more than a report takes and no more than 32 MiB. Counters
 * are kept as columns of numbers.
 */
export class History {
  readonly #samples: Kept[] = [];
  #bytes = 0;

  /** Samples with a higher sequence, oldest first. */
  since(sequence: number): readonly StoredSample[] {
    const first = this.#samples.findIndex((sample) => sample.sequence > sequence);
    return first < 0 ? [] : this.#samples.slice(first);
  }

  get newest(): StoredSample | undefined {
    return this.#samples.at(-1);
  }

  /** Adds a sample and drops those older than `historyMs` before it, and the oldest of what is too much. */
  add(
    { sequence, takenAt }: { readonly sequence: number; readonly takenAt: number },
    { interfaces, transport = new Map() }: PodReadings,
    historyMs: number,
  ): void {
    const series: Series[] = [];
    const counters: number[] = [];
    for (const [uid, readings] of interfaces) {
      for (const { meta, counters: row } of readings) {
        series.push({ uid, meta });
        counters.push(...row);
      }
    }
    const transportAt = counters.length;
    for (const row of transport.values()) counters.push(...row);
    const values = Float64Array.from(counters);
    this.#samples.push({
      ...{ sequence, takenAt, rows: this.#rowsOf(series, [...transport.keys()]), bytes: values.byteLength },
      reading: (row) => countersOf(values, row * WIDTH, WIDTH),
      transport: (row) => countersOf(values, transportAt + row * TRANSPORT_WIDTH, TRANSPORT_WIDTH),
    });
    this.#bytes += values.byteLength;
    const isTooOld = (sample: Kept): boolean => sample.takenAt < takenAt - historyMs;
    const isTooMuch = (): boolean => this.#samples.length > REPORT_LIMITS.samples || this.#bytes > MAX_BYTES;
    for (
      let [oldest] = this.#samples;
      oldest !== undefined && (isTooOld(oldest) || isTooMuch());
      [oldest] = this.#samples
    ) {
      if (this.#samples.length === 1) break; // the newest stays, whatever its size
      this.#bytes -= oldest.bytes;
      this.#samples.shift();
    }
  }

  /** Drops the samples that say nothing of these pods: those that were taken when another pod ended. */
  keepOnly(uids: ReadonlySet<string>): void {
    const kept = this.#samples.filter((sample, i) => i === this.#samples.length - 1 || sample.rows.isAbout(uids));
    this.#samples.splice(0, this.#samples.length, ...kept);
    this.#bytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #rowsOf(series: readonly Series[], transport: readonly string[]): Rows {
    const key = Rows.keyOf(series, transport);
    // between two samples of all pods there may be one of a pod that ended
    const recent = this.#samples.slice(-2).map(({ rows }) => rows);
    return recent.find((rows) => rows.takes(key, series)) ?? new Rows(series, transport);
  }
}

/** The eight counters of an interface in each of some samples; null where it was not read. */
export function readingsOf(series: SeriesName, samples: readonly StoredSample[]): ((number | null)[] | null)[] {
  return eachSample(
    samples,
    (rows) => rows.rowOf(series),
    (sample, row) => sample.reading(row),
  );
}

/** The transport counters of a pod in each of some samples; null where they were not read. */
export function transportOf(uid: string, samples: readonly StoredSample[]): ((number | null)[] | null)[] {
  return eachSample(
    samples,
    (rows) => rows.transportRowOf(uid),
    (sample, row) => sample.transport(row),
  );
}

/** The row is looked up once for all samples in a row that have the same rows. */
function eachSample<T>(
  samples: readonly StoredSample[],
  find: (rows: Rows) => number | undefined,
  read: (sample: StoredSample, row: number) => T,
): (T | null)[] {
  let rows: Rows | undefined;
  let row: number | undefined;
  return samples.map((sample) => {
    if (sample.rows !== rows) {
      rows = sample.rows;
      row = find(rows);
    }
    return row === undefined ? null : read(sample, row);
  });
}

/** Three times as fast as a spread of the part, and a report has 100,000 of them. */
function countersOf(values: Float64Array, start: number, width: number): (number | null)[] {
  const counters: (number | null)[] = [];
  for (let i = start; i < start + width; i++) {
    const value = values[i] ?? NaN;
    counters.push(Number.isNaN(value) ? null : value);
  }
  return counters;
}

function interfaceKey(uid: string, name: string): string {
  return `${uid} ${name}`;
}

function seriesKey({ uid, name, identity }: SeriesName): string {
  return `${uid} ${name} ${identity}`;
}
