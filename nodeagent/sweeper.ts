import type { NodeReport } from '../openapi/node-report.js';
import type { InterfaceView, NodeView, PodView } from '../metrics/node-families.js';
import type { Clock } from '../runtime/clock.js';
import { errorMessage, type Logger } from '../runtime/logger.js';
import { CheckedReadings } from './checked-readings.js';
import type { Collector, Sweep } from './collectors/collector.js';
import type { Pod, PodSource, SkipReason } from './inventory/pod.js';
import { ReceiveCheck } from './inventory/receive-check.js';
import { draftReport, type KnownPod, type ReportDraft, type Sender } from './report/build.js';
import { limitPods } from './report/limit.js';
import { History, readingsOf, transportOf, type PodReadings } from './report/history.js';
import type { SelfMetrics } from './self-metrics.js';

export interface SweeperDeps {
  readonly sender: Sender;
  readonly podSource: PodSource;
  readonly collectors: ReadonlyMap<string, Collector>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SelfMetrics;
  /** How far back the samples are wanted, milliseconds. */
  readonly historyMs: () => number;
  /** Called when the source of pods was asked, whatever it said. */
  readonly onAsked?: () => void;
  /** Told which pods there are, before they are read. */
  readonly onPods?: (pods: readonly Pod[]) => void;
}

/** A sweep is stopped when it has taken this part of the interval, so that the next one is on time. */
const SWEEP_SHARE = 0.8;

/** Reads the node once a round, and keeps what it read: the pods as last known, and the history of their counters. */
export class Sweeper {
  readonly #deps: SweeperDeps;
  readonly #history = new History();
  readonly #receiveCheck = new ReceiveCheck();
  #known = new Map<string, KnownPod>();
  /** Those of them that a report has room for. */
  #reported: readonly KnownPod[] = [];
  #cut = '';
  #collectors: NodeReport['collectors'] = [];
  #sequence = 0;
  #problem = '';
  #unreadPods = '';
  /** Where a sweep ran out of time the next one begins, so that it is not always the same pods that go without. */
  #firstUid: string | undefined;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  /** Time of the newest sample; -Infinity before the first. */
  get newestMs(): number {
    return this.#history.newest?.takenAt ?? -Infinity;
  }

  /** What failed as a whole in the last round; empty when nothing did. */
  get problem(): string {
    return this.#problem;
  }

  /** One round. A failure is logged, counted and reported; it does not throw. */
  async sweep(): Promise<void> {
    try {
      await this.#sweep();
    } catch (error) {
      this.#tell(`sweep: ${errorMessage(error)}`);
    }
  }

  async #sweep(): Promise<void> {
    const { clock, podSource, metrics, sender } = this.#deps;
    const startedMs = clock.monotonicMs();
    let pods: readonly Pod[] | undefined;
    try {
      pods = podSource.pods(startedMs);
    } catch (error) {
      this.#collectors = [{ name: 'pods', ok: false, seconds: 0, error: errorMessage(error) }];
      this.#tell(`pods: ${errorMessage(error)}`);
      return;
    }
    this.#deps.onAsked?.();
    if (pods === undefined) {
      this.#tell('pods: which there are is not known yet');
      return;
    }
    this.#deps.onPods?.(pods);
    const readings = new CheckedReadings(this.#receiveCheck);
    const skipped = new Map<string, SkipReason>();
    const failures: string[] = [];
    const readMs = clock.monotonicMs();
    await this.#collect({
      pods: rotate(pods, this.#firstUid),
      startedMs,
      addInterfaces: (pod, interfaces, loopback) => readings.addInterfaces(pod, interfaces, loopback),
      addTransport: (pod, transport) => readings.addTransport(pod, transport),
      skip: (pod, reason, error) => {
        if (reason === 'no_time' && ![...skipped.values()].includes(reason)) this.#firstUid = pod.uid;
        if (skipped.has(pod.uid)) return;
        skipped.set(pod.uid, reason);
        if (error !== undefined) failures.push(`${pod.name}: ${errorMessage(error)}`);
      },
    });
    const endedMs = clock.monotonicMs();
    const checked = readings.checked(pods, startedMs);
    this.#sequence++;
    // The middle of the reading: no reading is further from its time than half of what reading all of them took.
    this.#history.add(
      { sequence: this.#sequence, takenAt: (readMs + endedMs) / 2 },
      checked,
      this.#deps.historyMs() + sender.intervalMs,
    );
    this.#remember(pods, checked);
    this.#limit();
    metrics.sweepSeconds.observe((endedMs - startedMs) / 1_000);
    metrics.pods.set(pods.length);
    metrics.skippedPods.reset();
    for (const reason of skipped.values()) metrics.skippedPods.inc({ reason });
    this.#tellUnread(failures);
  }

  /** The report for a server that has the samples up to a sequence. */
  report(afterSequence: number, maxSamples: number): ReportDraft {
    return draftReport({
      sender: this.#deps.sender,
      pods: this.#reported,
      samples: this.#history.since(afterSequence).slice(-maxSamples),
      sequence: this.#sequence,
      collectors: this.#collectors,
      sentAt: () => this.#deps.clock.monotonicMs(),
    });
  }

  /** The newest reading of every pod and interface, ordered by name. */
  view(): NodeView {
    const newest = this.#history.since(this.#sequence - 1);
    const ordered = [...this.#known.values()].sort((a, b) => (a.pod.name < b.pod.name ? -1 : 1));
    return {
      node: this.#deps.sender.node,
      pods: ordered.map(({ pod, interfaces }): PodView => {
        const [transport] = transportOf(pod.uid, newest);
        return {
          meta: pod,
          interfaces: (interfaces ?? []).map((meta): InterfaceView => {
            const { name, identity } = meta;
            return { meta, counters: nanForNull(readingsOf({ uid: pod.uid, name, identity }, newest)[0]) };
          }),
          ...(transport && { transport: nanForNull(transport) }),
        };
      }),
    };
  }

  /** One collector after the other; what one had added before it failed or ran out of time stays. */
  async #collect(sweep: Sweep): Promise<void> {
    const { collectors, clock, metrics, sender } = this.#deps;
    const signal = AbortSignal.timeout(Math.round(sender.intervalMs * SWEEP_SHARE));
    const results: NodeReport['collectors'] = [];
    for (const [name, collect] of collectors) {
      const startedMs = clock.monotonicMs();
      const error = await collect(sweep, signal).then(() => undefined, errorMessage);
      const seconds = (clock.monotonicMs() - startedMs) / 1_000;
      results.push({
        name,
        ok: error === undefined,
        seconds,
        ...(error !== undefined && { error: error.slice(0, 1_024) }),
      });
      metrics.collectorSuccess.set({ collector: name }, error === undefined ? 1 : 0);
      metrics.collectorSeconds.set({ collector: name }, seconds);
    }
    this.#collectors = results;
    this.#tell(results.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`])).join('; '));
  }

  /** A pod that was not read keeps the interfaces it had: they get no reading, and stay known. */
  #remember(pods: readonly Pod[], { interfaces: read }: PodReadings): void {
    this.#known = new Map(
      pods.map((pod) => {
        const interfaces = read.get(pod.uid)?.map(({ meta }) => meta) ?? this.#known.get(pod.uid)?.interfaces;
        return [pod.uid, { pod, interfaces }];
      }),
    );
  }

  #limit(): void {
    const { metrics, log } = this.#deps;
    const { pods, podsCut, interfacesCut } = limitPods([...this.#known.values()]);
    this.#reported = pods;
    metrics.cutPods.set({ what: 'pod' }, podsCut);
    metrics.cutPods.set({ what: 'interfaces' }, interfacesCut);
    const cut = `${podsCut} pods, and the interfaces of ${interfacesCut}`;
    if (cut === this.#cut || (this.#cut === '' && podsCut + interfacesCut === 0)) return;
    this.#cut = cut;
    log.warn({ podsCut, interfacesCut }, 'left out of the report, which has no room for them');
  }

  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === '') this.#deps.log.info('every collector works again');
    else this.#deps.log.warn({ problem }, 'a collector failed');
  }

  /** One line when it is another pod, or another error, than the time before. */
  #tellUnread(failures: readonly string[]): void {
    const [first = ''] = failures;
    if (first === this.#unreadPods) return;
    this.#unreadPods = first;
    if (first === '') this.#deps.log.info('every pod can be read again');
    else this.#deps.log.warn({ count: failures.length, first }, 'pods could not be read');
  }
}

function nanForNull(counters: readonly (number | null)[] | null | undefined): number[] {
  return counters?.map((value) => value ?? NaN) ?? [];
}

/** The same pods, beginning with one of them; as they are where it is gone. */
function rotate(pods: readonly Pod[], firstUid: string | undefined): readonly Pod[] {
  const first = pods.findIndex(({ uid }) => uid === firstUid);
  return first <= 0 ? pods : [...pods.slice(first), ...pods.slice(0, first)];
}
