import type { ApiPod } from '../pods/pod-list.js';
import type { InterfaceReport, Sample } from '../../openapi/node-report.js';
import { InterfaceSeries } from './interface-series.js';
import { ROW, type Readings } from './rate.js';
import type { AcceptedPod, AcceptedReport, PodMeta, VirtualFunctionMeta } from './report.js';
import { isSame } from './same.js';

const INITIAL_CAPACITY = 4;
const GROWTH = 1.25;
/** Rows of all interfaces of a node, 72 bytes each: a node with many interfaces has less history, and none can fill the memory. */
const MAX_ROWS = 1_000_000;

/** One pod on one node. */
export class PodSeries {
  readonly interfaces = new Map<string, InterfaceSeries>();
  /** Whether its agent could ever tell what interfaces it has. */
  isRead = false;

  #described: { readonly meta: PodMeta; readonly listed: ApiPod; readonly result: PodMeta } | undefined;

  constructor(
    readonly node: NodeSeries,
    public meta: PodMeta,
  ) {}

  /** What is said of the pod with the word of the API server, which wins. The same object for as long as both say the same. */
  describedBy(listed: ApiPod | undefined): PodMeta {
    if (listed?.uid !== this.meta.uid) return this.meta;
    if (this.#described?.meta !== this.meta || this.#described.listed !== listed) {
      const { labels, workload } = listed;
      const { workload: _reported, ...meta } = this.meta;
      const result = { ...meta, labels, ...(workload !== undefined && { workload }) };
      this.#described = { meta: this.meta, listed, result };
    }
    return this.#described.result;
  }
}

/** Pods that came and went with a report. */
export interface PodChanges {
  readonly added: readonly PodSeries[];
  readonly removed: readonly PodSeries[];
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
  /** Of the newest sample of this instance that is held; 0: none. */
  lastSequence = 0;
  intervalMs: number;
  agentVersion: string;
  virtualFunctions: readonly VirtualFunctionMeta[] = [];
  /** Pods of the newest report that had to be left out of it, as uids and as `namespace/name`. */
  leftOut: ReadonlySet<string> = new Set();
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
    this.agentVersion = report.agentVersion;
    this.receivedAtMs = receivedAtMs;
    this.offsetMs = receivedAtMs - report.sentAt;
    this.#historyMs = historyMs;
  }

  /** Time of the newest sample on the node's clock; -Infinity without one. */
  get newestMs(): number {
    return this.#length === 0 ? -Infinity : (this.#takenAtMs[this.#length - 1] ?? NaN);
  }

  /**
   * Adds what is new in a report, and forgets the pods that it no longer lists.
   * @param afterSequence samples up to here are passed over
   */
  add(report: AcceptedReport, receivedAtMs: number, afterSequence = 0): PodChanges {
    this.instance = report.instance;
    this.lastSequence = Math.max(this.lastSequence, report.samples.at(-1)?.sequence ?? 0);
    this.leftOut = report.leftOut;
    this.intervalMs = report.intervalMs;
    if (!isSame(this.virtualFunctions, report.virtualFunctions)) this.virtualFunctions = report.virtualFunctions;
    this.agentVersion = report.agentVersion;
    this.receivedAtMs = receivedAtMs;
    this.offsetMs = receivedAtMs - report.sentAt;
    const interfaces = report.pods.reduce((sum, pod) => sum + pod.interfaces.length, 0);
    const rows = this.#appendSamples(report.samples, { afterSequence, interfaces });
    const added: PodSeries[] = [];
    const removed: PodSeries[] = [];
    const listed = new Set<string>();
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
      const isLeftOut = report.leftOut.has(uid) || report.leftOut.has(`${pod.meta.namespace}/${pod.meta.name}`);
      if (listed.has(uid) || isLeftOut) continue;
      removed.push(pod);
      this.pods.delete(uid);
    }
    return { added, removed };
  }

  /** Forgets all counters, as after a step of the node's clock; the pods stay. */
  forgetHistory(): void {
    this.#length = 0;
    for (const series of this.#everyInterface()) series.forget();
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

  #addInterfaces(pod: PodSeries, { interfaces, leftOut, isRead }: AcceptedPod, rows: readonly number[]): void {
    if (!isRead) return;
    pod.isRead = true;
    const byName = groupByName(interfaces);
    for (const [name, reports] of byName) {
      const [first] = reports;
      let series = pod.interfaces.get(name);
      const last = reports.at(-1) ?? first;
      // Put on another network it is another interface: what it carried before is not that network's.
      const isElsewhere = series?.isElsewhere(last) === true;
      if (series === undefined || isElsewhere) {
        series = new InterfaceSeries(last, this.#takenAtMs.length);
        pod.interfaces.set(name, series);
      }
      series.describe(last);
      for (const [i, row] of rows.entries()) {
        if (row < 0) continue;
        for (const { identity, readings } of isElsewhere ? [last] : reports) {
          const reading = readings[i] ?? null;
          if (reading !== null) series.write(row, identity, reading);
        }
      }
    }
    for (const name of pod.interfaces.keys()) {
      if (!byName.has(name) && !leftOut.has(name)) pod.interfaces.delete(name);
    }
  }

  /** Gives each sample a row, -1 for one that is already known, passed over or too old. */
  #appendSamples(
    samples: readonly Sample[],
    { afterSequence, interfaces }: { readonly afterSequence: number; readonly interfaces: number },
  ): number[] {
    // Two more than the history: a rate needs two samples even where one interval is as long as the history.
    const keptMs = this.#historyMs + 2 * this.intervalMs;
    const oldestMs = Math.max(this.newestMs, samples.at(-1)?.takenAt ?? -Infinity) - keptMs;
    const maxRows = Math.max(INITIAL_CAPACITY, Math.floor(MAX_ROWS / Math.max(1, interfaces)));
    const isWanted = ({ takenAt, sequence }: Sample): boolean =>
      takenAt > this.newestMs && takenAt >= oldestMs && sequence > afterSequence;
    const wanted = new Set(samples.filter(isWanted).slice(-maxRows));
    this.#makeRoom(wanted.size, oldestMs, maxRows);
    return samples.map((sample) => {
      if (!wanted.has(sample)) return -1;
      this.#takenAtMs[this.#length] = sample.takenAt;
      return this.#length++;
    });
  }

  /** Drops rows that are too old when there is no room left, and grows when that frees too little. */
  #makeRoom(rows: number, oldestMs: number, maxRows: number): void {
    const capacity = this.#takenAtMs.length;
    if (this.#length + rows <= Math.min(capacity, maxRows)) return;
    const found = this.#takenAtMs.subarray(0, this.#length).findIndex((takenAt) => takenAt >= oldestMs);
    const dropped = Math.max(found < 0 ? this.#length : found, this.#length + rows - maxRows);
    const kept = this.#length - dropped;
    const needed = Math.min(maxRows, Math.ceil((kept + rows) * GROWTH));
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

function groupByName(interfaces: readonly InterfaceReport[]): Map<string, [InterfaceReport, ...InterfaceReport[]]> {
  const groups = new Map<string, [InterfaceReport, ...InterfaceReport[]]>();
  for (const one of interfaces) {
    const group = groups.get(one.name);
    if (group === undefined) groups.set(one.name, [one]);
    else group.push(one);
  }
  return groups;
}

/**
 * Of two pods with one name, whether the later known one is to be shown: it was created later, or in the same second (which is
 * as fine as Kubernetes tells) under another uid. Under the same uid it is a second node that claims the first one's pod: whatever it
 * says of its age, it gets it only when the first has fallen silent.
 */
export function replacesPod(later: PodSeries, earlier: PodSeries, nowMs: number): boolean {
  if (later.meta.uid === earlier.meta.uid) return !earlier.node.isFresh(nowMs) && later.node.isFresh(nowMs);
  return later.meta.createdMs >= earlier.meta.createdMs;
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
