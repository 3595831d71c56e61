import type { InterfaceReport, Sample } from '../../openapi/node-report.js';
import type { InterfaceView, NodeView, PodView } from '../../metrics/node-families.js';
import { INTERFACE_COUNTERS } from '../../openapi/node-report.js';
import type { AcceptedPod, AcceptedReport, InterfaceMeta, PodMeta } from './report.js';
import { EPOCH, ROW, newestReading, type Readings } from './rate.js';

const INITIAL_CAPACITY = 4;
const GROWTH = 1.25;

/** History of one interface. The times of its rows are the node's. */
export class InterfaceSeries {
  values: Float64Array<ArrayBuffer>;
  meta: InterfaceMeta;
  /** The last identity that was known: an unknown one proves nothing. */
  #identity: string;
  #epoch = 0;

  constructor(report: InterfaceReport, capacity: number) {
    this.meta = interfaceMeta(report);
    this.#identity = report.identity;
    this.values = new Float64Array(capacity * ROW).fill(NaN);
  }

  get name(): string {
    return this.meta.name;
  }

  get lowerDevices(): readonly string[] {
    return this.meta.lowerDevices ?? [];
  }

  /** Takes over what a report says of this interface; a known identity that differs from the last one starts an epoch. */
  describe(report: InterfaceReport): void {
    if (!isSame(this.meta, report, 'readings')) this.meta = interfaceMeta(report);
    if (report.identity === '') return;
    if (this.#identity !== '' && this.#identity !== report.identity) this.#epoch++;
    this.#identity = report.identity;
  }

  write(row: number, reading: InterfaceReport['readings'][number]): void {
    if (reading === null) return;
    for (let column = 0; column < EPOCH; column++) this.values[row * ROW + column] = reading[column] ?? NaN;
    this.values[row * ROW + EPOCH] = this.#epoch;
  }
}

/** One pod on one node. */
export class PodSeries {
  readonly interfaces = new Map<string, InterfaceSeries>();

  constructor(
    readonly node: NodeSeries,
    public meta: PodMeta,
  ) {}
}

/**
 * What one agent reported: its pods, and the history of their counters on the node's own clock. Rows of all series share
 * one list of times; a row that a series was not read at is NaN.
 */
export class NodeSeries {
  readonly node: string;
  readonly role: AcceptedReport['role'];
  readonly bootId: string;
  instance: AcceptedReport['instance'];
  lastSequence = 0;
  intervalMs: number;
  /** The server's monotonic clock when the newest report came. */
  receivedAtMs: number;
  /** Server's clock less node's clock, by the newest report. */
  offsetMs: number;
  readonly pods = new Map<string, PodSeries>();
  #takenAtMs = new Float64Array(INITIAL_CAPACITY);
  #length = 0;
  readonly #historyMs: number;

  constructor(report: AcceptedReport, receivedAtMs: number, historyMs: number) {
    this.node = report.node;
    this.role = report.role;
    this.bootId = report.bootId;
    this.instance = report.instance;
    this.intervalMs = report.intervalMs;
    this.receivedAtMs = receivedAtMs;
    this.offsetMs = receivedAtMs - report.sentAt;
    this.#historyMs = historyMs;
  }

  /** Time of the newest sample on the node's clock; -Infinity without one. */
  get newestMs(): number {
    return this.#length === 0 ? -Infinity : (this.#takenAtMs[this.#length - 1] ?? NaN);
  }

  /** Adds what is new in a report, and forgets the pods it no longer lists. */
  add(report: AcceptedReport, receivedAtMs: number): { readonly added: PodSeries[]; readonly removed: PodSeries[] } {
    this.instance = report.instance;
    this.lastSequence = Math.max(this.lastSequence, report.sequence);
    this.intervalMs = report.intervalMs;
    this.receivedAtMs = receivedAtMs;
    this.offsetMs = receivedAtMs - report.sentAt;
    const rows = this.#appendSamples(report.samples);
    const added: PodSeries[] = [];
    const listed = new Set<string>();
    const removed: PodSeries[] = [];
    for (const pod of report.pods) {
      const { meta } = pod;
      listed.add(meta.uid);
      let series = this.pods.get(meta.uid);
      if (series !== undefined && (series.meta.namespace !== meta.namespace || series.meta.name !== meta.name)) {
        removed.push(series); // not the pod it was
        series = undefined;
      }
      if (series === undefined) {
        series = new PodSeries(this, meta);
        this.pods.set(meta.uid, series);
        added.push(series);
      } else if (!isSame(series.meta, meta)) {
        series.meta = meta;
      }
      this.#addInterfaces(series, pod, rows);
    }
    for (const [uid, pod] of this.pods) {
      if (listed.has(uid)) continue;
      removed.push(pod);
      this.pods.delete(uid);
    }
    return { added, removed };
  }

  /** Forgets all counters, as after a step of the node's clock; the pods stay. */
  forgetHistory(): void {
    this.#length = 0;
    this.lastSequence = 0;
    for (const series of this.#everyInterface()) series.values.fill(NaN);
  }

  readings(series: InterfaceSeries): Readings {
    return { takenAtMs: this.#takenAtMs, values: series.values, length: this.#length };
  }

  /** Age of a row at a time of the server's monotonic clock. */
  ageMs(row: number, nowMs: number): number {
    return nowMs - ((this.#takenAtMs[row] ?? NaN) + this.offsetMs);
  }

  /** A sample older than this says nothing of the present: three intervals, but no less than 15 s. */
  get staleAfterMs(): number {
    return Math.max(3 * this.intervalMs, 15_000);
  }

  isFresh(nowMs: number): boolean {
    return this.#length > 0 && this.ageMs(this.#length - 1, nowMs) <= this.staleAfterMs;
  }

  /** The newest fresh reading of every interface, in a stable order; of two pods with one name only the newer. */
  view(nowMs: number, include: (namespace: string) => boolean = () => true): NodeView {
    const newest = new Map<string, PodSeries>();
    for (const pod of this.pods.values()) {
      if (!include(pod.meta.namespace)) continue;
      const key = `${pod.meta.namespace}/${pod.meta.name}`;
      const other = newest.get(key);
      if (other === undefined || replacesPod(pod, other, nowMs)) newest.set(key, pod);
    }
    const ordered = [...newest].sort(([a], [b]) => (a < b ? -1 : 1));
    return { node: this.node, pods: ordered.map(([, pod]) => this.#podView(pod, nowMs)) };
  }

  #podView({ meta, interfaces }: PodSeries, nowMs: number): PodView {
    const ordered = [...interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return { ...meta, interfaces: ordered.map((series) => this.#interfaceView(series, nowMs)) };
  }

  #interfaceView(series: InterfaceSeries, nowMs: number): InterfaceView {
    const readings = this.readings(series);
    const row = newestReading(readings, EPOCH);
    const fresh = row >= 0 && this.ageMs(row, nowMs) <= this.staleAfterMs;
    return {
      ...series.meta,
      counters: fresh ? series.values.subarray(row * ROW, row * ROW + INTERFACE_COUNTERS.length) : [],
    };
  }

  #addInterfaces(pod: PodSeries, report: AcceptedPod, rows: readonly number[]): void {
    const listed = new Set<string>();
    for (const meta of report.interfaces) {
      listed.add(meta.name);
      let series = pod.interfaces.get(meta.name);
      if (series === undefined) {
        series = new InterfaceSeries(meta, this.#takenAtMs.length);
        pod.interfaces.set(meta.name, series);
      }
      series.describe(meta);
      for (const [i, row] of rows.entries()) {
        if (row >= 0) series.write(row, meta.readings[i] ?? null);
      }
    }
    for (const name of pod.interfaces.keys()) {
      if (!listed.has(name)) pod.interfaces.delete(name);
    }
  }

  /** Gives each sample a row, -1 for one that is already known or too old. */
  #appendSamples(samples: readonly Sample[]): number[] {
    const oldestMs = Math.max(this.newestMs, ...samples.map((sample) => sample.takenAt)) - this.#historyMs;
    const wanted = samples.filter(({ takenAt }) => takenAt > this.newestMs && takenAt >= oldestMs);
    this.#makeRoom(wanted.length, oldestMs);
    return samples.map(({ takenAt }) => {
      if (takenAt <= this.newestMs || takenAt < oldestMs) return -1;
      this.#takenAtMs[this.#length] = takenAt;
      return this.#length++;
    });
  }

  /** Drops rows older than the history when there is no room left, and grows when that frees too little. */
  #makeRoom(rows: number, oldestMs: number): void {
    const capacity = this.#takenAtMs.length;
    if (this.#length + rows <= capacity) return;
    const found = this.#takenAtMs.subarray(0, this.#length).findIndex((takenAt) => takenAt >= oldestMs);
    const dropped = found < 0 ? this.#length : found;
    const kept = this.#length - dropped;
    const needed = Math.ceil((kept + rows) * GROWTH);
    const grown = needed > capacity || needed * 2 < capacity ? Math.max(needed, INITIAL_CAPACITY) : capacity;
    this.#takenAtMs = moved(this.#takenAtMs, { dropped, kept, capacity: grown, width: 1 });
    for (const series of this.#everyInterface()) {
      series.values = moved(series.values, { dropped, kept, capacity: grown, width: ROW });
    }
    this.#length = kept;
  }

  *#everyInterface(): Iterable<InterfaceSeries> {
    for (const pod of this.pods.values()) yield* pod.interfaces.values();
  }
}

/**
 * Of two pods with one name, whether the later known one is to be shown: it was created later, or in the same second (which is
 * as fine as Kubernetes tells) under another uid. Under the same uid it is a second node that claims the first one's pod: it gets it
 * when the first has fallen silent.
 */
export function replacesPod(later: PodSeries, earlier: PodSeries, nowMs: number): boolean {
  if (later.meta.createdMs !== earlier.meta.createdMs) return later.meta.createdMs > earlier.meta.createdMs;
  return later.meta.uid !== earlier.meta.uid || (!earlier.node.isFresh(nowMs) && later.node.isFresh(nowMs));
}

function interfaceMeta({ readings: _, ...meta }: InterfaceReport): InterfaceMeta {
  return meta;
}

/** Whether two plain values say the same, so that the one already held need not be replaced. `except` is left out of account. */
function isSame(held: unknown, said: unknown, except?: string): boolean {
  if (Object.is(held, said)) return true;
  if (typeof held !== 'object' || typeof said !== 'object' || held === null || said === null) return false;
  const before = Object.entries(held);
  const after = Object.entries(said).filter(([key]) => key !== except);
  return (
    before.length === after.length &&
    after.every(([key, value]) => isSame((held as Record<string, unknown>)[key], value))
  );
}

interface Move {
  readonly dropped: number;
  readonly kept: number;
  readonly capacity: number;
  readonly width: number;
}

/** The kept rows at the front of an array of `capacity` rows, NaN behind them; the same array where it has that size. */
function moved(array: Float64Array<ArrayBuffer>, { dropped, kept, capacity, width }: Move): Float64Array<ArrayBuffer> {
  const rows = array.subarray(dropped * width, (dropped + kept) * width);
  const target = array.length === capacity * width ? array : new Float64Array(capacity * width);
  target.set(rows, 0);
  return target.fill(NaN, kept * width);
}
