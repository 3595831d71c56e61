import { INTERFACE_COUNTERS } from '../../openapi/node-report.js';
import type { InterfaceReading } from '../collectors/collector.js';

const WIDTH = INTERFACE_COUNTERS.length;

/** What one interface was called in a sample. */
export interface SeriesName {
  readonly uid: string;
  readonly name: string;
  readonly identity: string;
}

/** Which rows a sample has; shared by samples that have the same. */
interface Rows {
  readonly key: string;
  readonly rowOf: ReadonlyMap<string, number>;
  /** Identities by pod and interface. */
  readonly identityOf: ReadonlyMap<string, string>;
}

/** One sweep: its time, and a row of counters for each interface that was read. */
export interface StoredSample {
  readonly sequence: number;
  /** Monotonic, milliseconds since boot. */
  readonly takenAt: number;
  /** The eight counters; null where the interface was not read. */
  reading(series: SeriesName): number[] | null;
  identityOf(uid: string, name: string): string | undefined;
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
    const rows = this.#rowsOf(names);
    this.#samples.push(createSample(sequence, takenAt, { rows, values: Float64Array.from(counters) }));
    const kept = this.#samples.findIndex((sample) => sample.takenAt >= takenAt - historyMs);
    this.#samples.splice(0, kept);
  }

  #rowsOf(names: readonly SeriesName[]): Rows {
    const keys = names.map(seriesKey);
    const key = keys.join('\n');
    if (this.#rows?.key !== key) {
      this.#rows = {
        key,
        rowOf: new Map(keys.map((one, row) => [one, row])),
        identityOf: new Map(names.map(({ uid, name, identity }) => [interfaceKey(uid, name), identity])),
      };
    }
    return this.#rows;
  }
}

function createSample(
  sequence: number,
  takenAt: number,
  { rows, values }: { readonly rows: Rows; readonly values: Float64Array },
): StoredSample {
  return {
    sequence,
    takenAt,
    reading(series) {
      const row = rows.rowOf.get(seriesKey(series));
      return row === undefined ? null : [...values.subarray(row * WIDTH, (row + 1) * WIDTH)];
    },
    identityOf: (uid, name) => rows.identityOf.get(interfaceKey(uid, name)),
  };
}

function interfaceKey(uid: string, name: string): string {
  return `${uid} ${name}`;
}

function seriesKey({ uid, name, identity }: SeriesName): string {
  return `${uid} ${name} ${identity}`;
}
