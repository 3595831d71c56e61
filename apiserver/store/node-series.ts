import type { Sample } from '../../openapi/node-report.js';
import { ClockOffset } from './clock-offset.js';
import { moveAll, moved, type CounterSeries, type Run } from './counter-series.js';
import { NodeIpam } from './ipam/node-ipam.js';
import { NodeDevices } from './node-devices.js';
import { NodeProbes, readingsOfProbes, widthOfProbes } from './node-probes.js';
import { PodSeries, widthOf } from './pod-series.js';
import type { Readings } from './rate.js';
import type { AcceptedReport } from './report.js';
import { isSame } from './same.js';

const LEAST_ROWS = 4;
/** Taken at once where the history needs as many; from there on twice as many each time. */
const FIRST_ROWS = 32;
const GROWTH = 2;
/** Rows beyond those of a history that is full: so many samples go by before rows are moved again, and each row costs memory for good. */
const SPARE_ROWS = 2;
const SPARE_SHARE = 1 / 16;
/** Numbers in the rows of all series of a node, 8 bytes each: a node with many interfaces has less history, and none can fill the memory. */
const MAX_NUMBERS = 9_000_000;

/** Pods that came and went with a report. */
export interface PodChanges {
  readonly added: readonly PodSeries[];
  readonly removed: readonly PodSeries[];
}

/**
 * What one agent reported: its pods, its probes, and the history of their counters on the node's own clock. Rows of all series share
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
  readonly devices = new NodeDevices();
  readonly probes = new NodeProbes();
  readonly ipam = new NodeIpam();
  /** Pods of the newest report that had to be left out of it, as uids and as `namespace/name`. */
  leftOut: ReadonlySet<string> = new Set();
  /** The server's monotonic clock when the newest report came. */
  receivedAtMs: number;
  readonly #offset = new ClockOffset();
  readonly pods = new Map<string, PodSeries>();
  #newestMs = -Infinity;
  #takenAtMs = new Float64Array(0);
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
    this.#historyMs = historyMs;
  }

  /** Server's clock less node's clock, milliseconds. */
  get offsetMs(): number {
    return this.#offset.ms;
  }

  /** Time of the newest sample on the node's clock, whatever was read in it; -Infinity without one. */
  get newestMs(): number {
    return this.#newestMs;
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
    this.devices.add(report.devices, report.sentAt);
    this.agentVersion = report.agentVersion;
    this.receivedAtMs = receivedAtMs;
    this.#offset.measure(receivedAtMs, report.sentAt);
    this.probes.retain(report.probes);
    const rows = this.#appendSamples(report, afterSequence);
    const { startedAt } = report.instance;
    this.probes.add(report.probes, { rows, capacity: this.#takenAtMs.length }, startedAt);
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
      series.add(pod, { rows, capacity: this.#takenAtMs.length });
    }
    for (const [uid, pod] of this.pods) {
      const isLeftOut = report.leftOut.has(uid) || report.leftOut.has(`${pod.meta.namespace}/${pod.meta.name}`);
      if (listed.has(uid) || isLeftOut) continue;
      removed.push(pod);
      this.pods.delete(uid);
    }
    if (added.length * 2 > this.pods.size) this.#pack();
    return { added, removed };
  }

  /** Forgets all counters, as after a step of the node's clock; the pods stay. */
  forgetHistory(): void {
    this.ipam.forget();
    this.#offset.forget();
    this.#length = 0;
    this.#newestMs = -Infinity;
    for (const series of this.#everySeries()) series.forget();
  }

  readings({ values, width }: CounterSeries): Readings {
    return { takenAtMs: this.#takenAtMs, values, width, length: this.#length };
  }

  /** Age of a row at a time of the server's monotonic clock. */
  ageMs(row: number, nowMs: number): number {
    return nowMs - ((this.#takenAtMs[row] ?? NaN) + this.offsetMs);
  }

  /** A sample older than this says nothing of the present: three intervals, but no less than 15 s. */
  get staleAfterMs(): number {
    return Math.max(3 * this.intervalMs, 15_000);
  }

  /** Whether its agent is there. Of its pods that says nothing: a sample may be of some of them alone. */
  isFresh(nowMs: number): boolean {
    return nowMs - (this.#newestMs + this.offsetMs) <= this.staleAfterMs;
  }

  /** Gives each sample a row, -1 for one that is already known, passed over or too old, and for one without a reading. */
  #appendSamples(report: AcceptedReport, afterSequence: number): number[] {
    const { samples } = report;
    const newestMs = Math.max(this.#newestMs, samples.at(-1)?.takenAt ?? -Infinity);
    // Two more than the history: a rate needs two samples even where one interval is as long as the history.
    const oldestMs = newestMs - (this.#historyMs + 2 * this.intervalMs);
    const maxRows = Math.max(LEAST_ROWS, Math.floor(MAX_NUMBERS / Math.max(1, widthOfSample(report))));
    const unread = unreadSamples(report);
    const isWanted = ({ takenAt, sequence }: Sample, i: number): boolean =>
      takenAt > this.#newestMs && takenAt >= oldestMs && sequence > afterSequence && !unread.has(i);
    const wanted = new Set(samples.filter(isWanted).slice(-maxRows));
    this.#newestMs = newestMs;
    this.#makeRoom(wanted.size, oldestMs, maxRows);
    return samples.map((sample) => {
      if (!wanted.has(sample)) return -1;
      this.#takenAtMs[this.#length] = sample.takenAt;
      return this.#length++;
    });
  }

  /**
   * Drops rows of no use when there is no room left, then the oldest of too many, and grows when that frees too little: in few
   * steps, for each one leaves memory to V8, which collects everything for 64 MB of that.
   */
  #makeRoom(rows: number, oldestMs: number, maxRows: number): void {
    const capacity = this.#takenAtMs.length;
    // New series get the room of the others: of many there is less than few may have grown to.
    const isFitting = capacity <= 2 * maxRows;
    if (isFitting && this.#length + rows <= Math.min(capacity, maxRows)) return;
    const used = this.#usedRows(oldestMs);
    const kept = used.slice(Math.max(0, used.length + rows - maxRows));
    const filled = kept.length + rows;
    const ofHistory = Math.ceil(this.#historyMs / this.intervalMs) + 2;
    const spared = filled + Math.max(SPARE_ROWS, Math.ceil(filled * SPARE_SHARE));
    const grownTo = Math.max(FIRST_ROWS, Math.ceil(filled * GROWTH));
    const needed = Math.max(LEAST_ROWS, Math.min(maxRows, grownTo, Math.max(ofHistory, spared)));
    const grown = needed > capacity || needed * 2 < capacity ? needed : capacity;
    const move = { kept: runsOf(kept), capacity: grown };
    this.#takenAtMs = moved(this.#takenAtMs, 1, move);
    moveAll([...this.#everySeries()], move);
    this.#length = kept.length;
  }

  /** Of few new series the rows stand by themselves until room is made, those of many do not. */
  #pack(): void {
    moveAll([...this.#everySeries()], { kept: [{ from: 0, to: this.#length }], capacity: this.#takenAtMs.length });
  }

  /**
   * Rows that are not too old and that something was read at that is still there. The others are of pods that are gone: an agent
   * sends the last reading of each in a sample of its own.
   */
  #usedRows(oldestMs: number): number[] {
    const young = [...this.#takenAtMs.subarray(0, this.#length).keys()].filter(
      (row) => (this.#takenAtMs[row] ?? NaN) >= oldestMs,
    );
    const unused = new Set(young);
    for (const series of this.#everySeries()) {
      if (unused.size === 0) break;
      for (const row of unused) if (series.isReadAt(row)) unused.delete(row);
    }
    return young.filter((row) => !unused.has(row));
  }

  *#everySeries(): Iterable<CounterSeries> {
    for (const pod of this.pods.values()) yield* pod.everySeries();
    yield* this.probes.everySeries();
  }
}

/** Numbers that one sample of a report takes. */
function widthOfSample({ pods, probes }: AcceptedReport): number {
  return pods.reduce((sum, pod) => sum + widthOf(pod), widthOfProbes(probes));
}

/** Positions of the samples in which nothing was read of any pod that is still there, nor of any probe. */
function unreadSamples(report: AcceptedReport): Set<number> {
  const unread = new Set(report.samples.keys());
  for (const readings of allReadings(report)) {
    if (unread.size === 0) break;
    for (const i of unread) if ((readings[i] ?? null) !== null) unread.delete(i);
  }
  return unread;
}

function* allReadings({ pods, probes }: AcceptedReport): Generator<readonly unknown[]> {
  for (const { interfaces, transport } of pods) {
    for (const { readings } of interfaces) yield readings;
    if (transport !== undefined) yield transport;
  }
  yield* readingsOfProbes(probes);
}

function runsOf(rows: readonly number[]): Run[] {
  const runs: { from: number; to: number }[] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    if (last?.to === row) last.to++;
    else runs.push({ from: row, to: row + 1 });
  }
  return runs;
}
