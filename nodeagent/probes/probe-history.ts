import { PROBE_KINDS, REPORT_LIMITS, type ProbeKind } from '../../openapi/report-terms.js';
import type { ProbeReading, ProbeReadings } from './probe.js';

/** In JSON no more, which is what a server takes. */
const MAX_BYTES = 32 * 1024 * 1024;

/** What was counted of the targets at one time. */
export interface ProbeSample {
  readonly sequence: number;
  /** Monotonic, milliseconds since boot. */
  readonly takenAt: number;
  /** In the order of PROBE_COLUMNS; undefined: there was no such target. */
  readonly row: (kind: ProbeKind, key: string) => readonly number[] | undefined;
}

/** The rows of a kind. */
interface Block {
  readonly keys: readonly string[];
  /** One object for all samples in a row that have the same keys. */
  readonly rowOf: ReadonlyMap<string, number>;
  readonly values: Float64Array;
}

interface Kept extends ProbeSample {
  readonly bytes: number;
  readonly blocks: Readonly<Record<ProbeKind, Block>>;
}

/** The samples of this agent, as far back as a server wants them, but no more than a report takes and no more than 32 MiB. */
export class ProbeHistory {
  readonly #samples: Kept[] = [];
  #bytes = 0;

  /** Samples with a higher sequence, oldest first. */
  since(sequence: number): readonly ProbeSample[] {
    const first = this.#samples.findIndex((sample) => sample.sequence > sequence);
    return first < 0 ? [] : this.#samples.slice(first);
  }

  /** Adds a sample and drops those older than `keepMs` before it, and the oldest of what is too much. */
  add(
    { sequence, takenAt }: { readonly sequence: number; readonly takenAt: number },
    readings: ProbeReadings,
    keepMs: number,
  ): void {
    const before = this.#samples.at(-1)?.blocks;
    const blocks = {
      dial: blockOf(readings.dial, before?.dial),
      dns: blockOf(readings.dns, before?.dns),
      ntp: blockOf(readings.ntp, before?.ntp),
    };
    const bytes = PROBE_KINDS.reduce((sum, kind) => sum + blocks[kind].values.byteLength, 0);
    this.#samples.push({ sequence, takenAt, blocks, bytes, row: (kind, key) => rowIn(blocks[kind], key) });
    this.#bytes += bytes;
    this.#dropOldest(takenAt - keepMs);
  }

  #dropOldest(sinceMs: number): void {
    let [oldest] = this.#samples;
    // the newest stays, whatever its size
    while (oldest !== undefined && this.#samples.length > 1) {
      const isTooMuch = this.#samples.length > REPORT_LIMITS.samples || this.#bytes > MAX_BYTES;
      if (oldest.takenAt >= sinceMs && !isTooMuch) return;
      this.#bytes -= oldest.bytes;
      this.#samples.shift();
      [oldest] = this.#samples;
    }
  }
}

function blockOf(readings: readonly ProbeReading[], before: Block | undefined): Block {
  const values = Float64Array.from(readings.flatMap(({ row }) => row));
  if (before?.keys.length === readings.length && readings.every(({ key }, row) => key === before.keys[row]))
    return { ...before, values };
  const keys = readings.map(({ key }) => key);
  return { keys, rowOf: new Map(keys.map((key, row) => [key, row])), values };
}

function rowIn({ keys, rowOf, values }: Block, key: string): readonly number[] | undefined {
  const row = rowOf.get(key);
  const width = values.length / keys.length;
  return row === undefined ? undefined : [...values.subarray(row * width, (row + 1) * width)];
}
