import type { IpamSourceReport } from '../../../openapi/ipam-report.js';
import { counterRate } from '../rate.js';
import type { NodeSeries } from '../node-series.js';
import type { PodSeries } from '../pod-series.js';
import type { PodMeta } from '../report.js';
import { IPAM_COUNTERS, IpamGrowth } from './ipam-growth.js';
import type { IpamValue } from './ipam-figures.js';
import { freshUntilMs, readAtMs, type HeldReading } from './node-ipam.js';
import { sharesOf } from './node-shares.js';

/** What keeps the books that are added up. */
export const SOURCE = 'awscni';

/** For so long after its last reading a node is the one that it was, also over a reboot, or when its agent is made anew. */
export const KEPT_MS = 15 * 60_000;

/** Where the pods are that serve what ipamd counts. */
export const SERVING_NAMESPACE = 'kube-system';

/** Whether a pod is one of them, by the rule that cni-metrics-helper found them by (cmd/cni-metrics-helper/metrics). */
export function isServing({ namespace, labels }: Pick<PodMeta, 'namespace' | 'labels'>): boolean {
  return namespace === SERVING_NAMESPACE && labels['k8s-app'] === 'aws-node';
}

/** What one node, by its name, has told of ipamd. */
export class ToldNode {
  /** Undefined while nothing is held of it. */
  node: NodeSeries | undefined;
  /** Whether there ought to be an ipamd that tells, see isAwaited. */
  isAwaited = false;
  /** By the newest reading, see sharesOf. */
  shares: Float64Array = new Float64Array();
  /** Whether it had its first reading when the others had long had theirs: it has grown by nothing yet. */
  isJoining = false;
  #reading: HeldReading | undefined;
  /** Of the machine that it was read on. */
  #bootId = '';
  /** On the server's clock; -Infinity: never. */
  #readAtMs = -Infinity;
  readonly #growth = new IpamGrowth();
  /** Since it was first heard of, in the order of IPAM_COUNTERS. */
  readonly #grown = new Float64Array(IPAM_COUNTERS.length);

  /** Whether what is known of it is of no use any more. */
  isPast(nowMs: number): boolean {
    return nowMs - this.#readAtMs > KEPT_MS;
  }

  /** What its counters stood at says nothing of what they will: the next reading is the first one. */
  forgetCounts(): void {
    this.#growth.forget();
  }

  isNews(reading: HeldReading): boolean {
    return reading !== this.#reading;
  }

  /**
   * Takes over a reading that is news, and adds it to the history of the node.
   * @returns what each of IPAM_COUNTERS grew by; NaN where it is not told
   */
  take(node: NodeSeries, reading: HeldReading, { nowMs, historyMs }: { nowMs: number; historyMs: number }): number[] {
    if (this.isPast(nowMs) || this.#isOther(node)) this.forgetCounts();
    const told = {
      byName: new Map(reading.families.map((family) => [family.name, family])),
      leftOut: reading.leftOut,
    };
    const grown = this.#growth.take(told);
    const row = grown.map((by, column) => {
      if (!Number.isNaN(by)) this.#grown[column] = (this.#grown[column] ?? 0) + by;
      return Number.isNaN(by) ? NaN : (this.#grown[column] ?? NaN);
    });
    node.ipam.addGrowth(reading.takenAtMs, row, historyMs);
    this.shares = sharesOf(reading, told);
    this.#reading = reading;
    this.#bootId = node.bootId;
    this.#readAtMs = readAtMs(node, { reading });
    return grown;
  }

  /** Age of the reading that says something of the present; undefined where none does. */
  ageMs(nowMs: number): number | undefined {
    const source = this.node?.ipam.get(SOURCE);
    if (this.node === undefined || source?.reading === undefined) return undefined;
    if (nowMs > freshUntilMs(this.node, source)) return undefined;
    return Math.max(0, nowMs - readAtMs(this.node, source));
  }

  /**
   * Whether it ought to tell, where it does not. One that is silent altogether ought to for as long as it is there: one of its pods is.
   * One whose agent told of no pod is taken to be there until it is forgotten.
   * @param exists whether a pod is in the list of the API server; undefined without one
   */
  isMissing(nowMs: number, exists: ((pod: PodSeries) => boolean) | undefined): boolean {
    if (this.node === undefined || !(this.isAwaited || this.#readAtMs > -Infinity)) return false;
    const { pods } = this.node;
    return this.node.isFresh(nowMs) || exists === undefined || pods.size === 0 || [...pods.values()].some(exists);
  }

  /** Growth per second of a counter. @returns undefined where it is not told at present, or was but once */
  rate(column: number, windowMs: number, nowMs: number): IpamValue | undefined {
    const ageMs = this.ageMs(nowMs);
    const readings = this.node?.ipam.growth?.readings;
    if (readings === undefined || ageMs === undefined || !this.tells(column)) return undefined;
    const rate = counterRate(readings, column, windowMs);
    return rate.ok ? { value: rate.perSecond, ageMs, spanMs: rate.spanMs } : undefined;
  }

  /** Whether a counter is in its newest reading. */
  tells(column: number): boolean {
    const readings = this.node?.ipam.growth?.readings;
    if (readings === undefined) return false;
    return !Number.isNaN(readings.values[(readings.length - 1) * readings.width + column] ?? NaN);
  }

  /**
   * Whether a node is another machine that has the name: it was up already when this one was read last. After a reboot counters begin at 0,
   * those of another machine have nothing to do with these.
   */
  #isOther({ bootId, offsetMs }: NodeSeries): boolean {
    // The node's clock counts from its boot, as the offset is of it: Linux CLOCK_MONOTONIC.
    return bootId !== this.#bootId && offsetMs < this.#readAtMs;
  }
}

/**
 * Whether there ought to be an ipamd that tells: the agent has read it since its own start, or says that it cannot, or it has a pod on the
 * node. An agent that was started anew where nothing listens knows of none.
 */
export function isAwaited(node: NodeSeries, sources: readonly IpamSourceReport[]): boolean {
  const source = sources.find(({ name }) => name === SOURCE);
  if (source === undefined) return false;
  const { takenAt, problem = 'not_found' } = source;
  if (takenAt !== undefined || problem !== 'not_found') return true;
  return [...node.pods.values()].some(({ meta }) => isServing(meta));
}
