import { selectorValue, type InterfaceLabel, type PodLabel } from '../../metrics/labels.js';
import { countedInterfaces } from './counted.js';
import type { InterfaceSeries } from './interface-series.js';
import { NodeSeries, replacesPod, type PodChanges, type PodSeries } from './node-series.js';
import { EPOCH, counterRate, newestReading } from './rate.js';
import type { AcceptedReport } from './report.js';

export interface StoreOptions {
  /** How far back samples are kept, milliseconds. */
  readonly historyMs: number;
  /** Pod labels that are labels of every series too. */
  readonly podLabels: readonly PodLabel[];
}

/** Why a report was not stored: expected outcomes, so they are values. */
export type Refusal = 'other_boot' | 'superseded';

export type IngestOutcome =
  | {
      readonly ok: true;
      readonly node: NodeSeries;
      /** Whether there was anything new in it. */
      readonly isNew: boolean;
      readonly clockStepped: boolean;
      /** Other nodes with a pod of a name that came or went: what is shown of them may have changed. */
      readonly affected: ReadonlySet<NodeSeries>;
    }
  | { readonly ok: false; readonly reason: Refusal };

/** Reads the value of a label; undefined where the thing asked has none of that name. */
export type LabelGetter = (key: string) => string | undefined;
export type LabelMatcher = (label: LabelGetter) => boolean;

export interface PodRateQuery {
  readonly namespace: string;
  /** One pod; all of the namespace without it. */
  readonly name?: string;
  /** Of pod labels. */
  readonly matchesPod: LabelMatcher;
  /** Of series labels, in the alias form of selectors. */
  readonly matchesSeries: LabelMatcher;
  /** Column of the counter in a reading. */
  readonly column: number;
  readonly windowMs: number;
}

export interface PodRate {
  readonly namespace: string;
  readonly name: string;
  readonly perSecond: number;
  /** Time that the value covers. */
  readonly spanMs: number;
  /** Age of the oldest sample that the value ends with. */
  readonly ageMs: number;
}

/** The rates of one interface over a window; NaN where there is none. */
export interface InterfaceRates {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly interface: string;
  readonly network: string;
  /** In the order of INTERFACE_COUNTERS, per second. */
  readonly perSecond: readonly number[];
}

const SERIES_LABELS: Readonly<Record<InterfaceLabel, (pod: PodSeries, series: InterfaceSeries) => string>> = {
  node: ({ node }) => node.node,
  namespace: ({ meta }) => meta.namespace,
  pod: ({ meta }) => meta.name,
  interface: (_pod, { meta }) => meta.name,
  network: (_pod, { meta }) => meta.network,
  nad_namespace: (_pod, { meta }) => meta.nadNamespace,
  primary: (_pod, { meta }) => String(meta.primary),
};

/** A jump of a node's clock against ours that no delay of a request explains. */
const CLOCK_STEP_MS = 30_000;

/** Everything every agent reported: pure memory, told the time by its callers (the server's monotonic clock, milliseconds). */
export class Store {
  readonly #options: StoreOptions;
  readonly #nodes = new Map<string, NodeSeries>();
  /** namespace → pod name → the pods of that name; more than one while a pod moves. */
  readonly #pods = new Map<string, Map<string, PodSeries[]>>();

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  get historyMs(): number {
    return this.#options.historyMs;
  }

  /**
   * Stores what is new in a report. One that comes again changes nothing. Refused are a report of a machine that was already
   * up while another one reported under the same name, and one of an agent that a later start has replaced.
   */
  ingest(report: AcceptedReport, nowMs: number): IngestOutcome {
    const key = `${report.node}/${report.role}`;
    let node = this.#nodes.get(key);
    if (node !== undefined) {
      const refusal = this.#refusal(node, report, nowMs);
      if (refusal !== undefined) return { ok: false, reason: refusal };
      if (node.bootId !== report.bootId) {
        this.#remove(key, node);
        node = undefined;
      }
    }
    const isSameStart = node?.instance.id === report.instance.id;
    const newest = report.samples.at(-1)?.sequence ?? 0;
    if (node === undefined) {
      node = new NodeSeries(report, nowMs, this.#options.historyMs);
      this.#nodes.set(key, node);
    } else if (isSameStart && newest <= node.lastSequence) {
      return { ok: true, node, isNew: false, clockStepped: false, affected: new Set() };
    }
    const clockStepped = hasClockStepped(node, report, nowMs);
    if (clockStepped) node.forgetHistory();
    const afterSequence = clockStepped && isSameStart ? node.lastSequence : 0;
    if (!isSameStart) node.lastSequence = 0;
    const changes = node.add(report, nowMs, afterSequence);
    return { ok: true, node, isNew: true, clockStepped, affected: this.#reindex(node, changes) };
  }

  /** Forgets nodes that have been silent for longer than the history. */
  expire(nowMs: number): void {
    for (const [key, node] of this.#nodes) {
      if (nowMs - node.receivedAtMs > Math.max(this.#options.historyMs, node.staleAfterMs)) this.#remove(key, node);
    }
  }

  /** Whether a pod is the one to show of those with its name. */
  isShown(pod: PodSeries, nowMs: number): boolean {
    const { namespace, name } = pod.meta;
    return shownPod(this.#pods.get(namespace)?.get(name) ?? [], nowMs) === pod;
  }

  /** Nodes in the order of their names. */
  nodes(): NodeSeries[] {
    return [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, node]) => node);
  }

  /** Pods with a rate, ordered by name. A pod without a fresh one is left out: it is never 0 for want of samples. */
  podRates(query: PodRateQuery, nowMs: number): PodRate[] {
    const names = this.#pods.get(query.namespace);
    if (names === undefined) return [];
    const found = query.name === undefined ? [...names.keys()].sort() : [query.name];
    const rates: PodRate[] = [];
    for (const name of found) {
      const pod = shownPod(names.get(name) ?? [], nowMs);
      if (pod === undefined || !query.matchesPod((key) => ownValue(pod.meta.labels, key))) continue;
      const rate = this.#podRate(pod, query, nowMs);
      if (rate !== undefined) rates.push(rate);
    }
    return rates;
  }

  /** The rates of every interface of every fresh pod, for a person to look at. */
  interfaceRates(windowMs: number, nowMs: number): InterfaceRates[] {
    const rows: InterfaceRates[] = [];
    for (const node of this.nodes()) {
      for (const { meta, interfaces } of node.pods.values()) {
        for (const series of interfaces.values()) {
          const readings = node.readings(series);
          const row = newestReading(readings, EPOCH);
          if (row < 0 || node.ageMs(row, nowMs) > node.staleAfterMs) continue;
          const perSecond = Array.from({ length: EPOCH }, (_, column) => {
            const rate = counterRate(readings, column, windowMs);
            return rate.ok ? rate.perSecond : NaN;
          });
          const { namespace, name: pod } = meta;
          rows.push({
            node: node.node,
            namespace,
            pod,
            interface: series.name,
            network: series.meta.network,
            perSecond,
          });
        }
      }
    }
    return rows;
  }

  /** Whole or absent: a pod one of whose counted interfaces has no fresh rate has none itself. */
  #podRate(pod: PodSeries, query: PodRateQuery, nowMs: number): PodRate | undefined {
    const { node, meta, interfaces } = pod;
    if (!meta.complete || meta.hostNetwork) return undefined;
    const chosen = [...interfaces.values()].filter((series) => query.matchesSeries(this.#labels(pod, series)));
    if (chosen.length === 0) return undefined;
    let perSecond = 0;
    let spanMs = 0;
    let ageMs = 0;
    for (const series of countedInterfaces(chosen, interfaces)) {
      const readings = node.readings(series);
      const age = node.ageMs(newestReading(readings, query.column), nowMs);
      const rate = counterRate(readings, query.column, query.windowMs);
      if (!rate.ok || !(age <= node.staleAfterMs)) return undefined;
      perSecond += rate.perSecond;
      spanMs = Math.max(spanMs, rate.spanMs);
      ageMs = Math.max(ageMs, age);
    }
    return spanMs === 0 ? undefined : { namespace: meta.namespace, name: meta.name, perSecond, spanMs, ageMs };
  }

  #labels(pod: PodSeries, series: InterfaceSeries): LabelGetter {
    return (key) => {
      if (isInterfaceLabel(key)) return selectorValue(SERIES_LABELS[key](pod, series));
      const chosen = this.#options.podLabels.find(({ name }) => name === key);
      return chosen === undefined ? undefined : ownValue(pod.meta.labels, chosen.key);
    };
  }

  #refusal(node: NodeSeries, report: AcceptedReport, nowMs: number): Refusal | undefined {
    if (!node.isFresh(nowMs)) return undefined;
    if (node.bootId !== report.bootId) {
      // Up for longer than the other boot has been silent: both were up at once, so this is not that machine after a reboot.
      return report.sentAt > nowMs - node.receivedAtMs ? 'other_boot' : undefined;
    }
    const isOlderStart = report.instance.id !== node.instance.id && report.instance.startedAt < node.instance.startedAt;
    return isOlderStart ? 'superseded' : undefined;
  }

  #reindex(node: NodeSeries, { added, removed }: PodChanges): Set<NodeSeries> {
    for (const pod of removed) this.#unindex(pod);
    for (const pod of added) this.#index(pod);
    const namesakes = [...added, ...removed].flatMap(
      ({ meta }) => this.#pods.get(meta.namespace)?.get(meta.name) ?? [],
    );
    const affected = new Set(namesakes.map((pod) => pod.node));
    affected.delete(node);
    return affected;
  }

  #remove(key: string, node: NodeSeries): void {
    for (const pod of node.pods.values()) this.#unindex(pod);
    this.#nodes.delete(key);
  }

  #index(pod: PodSeries): void {
    const { namespace, name } = pod.meta;
    let names = this.#pods.get(namespace);
    if (names === undefined) this.#pods.set(namespace, (names = new Map<string, PodSeries[]>()));
    const pods = names.get(name);
    if (pods === undefined) names.set(name, [pod]);
    else pods.push(pod);
  }

  #unindex(pod: PodSeries): void {
    const { namespace, name } = pod.meta;
    const names = this.#pods.get(namespace);
    const others = names?.get(name)?.filter((other) => other !== pod) ?? [];
    if (others.length > 0) names?.set(name, others);
    else names?.delete(name);
    if (names?.size === 0) this.#pods.delete(namespace);
  }
}

/**
 * A node's monotonic clock cannot step while it is up; one that seems to (a machine restored from a snapshot, a lying agent)
 * makes every difference across the step meaningless. Backwards: a later sample was taken before an earlier one. Forwards: the
 * report was sent later than it can have been, and its samples are further apart than their number; without the latter it was
 * ours that paused, or the report before that came late.
 */
function hasClockStepped(
  node: NodeSeries,
  { samples, sentAt, instance, intervalMs }: AcceptedReport,
  nowMs: number,
): boolean {
  const newest = samples.at(-1);
  if (node.newestMs === -Infinity || newest === undefined) return false;
  if (newest.takenAt < node.newestMs) return true;
  if (nowMs - sentAt >= node.offsetMs - CLOCK_STEP_MS) return false;
  const next = samples.find(({ takenAt }) => takenAt > node.newestMs) ?? newest;
  const intervals = instance.id === node.instance.id ? next.sequence - node.lastSequence : 1;
  return next.takenAt - node.newestMs > Math.max(1, intervals) * intervalMs + CLOCK_STEP_MS;
}

/** The pod to show of those with one name, in the order in which they became known. */
function shownPod(pods: readonly PodSeries[], nowMs: number): PodSeries | undefined {
  let shown = pods[0];
  for (let i = 1; i < pods.length; i++) {
    const pod = pods[i];
    if (pod !== undefined && shown !== undefined && replacesPod(pod, shown, nowMs)) shown = pod;
  }
  return shown;
}

function isInterfaceLabel(key: string): key is InterfaceLabel {
  return Object.hasOwn(SERIES_LABELS, key);
}

function ownValue(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
