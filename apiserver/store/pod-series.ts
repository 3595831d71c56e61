import type { Network } from '../../metrics/network.js';
import { isStacked, networksBelow } from '../../metrics/stacking.js';
import type { InterfaceReport } from '../../openapi/node-report.js';
import { INTERFACE_COUNTERS, type SkipReason } from '../../openapi/report-terms.js';
import type { ApiPod } from '../pods/pod-list.js';
import type { CounterSeries } from './counter-series.js';
import { InterfaceSeries } from './interface-series.js';
import type { NodeSeries } from './node-series.js';
import { newestRow } from './rate.js';
import type { AcceptedPod, PodMeta } from './report.js';
import { TransportSeries } from './transport-series.js';
import { without } from './without.js';

/** Where the samples of a report go. */
export interface Rows {
  /** For each sample its row; -1: nowhere. */
  readonly rows: readonly number[];
  /** Rows that a new series has room for. */
  readonly capacity: number;
}

/** One pod on one node. */
export class PodSeries {
  readonly interfaces = new Map<string, InterfaceSeries>();
  /** Undefined where its agent never read it: then it costs nothing. */
  transport: TransportSeries | undefined;
  /** Whether its agent could ever tell what interfaces it has. */
  isRead = false;
  /** Why it could not by its last report, as far as it said. */
  skipped: SkipReason | undefined;

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
      const result = Object.assign(
        without(this.meta, 'workload'),
        { labels },
        workload === undefined ? {} : { workload },
      );
      this.#described = { meta: this.meta, listed, result };
    }
    return this.#described.result;
  }

  /** Takes over what is new in a report. */
  add(pod: AcceptedPod, rows: Rows): void {
    const { interfaces, leftOut, isRead, transport = [] } = pod;
    this.skipped = pod.skipped;
    if (isRead) this.#addInterfaces(interfaces, leftOut, rows);
    this.#addTransport(transport, rows);
    if (this.transport !== undefined && this.#isPast(pod, this.transport)) this.transport = undefined;
  }

  /** Networks of those of its interfaces that one is stacked on. */
  networksBelow({ meta }: InterfaceSeries): readonly Network[] {
    return networksBelow(meta, (name) => this.interfaces.get(name)?.meta);
  }

  /** Whether it was read and has no interface: it has none yet, or its containers have ended. */
  get isWithoutNetwork(): boolean {
    return this.isRead && this.meta.complete && this.interfaces.size === 0;
  }

  /** Everything of it that has a history. */
  *everySeries(): Iterable<CounterSeries> {
    yield* this.interfaces.values();
    if (this.transport !== undefined) yield this.transport;
  }

  #addInterfaces(interfaces: readonly InterfaceReport[], leftOut: ReadonlySet<string>, rows: Rows): void {
    this.isRead = true;
    const names = new Set<string>();
    for (const { name } of interfaces) names.add(name);
    if (names.size === interfaces.length) for (const report of interfaces) this.#addInterface(report, undefined, rows);
    else for (const reports of groupByName(interfaces)) this.#addInterface(reports.at(-1) ?? reports[0], reports, rows);
    if (this.interfaces.size === names.size) return;
    for (const [name, { meta }] of this.interfaces) {
      // One that is stacked is not kept beside others than it was judged with: together they could be stacked more than a report may say.
      const isKept = names.has(name) || (leftOut.has(name) && !isStacked(meta));
      if (!isKept) this.interfaces.delete(name);
    }
  }

  /** @param all of its name, the earlier first, where the last is not the only one */
  #addInterface(last: InterfaceReport, all: readonly InterfaceReport[] | undefined, { rows, capacity }: Rows): void {
    let series = this.interfaces.get(last.name);
    // Put on another network it is another interface: what it carried before is not that network's.
    const isElsewhere = series?.isElsewhere(last) === true;
    if (series === undefined || isElsewhere) {
      series = new InterfaceSeries(last, capacity);
      this.interfaces.set(last.name, series);
    }
    series.describe(last);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] ?? -1;
      if (row < 0) continue;
      if (all === undefined || isElsewhere) series.read(row, last, i);
      else for (const report of all) series.read(row, report, i);
    }
  }

  /**
   * Whether its transport counters are of no use: too old to be held, or of a pod that has ended. A sample without a reading of it
   * may be of other pods alone, as is the last one of each pod that ends: only an interval after its own a whole one was due.
   */
  #isPast(pod: AcceptedPod, transport: TransportSeries): boolean {
    const readings = this.node.readings(transport);
    const row = newestRow(readings);
    if (row < 0) return true;
    return hasEnded(pod) && this.node.newestMs - (readings.takenAtMs[row] ?? NaN) >= this.node.intervalMs;
  }

  #addTransport(readings: NonNullable<AcceptedPod['transport']>, { rows, capacity }: Rows): void {
    for (const [i, row] of rows.entries()) {
      const reading = readings[i] ?? null;
      if (row < 0 || reading === null) continue;
      this.transport ??= new TransportSeries(capacity);
      this.transport.write(row, reading);
    }
  }
}

/** Whether a pod was read, and nothing was found to be read: if that sample was of it, what it counted last is not of the present. */
function hasEnded({ meta, isRead, interfaces, transport = [] }: AcceptedPod): boolean {
  return isRead && meta.complete && interfaces.length === 0 && (transport.at(-1) ?? null) === null;
}

/** Numbers that one sample of a pod takes. */
export function widthOf({ interfaces, transport }: AcceptedPod): number {
  return interfaces.length * (INTERFACE_COUNTERS.length + 1) + (transport === undefined ? 0 : TransportSeries.WIDTH);
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

function groupByName(interfaces: readonly InterfaceReport[]): Iterable<[InterfaceReport, ...InterfaceReport[]]> {
  const groups = new Map<string, [InterfaceReport, ...InterfaceReport[]]>();
  for (const one of interfaces) {
    const group = groups.get(one.name);
    if (group === undefined) groups.set(one.name, [one]);
    else group.push(one);
  }
  return groups.values();
}
