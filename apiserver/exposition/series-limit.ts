import {
  STACKED_ON_SOME,
  WORKLOAD_LABELS,
  WORKLOAD_NETWORK_LABELS,
  WORKLOAD_TRANSPORT_FAMILIES,
  stackedOnLabel,
} from '../../metrics/workload-families.js';
import { INTERFACE_COUNTERS, TRANSPORT_COUNTERS } from '../../openapi/report-terms.js';
import type { ShownPods } from '../store/devices-view.js';
import type { CounterSeries } from '../store/counter-series.js';
import type { NodeSeries } from '../store/node-series.js';
import type { PodSeries } from '../store/pod-series.js';
import { grownSince, newestRow } from '../store/rate.js';
import type { PodMeta } from '../store/report.js';
import { WorkloadTotals, type WorkloadTotal } from '../store/workload-totals.js';
import type { Shown, ShowsPods } from './exposition.js';
import { Places, type Candidate } from './places.js';
import { seriesOf } from './series-of-pod.js';

/** Of those that are added up. */
const TRANSPORT_COLUMNS = WORKLOAD_TRANSPORT_FAMILIES.map(({ column }) => column);

/** Totals that there is room for in a namespace, however small the limit. In all they have no more series than the limit, or than these. */
const MIN_ROOM = 64;

/** A pod that could be shown. */
interface Entry extends Candidate {
  readonly pod: PodSeries;
  readonly of: Namespace;
  meta: PodMeta;
  /** Whether it was left out when its node was looked at last. */
  isBeyond: boolean;
  /** What it is added to. */
  totals: readonly WorkloadTotal[];
  /** What its transport counters stood at when they were added last; undefined where nothing is added. */
  transport: Float64Array | undefined;
}

interface Namespace {
  readonly name: string;
  readonly places: Places<Entry>;
  /** Pods that are left out. */
  beyond: number;
}

interface Tracked {
  readonly series: NodeSeries;
  readonly entries: Map<PodSeries, Entry>;
  /** Time on the node's clock of the newest sample that was looked at; undefined: none yet. */
  seenUntilMs: number | undefined;
}

export interface SeriesLimitOptions {
  /** Most series of the pods of a namespace. */
  readonly max: number;
  /** Told when the first pod of a namespace is left out, and when the last one no longer is. */
  readonly onChange?: (namespace: string, isLimited: boolean) => void;
}

/**
 * Shows no more of the pods of a namespace than so many series. The oldest pods are shown; what the others count is added up for each
 * workload and network, by what it grows: so a total never steps back when they end, move or count anew. A pod changes sides when the lines of its node
 * are made that are kept: what it grew by until then is in the total alone, and after that in its own series alone, or the other way round.
 */
export class SeriesLimit implements ShowsPods {
  readonly max: number;
  readonly networks: WorkloadTotals;
  readonly transports: WorkloadTotals;
  readonly #shown: Shown;
  readonly #onChange: NonNullable<SeriesLimitOptions['onChange']>;
  readonly #namespaces = new Map<string, Namespace>();
  /** By `<name>/<role>`. */
  readonly #nodes = new Map<string, Tracked>();

  constructor(shown: Shown, { max, onChange = () => undefined }: SeriesLimitOptions) {
    this.#shown = shown;
    this.max = max;
    this.#onChange = onChange;
    this.networks = new WorkloadTotals({
      names: WORKLOAD_NETWORK_LABELS,
      columns: INTERFACE_COUNTERS.length,
      // There are twice as many of them: also those of each network without the workload.
      room: Math.max(MIN_ROOM, Math.floor(max / (4 * INTERFACE_COUNTERS.length))),
    });
    this.transports = new WorkloadTotals({
      names: WORKLOAD_LABELS,
      columns: TRANSPORT_COUNTERS.length,
      room: Math.max(MIN_ROOM, Math.floor(max / (2 * WORKLOAD_TRANSPORT_FAMILIES.length))),
    });
  }

  get isListed(): boolean {
    return this.#shown.pods.isListed;
  }

  /** As it was decided when the lines of the node were made last: whoever looks at a part of it changes nothing. */
  shownAt(nowMs: number, node: NodeSeries): ShownPods {
    const tracked = this.#nodes.get(keyOf(node));
    const entries = tracked?.series === node ? tracked.entries : undefined;
    return {
      ...this.#shown.pods.shownAt(nowMs, node),
      shown: (pod) => {
        const entry = entries?.get(pod);
        return entry?.isBeyond === false ? entry.meta : undefined;
      },
    };
  }

  /** Decides what is to be shown of a node from now on, and adds up what the others grew by until now. */
  settle(nowMs: number, node: NodeSeries): void {
    const all = this.#shown.pods.shownAt(nowMs, node);
    const tracked = this.#track(node, nowMs);
    this.#retain(tracked, all, nowMs);
    const { seenUntilMs } = tracked;
    // A step back of the node's clock: its history was forgotten.
    const isStepped = seenUntilMs !== undefined && node.newestMs < seenUntilMs;
    const sinceMs = isStepped ? undefined : seenUntilMs;
    for (const entry of tracked.entries.values()) this.#place(entry, sinceMs, nowMs);
    tracked.seenUntilMs = node.newestMs;
  }

  /** Namespaces with pods that are left out, and how many. */
  *limited(): Generator<readonly [namespace: string, pods: number]> {
    for (const { name, beyond } of this.#namespaces.values()) if (beyond > 0) yield [name, beyond];
  }

  /**
   * To be called when this server begins to be the one that is scraped: the totals begin anew, so that nothing is counted twice.
   * @param reportedSinceMs what nodes that have not reported since then grow by until they do may have been shown by another server; the
   * server's monotonic clock
   */
  rebase(reportedSinceMs = -Infinity): void {
    this.networks.rebase();
    this.transports.rebase();
    for (const tracked of this.#nodes.values()) {
      if (tracked.series.receivedAtMs >= reportedSinceMs) continue;
      tracked.seenUntilMs = undefined;
      for (const entry of tracked.entries.values()) entry.transport = undefined;
    }
  }

  /** To be called now and then: forgets nodes that are no longer held, and totals of pods that are long gone. */
  expire(nowMs: number): void {
    const held = new Set(this.#shown.nodes.nodes());
    for (const [key, tracked] of this.#nodes) {
      if (held.has(tracked.series)) continue;
      this.#nodes.delete(key);
      for (const entry of tracked.entries.values()) this.#remove(entry, nowMs);
    }
    this.networks.expire(nowMs);
    this.transports.expire(nowMs);
  }

  #track(node: NodeSeries, nowMs: number): Tracked {
    const key = keyOf(node);
    const known = this.#nodes.get(key);
    if (known?.series === node) return known;
    for (const entry of known?.entries.values() ?? []) this.#remove(entry, nowMs); // booted again
    const tracked: Tracked = { series: node, entries: new Map(), seenUntilMs: undefined };
    this.#nodes.set(key, tracked);
    return tracked;
  }

  /** Takes over which pods the node has, and how many series each would have. */
  #retain({ series: node, entries }: Tracked, all: ShownPods, nowMs: number): void {
    let seen = 0;
    for (const pod of node.pods.values()) {
      const meta = all.shown(pod);
      if (meta === undefined) continue;
      seen++;
      const entry = entries.get(pod);
      if (entry === undefined) {
        entries.set(pod, this.#add(pod, meta));
      } else {
        entry.meta = meta;
        entry.of.places.resize(entry, seriesOf(pod, meta));
      }
    }
    if (seen === entries.size) return;
    for (const [pod, entry] of entries) {
      if (node.pods.get(pod.meta.uid) === pod && all.shown(pod) !== undefined) continue;
      entries.delete(pod);
      this.#remove(entry, nowMs);
    }
  }

  #add(pod: PodSeries, meta: PodMeta): Entry {
    const { namespace, createdMs, uid } = meta;
    let of = this.#namespaces.get(namespace);
    if (of === undefined) {
      of = { name: namespace, places: new Places(this.max), beyond: 0 };
      this.#namespaces.set(namespace, of);
    }
    const entry: Entry = {
      ...{ pod, of, meta, createdMs, uid, series: seriesOf(pod, meta) },
      ...{ isBeyond: false, totals: [], transport: undefined },
    };
    of.places.add(entry);
    return entry;
  }

  #remove(entry: Entry, nowMs: number): void {
    const { of, totals } = entry;
    for (const total of totals) total.release(nowMs);
    of.places.remove(entry);
    this.#mark(entry, false);
    if (of.places.size === 0) this.#namespaces.delete(of.name);
  }

  /** @param sinceMs until when all is counted, on the node's clock; undefined: what was counted before is not known to be new */
  #place(entry: Entry, sinceMs: number | undefined, nowMs: number): void {
    const { isBeyond: wasBeyond, of } = entry;
    this.#mark(entry, of.places.isBeyond(entry));
    // Who has got a place just now counted until now without one.
    if (!wasBeyond && !entry.isBeyond) return;
    // What the machine's own interfaces count is in no sum over pods.
    if (entry.meta.machine === true) return;
    const before = entry.totals;
    const totals = this.#addInterfaces(entry, sinceMs ?? Infinity, nowMs);
    const transport = this.#addTransport(entry, nowMs);
    entry.totals = entry.isBeyond ? [...totals, ...transport] : [];
    for (const total of entry.totals) total.pods++;
    for (const total of before) total.release(nowMs);
    if (!entry.isBeyond) entry.transport = undefined;
  }

  #mark(entry: Entry, isBeyond: boolean): void {
    if (entry.isBeyond === isBeyond) return;
    const { of } = entry;
    entry.isBeyond = isBeyond;
    const was = of.beyond;
    of.beyond += isBeyond ? 1 : -1;
    if ((was === 0) !== (of.beyond === 0)) this.#onChange(of.name, of.beyond > 0);
  }

  #addInterfaces({ pod, meta, of }: Entry, sinceMs: number, nowMs: number): WorkloadTotal[] {
    const { kind = '', name = '' } = meta.workload ?? {};
    const totals: WorkloadTotal[] = [];
    for (const series of pod.interfaces.values()) {
      const { network, nadNamespace, unproven } = series.meta;
      if (unproven === true) continue;
      const below = pod.networksBelow(series);
      // Whoever adds up a network adds up the other one, too.
      if (below.some((one) => one.network === network && one.nadNamespace === nadNamespace)) continue;
      const stackedOn = stackedOnLabel(below);
      const withoutRoom = ['', '', '', '', stackedOn === '' ? '' : STACKED_ON_SOME];
      const total =
        stackedOn === STACKED_ON_SOME
          ? this.networks.of(of.name, withoutRoom)
          : this.networks.of(
              of.name,
              [kind, name, network, nadNamespace, stackedOn],
              ['', '', network, nadNamespace, stackedOn],
              withoutRoom,
            );
      const readings = pod.node.readings(series);
      for (let column = 0; column < INTERFACE_COUNTERS.length; column++) {
        total.add(column, grownSince(readings, column, sinceMs));
      }
      refresh(total, pod, series, nowMs);
      totals.push(total);
    }
    return totals;
  }

  /** Of most of these no history is held: they are added from one look to the next. A decrease is cut out, as they have no identity. */
  #addTransport(entry: Entry, nowMs: number): WorkloadTotal[] {
    const { pod, meta, of, transport: before } = entry;
    if (pod.transport === undefined) return [];
    const { kind = '', name = '' } = meta.workload ?? {};
    const total = this.transports.of(of.name, [kind, name], ['', '']);
    const { newest } = pod.transport;
    for (const column of TRANSPORT_COLUMNS) {
      const value = newest[column] ?? NaN;
      const previous = before?.[column] ?? NaN;
      total.add(column, value < previous || Number.isNaN(previous) ? value * 0 : value - previous);
    }
    // One that could not be read this time goes on from what it stood at.
    entry.transport = newest.map((value, column) => (Number.isNaN(value) ? (before?.[column] ?? NaN) : value));
    refresh(total, pod, pod.transport, nowMs);
    return [total];
  }
}

function keyOf({ node, role }: NodeSeries): string {
  return `${node}/${role}`;
}

/** A total is of the present for as long as one reading in it is. */
function refresh(total: WorkloadTotal, { node }: PodSeries, series: CounterSeries, nowMs: number): void {
  const row = newestRow(node.readings(series));
  if (row >= 0) total.freshUntil(nowMs - node.ageMs(row, nowMs) + node.staleAfterMs);
}
