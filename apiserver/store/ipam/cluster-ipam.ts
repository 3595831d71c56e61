import type { IpamFigure } from '../../../metrics/ipam/figures.js';
import type { IpamSourceReport } from '../../../openapi/ipam-report.js';
import type { NodeSeries } from '../node-series.js';
import type { PodSeries } from '../pod-series.js';
import type { IpamFigures, IpamNodes, IpamValue } from './ipam-figures.js';
import { IPAM_COUNTERS } from './ipam-growth.js';
import { IpamTotals } from './ipam-totals.js';
import { freshForMs } from './node-ipam.js';
import { SharedTexts } from './shared-texts.js';
import { SOURCE, ToldNode, isAwaited } from './told-node.js';

export interface ClusterIpamOptions {
  /** How far back rates can be asked for, milliseconds. */
  readonly historyMs: number;
  /** Whether a pod is in the list of the API server; left out without one. */
  readonly podExists?: (pod: PodSeries) => boolean;
  /**
   * Pods in the list of the API server that serve what ipamd counts, one on each node that has it; left out without a list. Undefined while
   * that was never whole: then nobody can tell of a total whether it is of all nodes, and there is none.
   */
  readonly servingPods?: () => number | undefined;
}

/** The nodes at a time. */
interface Present {
  readonly atMs: number;
  readonly reporting: ReadonlyMap<string, ToldNode>;
  /** Undefined where it is not known how many there ought to be. */
  readonly missing: number | undefined;
  readonly totals: IpamTotals;
  /** Of the oldest reading. */
  readonly ageMs: number;
}

/** What is added up is so no older than this, though nothing came: readings grow stale. */
const PRESENT_MS = 1_000;
const COLUMNS = new Map(IPAM_COUNTERS.map(({ metricName }, column) => [metricName, column]));

/**
 * What the nodes tell of ipamd, added up. Growth of counters is added as the readings come, and everything else when somebody asks: all nodes
 * anew after the next reading, or a second later.
 */
export class ClusterIpam implements IpamFigures {
  readonly #options: ClusterIpamOptions;
  readonly #nodes = new Map<string, ToldNode>();
  readonly #shared = new SharedTexts();
  /** Of all nodes since this server started, in the order of IPAM_COUNTERS; NaN for a counter that none has told yet. */
  readonly #grown = new Float64Array(IPAM_COUNTERS.length).fill(NaN);
  /** When nodes began to tell, and when one did last. */
  #sinceMs = -Infinity;
  #lastMs = -Infinity;
  #present: Present | undefined;

  constructor(options: ClusterIpamOptions) {
    this.#options = options;
  }

  /** To be called when an agent of role node has reported. */
  add(node: NodeSeries, sources: readonly IpamSourceReport[], nowMs: number): void {
    node.ipam.add(sources, this.#shared);
    const source = node.ipam.get(SOURCE);
    const reading = source?.reading;
    const awaited = isAwaited(node, sources);
    let told = this.#nodes.get(node.node);
    if (told === undefined && reading === undefined && !awaited) return;
    this.#present = undefined;
    if (told === undefined) this.#nodes.set(node.node, (told = new ToldNode()));
    told.node = node;
    told.isAwaited = awaited;
    if (source !== undefined && reading !== undefined && told.isNews(reading)) {
      this.#begin(told, freshForMs(node, source), nowMs);
      const grown = told.take(node, reading, { nowMs, historyMs: this.#options.historyMs });
      for (const [column, by] of grown.entries()) {
        if (Number.isNaN(by)) continue;
        const before = this.#grown[column] ?? NaN;
        this.#grown[column] = Number.isNaN(before) ? by : before + by;
      }
    } else if (!awaited && told.isPast(nowMs)) {
      this.#nodes.delete(node.node); // its agent is there, and there is no ipamd any more
    }
  }

  /** To be called when what an agent reported is forgotten. What its counters stood at is kept for a while: it may come back. */
  remove(node: NodeSeries): void {
    const told = this.#nodes.get(node.node);
    if (told?.node !== node) return;
    told.node = undefined;
    this.#present = undefined;
  }

  /** To be called when the clock of a node has stepped, as that of a machine that was put back to what it was: its counters may have, too. */
  stepped({ node }: NodeSeries): void {
    this.#nodes.get(node)?.forgetCounts();
  }

  /** Forgets nodes that are gone. */
  expire(nowMs: number): void {
    for (const [name, told] of this.#nodes) {
      if (told.node === undefined && told.isPast(nowMs)) this.#nodes.delete(name);
    }
  }

  nodes(nowMs: number): IpamNodes {
    const { reporting, missing } = this.#at(nowMs);
    return missing === undefined ? { reporting: 0, missing: 0 } : { reporting: reporting.size, missing };
  }

  total(figure: IpamFigure, nowMs: number): IpamValue | undefined {
    const { reporting, missing, totals, ageMs, atMs } = this.#at(nowMs);
    if (reporting.size === 0 || missing === undefined) return undefined;
    const value = figure.kind === 'counter' ? this.#grown[COLUMNS.get(figure.metricName) ?? -1] : totals.of(figure);
    if (value === undefined || Number.isNaN(value)) return undefined;
    return { value, ageMs: ageMs + nowMs - atMs, spanMs: 0 };
  }

  /** The rates of the nodes, each on its own clock, added up: whole, or undefined. A node that has just joined has grown by nothing. */
  totalRate(figure: IpamFigure, windowMs: number, nowMs: number): IpamValue | undefined {
    const column = COLUMNS.get(figure.metricName);
    const { reporting, missing } = this.#at(nowMs);
    if (column === undefined || missing === undefined) return undefined;
    let sum: IpamValue | undefined;
    for (const told of reporting.values()) {
      const rate = told.rate(column, windowMs, nowMs);
      if (rate === undefined && !(told.isJoining && told.tells(column))) return undefined;
      if (rate !== undefined) sum = sum === undefined ? rate : addUp(sum, rate);
    }
    return sum;
  }

  ofNode(node: string, figure: IpamFigure, windowMs: number, nowMs: number): IpamValue | undefined {
    const told = this.#nodes.get(node);
    const ageMs = told?.ageMs(nowMs);
    if (told === undefined || ageMs === undefined) return undefined;
    const column = COLUMNS.get(figure.metricName);
    if (column !== undefined) return told.rate(column, windowMs, nowMs);
    const totals = new IpamTotals();
    totals.add(told.shares);
    const value = totals.of(figure);
    return value === undefined ? undefined : { value, ageMs, spanMs: 0 };
  }

  reportingNodes(nowMs: number): readonly string[] {
    return [...this.#at(nowMs).reporting.keys()].sort();
  }

  /**
   * A node that comes when the others have long been heard has just joined. When a server starts they come one by one, and so they do after a
   * time in which none was heard.
   * @param freshMs how long a reading of it is good for: so long the others have time to come
   */
  #begin(told: ToldNode, freshMs: number, nowMs: number): void {
    if (nowMs - this.#lastMs > freshMs) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
    told.isJoining = told.isPast(nowMs) && nowMs - this.#sinceMs > freshMs;
  }

  #at(nowMs: number): Present {
    const held = this.#present;
    if (held !== undefined && nowMs >= held.atMs && nowMs - held.atMs < PRESENT_MS) return held;
    return (this.#present = this.#reckon(nowMs));
  }

  #reckon(nowMs: number): Present {
    const reporting = new Map<string, ToldNode>();
    const totals = new IpamTotals();
    let [missing, oldestMs] = [0, 0];
    for (const [name, told] of this.#nodes) {
      const ageMs = told.ageMs(nowMs);
      if (ageMs !== undefined) {
        reporting.set(name, told);
        totals.add(told.shares);
        oldestMs = Math.max(oldestMs, ageMs);
      } else if (told.isMissing(nowMs, this.#options.podExists)) {
        missing++;
      }
    }
    const { servingPods = () => 0 } = this.#options;
    const expected = servingPods();
    // A server that has just started has not heard of all of them.
    const isAny = this.#nodes.size > 0;
    const absent = expected === undefined ? undefined : Math.max(missing, isAny ? expected - reporting.size : 0);
    return { atMs: nowMs, reporting, missing: absent, totals, ageMs: oldestMs };
  }
}

function addUp(one: IpamValue, other: IpamValue): IpamValue {
  return {
    value: one.value + other.value,
    ageMs: Math.max(one.ageMs, other.ageMs),
    spanMs: Math.max(one.spanMs, other.spanMs),
  };
}
