import type { MetricValueListV1Beta2, MetricValueV1Beta2 } from '../../openapi/metric-values.js';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { SampleTimes } from './sample-times.js';
import type { SimPod, World } from './world.js';

export interface CheckOptions {
  readonly world: World;
  readonly intervalMs: number;
  /** How long it may take from when a sample is due to when a server has it. */
  readonly slackMs: number;
  /** When the fleet was started, or when the server that answers began to be told; machine's monotonic clock. */
  readonly sinceMs: number;
  /** Whether the server follows the list of pods: it then knows at once which there are. */
  readonly isCluster?: boolean;
  /** Whether agents may be kept from pushing: a server without the list of pods then answers what has ended until it is stale. */
  readonly isFaulty?: boolean;
  /** Nodes of which a value may be absent: their agents were killed, or their clocks set. */
  readonly excused?: (node: number) => boolean;
}

/** Begun and ended in which time, on the machine's monotonic clock, milliseconds. */
export interface AskedWithin {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface AskedFor extends AskedWithin {
  readonly namespace: string;
  /** Such as network_receive_bytes_per_second. */
  readonly metric: string;
}

const SUFFIXES: Readonly<Record<string, number>> = {
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
};
/** A quantity is rounded up to a thousandth. */
const QUANTITY_STEP = 1e-3;
/** Times of samples are told in millionths of a second: both ends of a span. */
const TAKEN_AT_STEP_S = 2e-6;
/** Timestamps are whole seconds, rounded down; and the wall clock may be adjusted while the world's is not. */
const TIMESTAMP_MS = 1_000;
const WALL_MS = 200;
/** As NodeSeries has it: three intervals, at least 15 s. */
const STALE = { intervals: 3, minMs: 15_000 };

/** @returns what is wrong with an answer about all pods of a namespace, one sentence each; none where it is right */
export function checkAnswer(options: CheckOptions, { items }: MetricValueListV1Beta2, asked: AskedFor): string[] {
  const check = new AnswerCheck(options, asked);
  const seen = new Set<string>();
  const wrong = items.flatMap((item) => {
    const { name } = item.describedObject;
    if (seen.has(name)) return [`${asked.namespace}/${name} is answered twice`];
    seen.add(name);
    return check.item(item);
  });
  return [...wrong, ...check.missing(seen)];
}

/** @returns undefined for what is not one */
export function parseQuantity(text: string): number | undefined {
  const [, digits = '', suffix = ''] = /^(-?\d+(?:\.\d+)?)([umkMGTP]?)$/.exec(text) ?? [];
  return digits === '' ? undefined : Number(digits) * (SUFFIXES[suffix] ?? NaN);
}

class AnswerCheck {
  readonly #options: CheckOptions;
  readonly #asked: AskedFor;
  readonly #times: SampleTimes;
  readonly #column: number;

  constructor(options: CheckOptions, asked: AskedFor) {
    this.#options = options;
    this.#asked = asked;
    this.#times = new SampleTimes(options.world, options.intervalMs);
    this.#column = INTERFACE_COUNTERS.findIndex((counter) => metricOf(counter) === asked.metric);
    if (this.#column < 0) throw new RangeError(`no counter is behind ${asked.metric}`);
  }

  item(item: MetricValueV1Beta2): string[] {
    const { namespace, name } = item.describedObject;
    const pod = this.#podNamed(name);
    const label = `${String(namespace)}/${name}`;
    if (pod === undefined || namespace !== this.#asked.namespace) return [`${label} does not exist`];
    return [...this.#checkLife(pod), ...this.#checkValue(pod, item), ...this.#checkTimestamp(pod, item)].map(
      (problem) => `${label} of node ${pod.node}: ${problem}`,
    );
  }

  /** Pods without a value that must have one: two samples of them have been with the server for long enough. */
  missing(seen: ReadonlySet<string>): string[] {
    const { world, excused } = this.#options;
    const { fromMs, toMs, namespace } = this.#asked;
    return world.podsIn(namespace, fromMs).flatMap((pod) => {
      if (pod.endsMs <= toMs || seen.has(pod.name) || excused?.(pod.node) === true) return [];
      const known = this.#known(pod);
      const newest = known[0];
      if (newest === undefined || known.length < 2 || fromMs - newest >= this.#staleMs() - this.#options.slackMs)
        return [];
      const age = Math.round(fromMs - newest);
      return [
        `${namespace}/${pod.name} of node ${pod.node} has no value, with ${known.length} samples, newest ${age} ms old`,
      ];
    });
  }

  #staleMs(): number {
    return Math.max(STALE.intervals * this.#options.intervalMs, STALE.minMs);
  }

  #podNamed(name: string): SimPod | undefined {
    const { world } = this.#options;
    const number = parseInt(name.split('-').at(-2) ?? '', 36);
    const { nodes, pods } = world.options;
    if (!(number >= 0 && number < nodes * pods)) return undefined;
    let pod = world.podAt(Math.floor(number / pods), number % pods, this.#asked.toMs);
    const oldestMs = this.#asked.fromMs - this.#staleMs() - this.#options.slackMs;
    while (pod.name !== name && pod.bornMs > Math.max(oldestMs, world.options.startMs)) {
      pod = world.podAt(pod.node, number % pods, pod.bornMs - 1);
    }
    return pod.name === name ? pod : undefined;
  }

  /** Times of its samples that the server has for sure, newest first: those of the present boot of its node. */
  #known(pod: SimPod): number[] {
    const { world, slackMs, sinceMs } = this.#options;
    const { fromMs } = this.#asked;
    const since = Math.max(pod.bornMs, sinceMs, world.boot(pod.node, fromMs).bootedMs);
    return this.#times.sent(pod.node, { fromMs: since, toMs: Math.min(fromMs, pod.endsMs), slackMs });
  }

  /** It has to be there, and to have been there for two samples. */
  #checkLife(pod: SimPod): string[] {
    const { world, slackMs, isCluster = false, isFaulty = false } = this.#options;
    const { fromMs, toMs } = this.#asked;
    if (pod.bornMs > toMs) return [`is answered ${Math.round(pod.bornMs - toMs)} ms before it was made`];
    const isSent = (ms: number): boolean =>
      this.#times.sent(pod.node, { fromMs: ms, toMs: fromMs, slackMs }).length > 0;
    const oldestMs = fromMs - slackMs - (isFaulty ? this.#staleMs() : 0);
    const isToldOf = isCluster || isFaulty ? pod.endsMs < oldestMs : isSent(pod.endsMs);
    if (isToldOf) return [`is answered ${Math.round(fromMs - pod.endsMs)} ms after it ended`];
    const boot = world.boot(pod.node, toMs);
    // what is known of the boot before is answered until the present one is heard of
    if (pod.bornMs < boot.fromMs && !isSent(boot.bootedMs)) return [];
    const since = Math.max(pod.bornMs, boot.bootedMs, world.options.startMs);
    // one that was due before may have been taken after
    const samples = this.#times.count(pod.node, since - slackMs, toMs);
    return samples < 2 ? [`is answered ${Math.round(toMs - since)} ms after it began, with ${samples} samples`] : [];
  }

  #checkValue(pod: SimPod, { value, windowSeconds }: MetricValueV1Beta2): string[] {
    const { world, intervalMs } = this.#options;
    const { interfaces } = world.options;
    const rate = parseQuantity(value);
    let wanted = 0;
    for (let iface = 0; iface < interfaces; iface++) wanted += world.perSecond(pod, iface, this.#column);
    // told in whole seconds, at least one
    const spanS = Math.max((windowSeconds ?? 0) - 0.5, Math.min(0.5, intervalMs / 2_000));
    const tolerance = (interfaces + wanted * TAKEN_AT_STEP_S) / spanS + QUANTITY_STEP;
    if (rate !== undefined && Math.abs(rate - wanted) <= tolerance) return [];
    return [`has ${value} over ${windowSeconds ?? 0} s, and ${wanted} ± ${tolerance.toFixed(3)} is right`];
  }

  #checkTimestamp(pod: SimPod, { timestamp }: MetricValueV1Beta2): string[] {
    const { world, slackMs } = this.#options;
    const { fromMs, toMs } = this.#asked;
    const ms = Date.parse(timestamp) - world.wallMs(0);
    const latest = Math.min(toMs, pod.endsMs + slackMs) + WALL_MS;
    const isExcused = this.#options.excused?.(pod.node) === true;
    const oldestAllowed = fromMs - this.#staleMs();
    const oldest =
      Math.max(oldestAllowed, isExcused ? -Infinity : (this.#known(pod)[0] ?? -Infinity)) - TIMESTAMP_MS - WALL_MS;
    if (ms >= oldest && ms <= latest) return [];
    return [
      `is of ${Math.round(toMs - ms)} ms ago, where ${Math.round(toMs - latest)} to ${Math.round(toMs - oldest)} is right`,
    ];
  }
}

function metricOf(counter: string): string {
  return `network_${counter.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_per_second`;
}
