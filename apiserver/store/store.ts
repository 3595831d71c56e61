import { DialledPairs } from './dialled-pairs.js';
import { ClusterIpam, type ClusterIpamOptions } from './ipam/cluster-ipam.js';
import { NodeSeries, type PodChanges } from './node-series.js';
import type { PodSeries } from './pod-series.js';
import type { ReportedPods } from './pods.js';
import type { AcceptedReport } from './report.js';

/** `historyMs`: how far back samples are kept. */
export type StoreOptions = ClusterIpamOptions;

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

/** Of agents. */
export const ROLES: readonly AcceptedReport['role'][] = ['node', 'probe'];

/** A jump of a node's clock against ours that no delay of a request explains. */
const CLOCK_STEP_MS = 30_000;

/** Everything every agent reported: pure memory, told the time by its callers (the server's monotonic clock, milliseconds). */
export class Store implements ReportedPods {
  /** What agents of role probe say of each other. */
  readonly dialled = new DialledPairs();
  /** What agents of role node say of IP addresses. */
  readonly ipam: ClusterIpam;
  readonly #options: StoreOptions;
  /** By `<name>/<role>`. */
  readonly #nodes = new Map<string, NodeSeries>();
  #ordered: readonly NodeSeries[] | undefined;
  /** namespace → pod name → the pods of that name; more than one while a pod moves. */
  readonly #pods = new Map<string, Map<string, PodSeries[]>>();

  constructor(options: StoreOptions) {
    this.#options = options;
    this.ipam = new ClusterIpam(options);
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
      this.#ordered = undefined;
    } else if (isSameStart && newest <= node.lastSequence) {
      return { ok: true, node, isNew: false, clockStepped: false, affected: new Set() };
    }
    const clockStepped = hasClockStepped(node, report, nowMs);
    if (clockStepped) {
      node.forgetHistory();
      if (node.role === 'node') this.ipam.stepped(node);
    }
    const afterSequence = clockStepped && isSameStart ? node.lastSequence : 0;
    if (!isSameStart) node.lastSequence = 0;
    const wasFresh = node.isFresh(nowMs);
    const changes = node.add(report, nowMs, afterSequence);
    if (node.role === 'probe') this.dialled.update(node);
    else this.ipam.add(node, report.ipam ?? [], nowMs);
    const affected = this.#reindex(node, changes);
    // Of pods that others claim, too, the one to show depends on who is alive.
    if (!wasFresh) for (const other of this.#namesakesOf(node, node.pods.values())) affected.add(other);
    return { ok: true, node, isNew: true, clockStepped, affected };
  }

  /**
   * Forgets nodes that have been silent for longer than the history, and what they counted. A pod that is known to exist stays known
   * with the networks it is on: it is missing, and not gone.
   * @returns other nodes of which other pods may now be shown
   */
  expire(nowMs: number, exists: (pod: PodSeries) => boolean = () => false): Set<NodeSeries> {
    const affected = new Set<NodeSeries>();
    this.ipam.expire(nowMs);
    for (const [key, node] of this.#nodes) {
      if (nowMs - node.receivedAtMs <= Math.max(this.#options.historyMs, node.staleAfterMs)) continue;
      for (const other of this.#namesakesOf(node, node.pods.values())) affected.add(other);
      if ([...node.pods.values()].some(exists)) node.forgetHistory();
      else this.#remove(key, node);
    }
    return affected;
  }

  reported(namespace: string, name: string): readonly PodSeries[] {
    return this.#pods.get(namespace)?.get(name) ?? [];
  }

  reportedIn(namespace: string): Iterable<readonly PodSeries[]> {
    return this.#pods.get(namespace)?.values() ?? [];
  }

  reportedNamespaces(): Iterable<string> {
    return this.#pods.keys();
  }

  nodeOf(name: string, role: string): NodeSeries | undefined {
    return this.#nodes.get(`${name}/${role}`);
  }

  nodesNamed(name: string): NodeSeries[] {
    return ROLES.flatMap((role) => this.#nodes.get(`${name}/${role}`) ?? []);
  }

  /** Nodes in the order of their names. */
  nodes(): readonly NodeSeries[] {
    return (this.#ordered ??= [...this.#nodes.keys()].sort().flatMap((key) => this.#nodes.get(key) ?? []));
  }

  /** How many agents of a role have reported. */
  count(role: AcceptedReport['role']): number {
    let count = 0;
    for (const node of this.#nodes.values()) if (node.role === role) count++;
    return count;
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
    return this.#namesakesOf(node, [...added, ...removed]);
  }

  /** Other nodes with a pod of the same name. */
  #namesakesOf(node: NodeSeries, pods: Iterable<PodSeries>): Set<NodeSeries> {
    const others = new Set<NodeSeries>();
    for (const { meta } of pods) {
      for (const pod of this.reported(meta.namespace, meta.name)) if (pod.node !== node) others.add(pod.node);
    }
    return others;
  }

  #remove(key: string, node: NodeSeries): void {
    for (const pod of node.pods.values()) this.#unindex(pod);
    this.dialled.remove(node);
    this.ipam.remove(node);
    this.#nodes.delete(key);
    this.#ordered = undefined;
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
