import type { RateLevel } from '../../metrics/catalogue.js';
import { selectorValue, type PodLabel } from '../../metrics/labels.js';
import type { Network } from '../../metrics/network.js';
import { SKIP_REASONS } from '../../openapi/report-terms.js';
import { countedInterfaces } from './counted.js';
import type { CounterSeries } from './counter-series.js';
import type { InterfaceSeries } from './interface-series.js';
import type { NodeSeries } from './node-series.js';
import type { PodSeries } from './pod-series.js';
import { parseNetwork, unreportedNetworks } from './networks.js';
import type { KnownPod } from './pods.js';
import { counterRate, newestReading, newestRow } from './rate.js';
import { interfaceLabel, isInterfaceLabel, isUnknownLabel } from './series-labels.js';
import type { TransportSeries } from './transport-series.js';

/** Reads the value of a label; undefined where the thing asked has none of that name. */
export type LabelGetter = (key: string) => string | undefined;
export type LabelMatcher = (label: LabelGetter) => boolean;

/** Which figure of a pod. */
export interface FigureQuery {
  /** Of series labels, in the alias form of selectors. With `isUnknown`: whether it could match, whatever these labels are. */
  readonly matchesSeries: (label: LabelGetter, isUnknown?: (key: string) => boolean) => boolean;
  /** Labels of devices that are chosen by; nearly always none. */
  readonly deviceLabels: readonly string[];
  /** Of those series labels that are known of a pod nobody reports: whether it could have a series that matches. */
  readonly couldMatch: LabelMatcher;
  /** Whether an interface on a network, of which nothing else is known, could match. */
  readonly couldMatchOn: (network: Network) => boolean;
  /** Whether networks are chosen: then an interface whose network is not known does not stand for one that is missing. */
  readonly choosesNetworks: boolean;
  /** Whether it is the sum over interfaces, or what is counted of the pod as a whole. */
  readonly level: RateLevel;
  /** Column of the counter in a reading of that level. */
  readonly column: number;
  readonly windowMs: number;
}

/** Why there is no figure. */
export const ABSENCES = {
  ...SKIP_REASONS,
  no_report: 'no agent reports this pod',
  host_network: "it shares the node's network and has no traffic of its own",
  no_network: 'it has no interface yet',
  terminating: 'it is being deleted, and has no samples any more',
  not_read: 'its agent could not read its interfaces yet',
  network_unreported: 'it is on a network, as its annotation says, of which no interface is reported',
  circular: 'its interfaces are stacked on each other in a circle: nothing says which is real',
  no_such_series: 'none of its series matches the metric selector',
  left_out: 'an interface of it was left out of the report: a sum would be too small',
  device_unknown: 'nobody tells which virtual function its interface is, or what it was allocated as',
  receive_unreliable: 'its interface counts less than the pod receives (eBPF host routing)',
  unproven: 'its virtual function is not proven to count: the driver gives zeros or nothing',
  not_counted: 'its agent does not read this counter of it',
  too_few_samples: 'a rate needs two samples within the history',
  no_members: 'no pod of it has traffic of its own',
  partial: 'not every pod that should have samples has them: a sum would be too small',
  stale: 'its newest sample is too old: the agent is silent, or cannot read it',
} as const;
export type Absence = keyof typeof ABSENCES;

/** Absences of what has no new samples: why not, the agent may know. */
const NOTHING_NEW: readonly Absence[] = ['not_read', 'too_few_samples', 'stale'];
/** Absences of pods that are not to have a figure: a sum is whole without them. */
const EXPECTED: readonly Absence[] = ['host_network', 'no_network', 'no_such_series', 'terminating'];

export interface Measure {
  readonly ok: true;
  readonly perSecond: number;
  /** Time that the value covers. */
  readonly spanMs: number;
  /** Age of the oldest sample that the value ends with. */
  readonly ageMs: number;
}

export type Figure = Measure | { readonly ok: false; readonly reason: Absence };

/** What the members of something larger add up to, whole or absent. */
export interface Sum {
  /** Undefined unless every pod that should have a figure has one, and there is one. */
  readonly measure: Measure | undefined;
  /** Pods that should have a figure. */
  readonly expected: number;
  readonly present: number;
}

/** Of a pod without an annotation. */
const DEFAULT_NETWORK: Network = { network: 'default', nadNamespace: '' };
const POD_LABELS = { namespace: (pod: KnownPod) => pod.namespace, pod: (pod: KnownPod) => pod.name };

/** The figures of pods: one place decides what a number is made of, whoever asks for it. */
export class Figures {
  readonly #podLabels: readonly PodLabel[];

  constructor(podLabels: readonly PodLabel[]) {
    this.#podLabels = podLabels;
  }

  /** Whether a label of series is known of a pod that nobody reports. */
  isPodLabel(key: string): boolean {
    return Object.hasOwn(POD_LABELS, key) || this.#podLabels.some(({ name }) => name === key);
  }

  /** Whole or absent: a pod one of whose counted interfaces has no fresh rate has none itself. */
  ofPod(pod: KnownPod, query: FigureQuery, nowMs: number): Figure {
    const { series } = pod;
    const figure = series === undefined ? this.#ofUnreported(pod, query) : this.#ofReported(pod, series, query, nowMs);
    // One that is on its way out is no more waited for; as long as it has samples it counts.
    if (figure.ok || EXPECTED.includes(figure.reason)) return figure;
    if (pod.isTerminating) return { ok: false, reason: 'terminating' };
    const skipped = series?.node.isFresh(nowMs) === true ? series.skipped : undefined;
    return skipped !== undefined && NOTHING_NEW.includes(figure.reason) ? { ok: false, reason: skipped } : figure;
  }

  #ofUnreported(pod: KnownPod, query: FigureQuery): Figure {
    const networks = pod.networks.length === 0 ? [DEFAULT_NETWORK] : pod.networks.map(parseNetwork);
    const couldMatch = query.couldMatch((key) => this.#podLabel(pod, key)) && networks.some(query.couldMatchOn);
    return { ok: false, reason: couldMatch ? 'no_report' : 'no_such_series' };
  }

  #ofReported(pod: KnownPod, series: PodSeries, query: FigureQuery, nowMs: number): Figure {
    const { node, meta, interfaces, isRead } = series;
    if (meta.hostNetwork) return { ok: false, reason: 'host_network' };
    if (query.level === 'pod') return this.#ofWhole(pod, series, query, nowMs);
    if (!meta.complete) return { ok: false, reason: 'left_out' };
    if (!isRead) return { ok: false, reason: 'not_read' };
    if (isMissingNetwork(pod, series, query)) return { ok: false, reason: 'network_unreported' };
    if (interfaces.size === 0) return { ok: false, reason: 'no_network' };
    if (query.deviceLabels.length > 0 && this.undecided(pod, series, query).length > 0)
      return { ok: false, reason: 'device_unknown' };
    const matched = this.matched(pod, series, query);
    if (matched.length === 0) return { ok: false, reason: 'no_such_series' };
    const counted = countedInterfaces(matched, interfaces);
    if (counted.length === 0) return { ok: false, reason: 'circular' };
    const total = new Total();
    for (const one of counted) {
      const figure = ofInterface(node, one, query, nowMs);
      if (!figure.ok) return figure;
      total.add(figure);
    }
    return total.figure;
  }

  /** Of what the pod counts as a whole, however many interfaces it has. */
  #ofWhole(pod: KnownPod, series: PodSeries, query: FigureQuery, nowMs: number): Figure {
    const { node, isRead, isWithoutNetwork, transport } = series;
    if (!this.#matchesWhole(pod, series, query)) return { ok: false, reason: 'no_such_series' };
    const figure = transport && ofTransport(node, transport, query, nowMs);
    if (figure?.ok === true) return figure;
    if (isWithoutNetwork) return { ok: false, reason: 'no_network' };
    return figure ?? { ok: false, reason: isRead ? 'not_counted' : 'not_read' };
  }

  /** The series that a query adds up. */
  summed(pod: KnownPod, series: PodSeries, query: FigureQuery): readonly CounterSeries[] {
    if (query.level === 'interface') return this.counted(pod, series, query);
    return series.transport !== undefined && this.#matchesWhole(pod, series, query) ? [series.transport] : [];
  }

  /** The interfaces of a pod that a query counts. */
  counted(pod: KnownPod, series: PodSeries, query: FigureQuery): readonly InterfaceSeries[] {
    return countedInterfaces(this.matched(pod, series, query), series.interfaces);
  }

  /** The interfaces of a pod that a query chooses, counted or not. */
  matched(pod: KnownPod, series: PodSeries, query: FigureQuery): InterfaceSeries[] {
    const found: InterfaceSeries[] = [];
    let one: InterfaceSeries;
    // One getter for all of a pod: a query asks tens of thousands of interfaces.
    const label: LabelGetter = (key) =>
      isInterfaceLabel(key) ? interfaceLabel(series, one, key) : this.#podLabel(pod, key);
    for (one of series.interfaces.values()) if (query.matchesSeries(label)) found.push(one);
    return found;
  }

  /** The interfaces of a pod of which nobody can tell whether a query chooses them. */
  undecided(pod: KnownPod, series: PodSeries, query: FigureQuery): readonly InterfaceSeries[] {
    return [...series.interfaces.values()].filter((one) => {
      const isUnknown = (key: string): boolean => isUnknownLabel(series, one, key);
      return query.deviceLabels.some(isUnknown) && query.matchesSeries(this.#labelOf(pod, series, one), isUnknown);
    });
  }

  /** The sum over pods. */
  ofAll(pods: Iterable<KnownPod>, query: FigureQuery, nowMs: number): Sum {
    const sum = new RunningSum();
    for (const pod of pods) this.addTo(sum, pod, query, nowMs);
    return sum.sum;
  }

  /** Adds a pod to a sum. That of the machine itself is no member: what it carries are the bytes of the others again. */
  addTo(sum: RunningSum, pod: KnownPod, query: FigureQuery, nowMs: number): void {
    if (pod.series?.meta.machine === true) return;
    const figure = this.ofPod(pod, query, nowMs);
    if (figure.ok || !EXPECTED.includes(figure.reason)) sum.add(figure);
  }

  #matchesWhole(pod: KnownPod, { node }: PodSeries, query: FigureQuery): boolean {
    return query.matchesSeries((key) => (key === 'node' ? selectorValue(node.node) : this.#podLabel(pod, key)));
  }

  #labelOf(pod: KnownPod, series: PodSeries, one: InterfaceSeries): LabelGetter {
    return (key) => (isInterfaceLabel(key) ? interfaceLabel(series, one, key) : this.#podLabel(pod, key));
  }

  #podLabel(pod: KnownPod, key: string): string | undefined {
    if (key === 'namespace' || key === 'pod') return selectorValue(POD_LABELS[key](pod));
    const chosen = this.#podLabels.find(({ name }) => name === key);
    return chosen === undefined || !Object.hasOwn(pod.labels, chosen.key) ? undefined : pod.labels[chosen.key];
  }
}

/** The rate of one interface. */
export function ofInterface(node: NodeSeries, series: InterfaceSeries, query: Window, nowMs: number): Figure {
  // What was read before the interface was found out is no better.
  if (series.meta.unproven === true) return { ok: false, reason: 'unproven' };
  if (series.isUnreliable(query.column)) return { ok: false, reason: 'receive_unreliable' };
  return rateOf(node, series, query, nowMs);
}

function ofTransport(node: NodeSeries, series: TransportSeries, query: Window, nowMs: number): Figure {
  const readings = node.readings(series);
  const isCounted = newestReading(readings, series.columnOf(query.column)) >= 0 || newestRow(readings) < 0;
  return isCounted ? rateOf(node, series, query, nowMs) : { ok: false, reason: 'not_counted' };
}

type Window = Pick<FigureQuery, 'column' | 'windowMs'>;

function rateOf(node: NodeSeries, series: CounterSeries, { column: asked, windowMs }: Window, nowMs: number): Figure {
  const column = series.columnOf(asked);
  const readings = node.readings(series);
  const row = newestReading(readings, column);
  if (row < 0) return { ok: false, reason: 'too_few_samples' };
  const ageMs = node.ageMs(row, nowMs);
  if (ageMs > node.staleAfterMs) return { ok: false, reason: 'stale' };
  const rate = counterRate(readings, column, windowMs, row);
  return rate.ok ? { ok: true, perSecond: rate.perSecond, spanMs: rate.spanMs, ageMs } : rate;
}

/** Whether traffic that the query asks for is not among what is reported. */
function isMissingNetwork({ networks }: KnownPod, { interfaces }: PodSeries, query: FigureQuery): boolean {
  if (networks.length === 0) return false;
  const missing = unreportedNetworks(networks, interfaces).filter(query.couldMatchOn);
  if (missing.length === 0 || query.choosesNetworks) return missing.length > 0;
  // An interface whose network the agent does not know may be the one that is missing: it is counted all the same.
  const unnamed = [...interfaces.values()].filter(({ meta }) => meta.network === '' && !meta.primary);
  return missing.length > unnamed.length;
}

/** Of the figures of pods that should have one: as one answer takes several turns, pods are added one by one. */
export class RunningSum {
  readonly #total = new Total();
  #expected = 0;
  #present = 0;

  add(figure: Figure): void {
    this.#expected++;
    if (!figure.ok) return;
    this.#present++;
    this.#total.add(figure);
  }

  get sum(): Sum {
    const [expected, present, { figure }] = [this.#expected, this.#present, this.#total];
    return { measure: present === expected && figure.ok ? figure : undefined, expected, present };
  }
}

/** What figures add up to. */
class Total {
  #perSecond = 0;
  #spanMs = 0;
  #ageMs = 0;

  add({ perSecond, spanMs, ageMs }: Measure): void {
    this.#perSecond += perSecond;
    this.#spanMs = Math.max(this.#spanMs, spanMs);
    this.#ageMs = Math.max(this.#ageMs, ageMs);
  }

  get figure(): Figure {
    const [perSecond, spanMs, ageMs] = [this.#perSecond, this.#spanMs, this.#ageMs];
    return spanMs === 0 ? { ok: false, reason: 'too_few_samples' } : { ok: true, perSecond, spanMs, ageMs };
  }
}
