import type { NodeReport } from '../openapi/node-report.js';
import type { NodeView } from '../metrics/node-families.js';
import type { Clock } from '../runtime/clock.js';
import { errorMessage, type Logger } from '../runtime/logger.js';
import type { Collector } from './collectors/collector.js';
import type { CollectorName } from './collectors/registry.js';
import { NO_DEVICES, type DeviceBook } from './devices/device-book.js';
import { EndingPods } from './ending-pods.js';
import type { Ipam } from './ipam/create-ipam.js';
import { KnownPods } from './known-pods.js';
import type { Pod, PodSource } from './inventory/pod.js';
import { ReceiveCheck } from './inventory/receive-check.js';
import { NetnsEpochs } from './netns-epochs.js';
import { readRound, type Round } from './read-round.js';
import { draftReport, type ReportDraft, type Sender } from './report/build.js';
import { History } from './report/history.js';
import { viewOf } from './report/view.js';
import type { SelfMetrics } from './self-metrics.js';

export interface SweeperDeps {
  readonly sender: Sender;
  readonly podSource: PodSource;
  readonly collectors: ReadonlyMap<string, Collector>;
  /** Absent: nobody looks at them. */
  readonly devices?: DeviceBook;
  /** Absent: nobody looks at IP addresses. It is read on a schedule of its own. */
  readonly ipam?: Pick<Ipam, 'reports' | 'views' | 'result'>;
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
/** The collector of devices: a round over some pods needs it only where one of them has any. */
const DEVICES: CollectorName = 'sriov';
const NOT_KNOWN_YET = 'which pods there are is not known yet';
/** Pods that one line of the log names. */
const TOLD_AT_ONCE = 10;

/** Reads the node once a round, and keeps what it read: the pods as last known, and the history of their counters. */
export class Sweeper {
  readonly #deps: SweeperDeps;
  readonly #history = new History();
  readonly #checks = { received: new ReceiveCheck(), epochs: new NetnsEpochs() };
  readonly #ending = new EndingPods();
  readonly #pods: KnownPods;
  /** Pods that ended since the last round over all pods: a report that has their last samples names them. */
  readonly #ended = new Set<string>();
  #collectors: NodeReport['collectors'] = [];
  #sequence = 0;
  /** Of the last sample of all pods. */
  #wholeSequence = 0;
  #newestMs = -Infinity;
  /** The last round asked for. */
  #turn = Promise.resolve();
  #problem = '';
  #waiting = NOT_KNOWN_YET;
  #told: ReadonlyMap<string, string> = new Map();
  /** Where a sweep ran out of time the next one begins, so that it is not always the same pods that go without. */
  #firstUid: string | undefined;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
    this.#pods = new KnownPods(deps);
  }

  /** Time of the newest sample of all pods; -Infinity before the first. */
  get newestMs(): number {
    return this.#newestMs;
  }

  /** What failed as a whole in the last round; empty when nothing did. */
  get problem(): string {
    return this.#problem;
  }

  /** Whether the last round could not read the interfaces of pods, or nothing at all. */
  get isBlind(): boolean {
    const failed = this.#collectors.filter(({ ok }) => !ok);
    return failed.length === this.#collectors.length || failed.some(({ name }) => name === 'interfaces');
  }

  /** What has to be learnt from others before anything can be read; empty when nothing has. */
  get waiting(): string {
    return this.#waiting;
  }

  /** One round over all pods. A failure is logged, counted and reported; it does not throw. */
  async sweep(): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#ending.size > 0) await this.#readEnding();
      await this.#sweep();
    });
  }

  /**
   * A pod is about to end (it is being deleted, or its containers have ended for good): its last sample is to be as late as possible.
   * @param isGone it is no longer listed
   */
  noteEnding(uid: string, isGone: boolean): void {
    this.#ending.add(uid, isGone, this.#deps.clock.monotonicMs());
  }

  /** Whether there are pods to be read out of turn. */
  get hasEnding(): boolean {
    return this.#ending.size > 0;
  }

  /** One round over the pods that are about to end. @returns whether one ended: then there is a new sample */
  async readEnding(): Promise<boolean> {
    const before = this.#sequence;
    await this.#exclusively(() => this.#readEnding());
    return this.#sequence !== before;
  }

  /** Rounds follow each other: samples go by their times. */
  async #exclusively(round: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(round).catch((error: unknown) => this.#tell(`sweep: ${errorMessage(error)}`));
    this.#turn = mine;
    await mine;
  }

  async #readEnding(): Promise<void> {
    const pods = [...this.#pods.all].flatMap(({ pod }) => (this.#ending.has(pod.uid) ? [pod] : []));
    const asked = uidsOf(pods);
    const { devices } = this.#deps;
    const read = await this.#read(pods, (collector) => collector !== DEVICES || devices?.hasDevices(asked) === true);
    const { interfaces } = read.readings;
    const round = withInterfaces(read, devices?.accountEnding(pods, read.devices, interfaces) ?? interfaces);
    this.#addLast(this.#ending.take(round, asked));
  }

  async #sweep(): Promise<void> {
    const { clock, metrics } = this.#deps;
    const startedMs = clock.monotonicMs();
    const pods = this.#findPods(startedMs);
    if (pods === undefined) return;
    const read = await this.#read(rotate(pods, this.#firstUid));
    const { interfaces } = read.readings;
    const round = withInterfaces(
      read,
      this.#deps.devices?.account(pods, read.devices, interfaces, startedMs) ?? interfaces,
    );
    const { ended, rounds } = this.#ending.take(round, uidsOf(pods));
    // of those that were read now the round itself tells
    this.#addLast({ ended, rounds: rounds.filter(({ takenAt }) => takenAt < round.takenAt) });
    this.#addSample(round);
    this.#wholeSequence = this.#sequence;
    this.#newestMs = round.takenAt;
    this.#pods.update(pods, round, (uid) => this.#ended.has(uid) || this.#ending.has(uid));
    this.#ended.clear();
    this.#history.keepOnly(new Set(this.#pods.reported.map(({ pod }) => pod.uid)));
    this.#ending.expire(startedMs);
    this.#showCollectors(round.collectors);
    this.#showSkipped(round);
    metrics.sweepSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
    metrics.pods.set(pods.length);
  }

  #addLast({ ended, rounds }: ReturnType<EndingPods['take']>): void {
    for (const uid of ended) this.#ended.add(uid);
    for (const round of rounds) this.#addSample(round);
  }

  #findPods(nowMs: number): readonly Pod[] | undefined {
    const { podSource, onAsked, onPods } = this.#deps;
    let pods: readonly Pod[] | undefined;
    try {
      pods = podSource.pods(nowMs);
    } catch (error) {
      this.#collectors = [{ name: 'pods', ok: false, seconds: 0, error: errorMessage(error) }];
      this.#tell(`pods: ${errorMessage(error)}`);
      return undefined;
    }
    onAsked?.();
    this.#waiting = pods === undefined ? NOT_KNOWN_YET : '';
    if (pods === undefined) {
      this.#tell('');
      return undefined;
    }
    const uids = uidsOf(pods);
    this.#checks.received.keepOnly(uids);
    this.#checks.epochs.keepOnly(uids);
    onPods?.(pods);
    return pods;
  }

  #read(pods: readonly Pod[], isWanted: (collector: string) => boolean = () => true): Promise<Round> {
    const { collectors: all, clock, sender } = this.#deps;
    const timeoutMs = Math.round(sender.intervalMs * SWEEP_SHARE);
    const collectors = new Map([...all].filter(([name]) => isWanted(name)));
    return readRound(pods, { collectors, clock, checks: this.#checks, timeoutMs });
  }

  /** A round that is no later than the newest sample says nothing that is not known. */
  #addSample({ takenAt, readings }: Round): void {
    if (takenAt <= (this.#history.newest?.takenAt ?? -Infinity)) return;
    const { historyMs, sender } = this.#deps;
    this.#sequence++;
    this.#history.add({ sequence: this.#sequence, takenAt }, readings, historyMs() + 2 * sender.intervalMs);
  }

  /** The report for a server that has the samples up to a sequence. */
  report(afterSequence: number, maxSamples: number): ReportDraft {
    const { sender, devices, ipam } = this.#deps;
    const ipamResult = ipam?.result;
    return draftReport({
      sender,
      pods: this.#pods.reported,
      devices: devices?.state ?? NO_DEVICES,
      ...(ipam !== undefined && { ipam: ipam.reports() }),
      samples: this.#history.since(afterSequence).slice(-maxSamples),
      sequence: this.#sequence,
      collectors: ipamResult === undefined ? this.#collectors : [...this.#collectors, ipamResult],
      sentAt: () => this.#deps.clock.monotonicMs(),
    });
  }

  /** The newest reading of every pod and interface: of the last sample of all pods, and of those of pods that ended since. */
  view(): NodeView {
    const samples = this.#history.since(this.#wholeSequence - 1);
    const { sender, devices, ipam, clock } = this.#deps;
    return viewOf({
      ...{ node: sender.node, pods: this.#pods.listed, samples, devices: devices?.state ?? NO_DEVICES },
      ipam: ipam?.views(clock.monotonicMs()) ?? [],
    });
  }

  #showCollectors(results: NodeReport['collectors']): void {
    const { metrics } = this.#deps;
    for (const { name, ok, seconds } of results) {
      metrics.collectorSuccess.set({ collector: name }, ok ? 1 : 0);
      metrics.collectorSeconds.set({ collector: name }, seconds);
    }
    this.#collectors = results;
    this.#tell(results.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`])).join('; '));
  }

  #showSkipped({ skipped, failures }: Round): void {
    const { skippedPods } = this.#deps.metrics;
    skippedPods.reset();
    for (const reason of skipped.values()) skippedPods.inc({ reason });
    this.#firstUid = [...skipped].find(([, reason]) => reason === 'no_time')?.[0] ?? this.#firstUid;
    this.#tellUnread(failures);
  }

  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === '') this.#deps.log.info('every collector works again');
    else this.#deps.log.warn({ problem }, 'a collector failed');
  }

  /** One line when there are pods, or of a pod a reason, that were not there the time before. */
  #tellUnread(failures: Round['failures']): void {
    const before = this.#told;
    this.#told = failures;
    const added = [...failures].filter(([key]) => !before.has(key)).map(([, text]) => text);
    const { log } = this.#deps;
    if (added.length > 0) {
      const pods = [...added.slice(0, TOLD_AT_ONCE), ...(added.length > TOLD_AT_ONCE ? ['…'] : [])].join('; ');
      log.warn({ count: failures.size, added: added.length, pods }, 'pods could not be read');
    } else if (failures.size === 0 && before.size > 0) log.info('no pod fails to be read any more');
  }
}

function withInterfaces(round: Round, interfaces: Round['readings']['interfaces']): Round {
  return interfaces === round.readings.interfaces ? round : { ...round, readings: { ...round.readings, interfaces } };
}

function uidsOf(pods: readonly Pod[]): Set<string> {
  return new Set(pods.map(({ uid }) => uid));
}

/** The same pods, beginning with one of them; as they are where it is gone. */
function rotate(pods: readonly Pod[], firstUid: string | undefined): readonly Pod[] {
  const first = pods.findIndex(({ uid }) => uid === firstUid);
  return first <= 0 ? pods : [...pods.slice(first), ...pods.slice(0, first)];
}
