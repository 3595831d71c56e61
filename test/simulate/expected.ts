// What a server that is told of the simulated world must know at a time, may know, and cannot know.
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
  /** Whether reports may take longer than that: a server may then lack what is new, and answers what has ended, or an earlier boot counted, until it is stale. */
  readonly isLate?: boolean;
}

/** Begun and ended in which time, on the machine's monotonic clock, milliseconds. */
export interface AskedWithin {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The same, of a server that reports may not have reached in time: what is wrong then is wrong whatever was late. */
export function howeverLate(options: CheckOptions): CheckOptions {
  return { ...options, isLate: true };
}

/** As NodeSeries has it: three intervals, at least 15 s. */
const STALE = { intervals: 3, minMs: 15_000 };

export class Expected {
  readonly times: SampleTimes;
  readonly #options: CheckOptions;
  readonly #asked: AskedWithin;

  constructor(options: CheckOptions, asked: AskedWithin) {
    this.#options = options;
    this.#asked = asked;
    this.times = new SampleTimes(options.world, options.intervalMs);
  }

  get staleMs(): number {
    return Math.max(STALE.intervals * this.#options.intervalMs, STALE.minMs);
  }

  /** The pod of a name, or one of that name that a server may still believe in. */
  podNamed(namespace: string, name: string): SimPod | undefined {
    const { world, slackMs } = this.#options;
    const { nodes, pods } = world.options;
    const number = parseInt(name.split('-').at(-2) ?? '', 36);
    if (!(number >= 0 && number < nodes * pods)) return undefined;
    const oldestMs = Math.max(this.#asked.fromMs - this.staleMs - slackMs, world.options.startMs);
    let pod = world.podAt(Math.floor(number / pods), number % pods, this.#asked.toMs);
    while (pod.name !== name && pod.bornMs > oldestMs) pod = world.podAt(pod.node, number % pods, pod.bornMs - 1);
    return pod.name === name && pod.namespace === namespace ? pod : undefined;
  }

  /** Times of the newest two samples of it that the server has for sure, newest first: of the present boot of its node. */
  known(pod: SimPod): number[] {
    const { world, slackMs, sinceMs } = this.#options;
    const { fromMs } = this.#asked;
    const since = Math.max(pod.bornMs, sinceMs, world.boot(pod.node, fromMs).bootedMs);
    return this.times.sent(pod.node, { fromMs: since, toMs: Math.min(fromMs, pod.endsMs), slackMs, most: 2 });
  }

  /** When the oldest sample was taken that may be the newest one of it: that the server has for sure, or one that is not stale. */
  oldestMs(pod: SimPod): number {
    const { isLate, slackMs, world } = this.#options;
    const { fromMs } = this.#asked;
    const [known = -Infinity] = isLate === true ? [] : this.known(pod);
    const since = Math.max(pod.bornMs, world.boot(pod.node, fromMs).bootedMs);
    return Math.max(since, known, fromMs - this.staleMs - slackMs);
  }

  /** Whether something must be told of it: it is there, and one or two samples of it, the newest of which is not too old. */
  mustBeThere(pod: SimPod, samples: number): boolean {
    const { isLate, slackMs } = this.#options;
    const { fromMs, toMs } = this.#asked;
    if (pod.endsMs <= toMs || isLate === true) return false;
    const known = this.known(pod);
    return known.length >= samples && fromMs - (known[0] ?? -Infinity) < this.staleMs - slackMs;
  }

  /** Whether the server still goes by the boot before: it has not heard of the present one for sure. */
  mayBeOfEarlierBoot(pod: SimPod): boolean {
    const boot = this.#options.world.boot(pod.node, this.#asked.toMs);
    return pod.bornMs < boot.fromMs && !this.#isSentSince(pod.node, boot.bootedMs);
  }

  /** What is wrong with telling of it at all: it has to be there, and to have been there for so many samples. */
  problemOfLife(pod: SimPod, samples: number): string | undefined {
    const { world, slackMs, isCluster = false, isLate = false } = this.#options;
    const { fromMs, toMs } = this.#asked;
    const lateMs = this.#lateMs;
    if (pod.bornMs > toMs) return `is told of ${Math.round(pod.bornMs - toMs)} ms before it was made`;
    const isGone = isCluster || isLate ? pod.endsMs < fromMs - lateMs : this.#isSentSince(pod.node, pod.endsMs);
    if (isGone) return `is told of ${Math.round(fromMs - pod.endsMs)} ms after it ended`;
    if (this.mayBeOfEarlierBoot(pod)) return undefined;
    const since = Math.max(pod.bornMs, world.boot(pod.node, toMs).bootedMs, world.options.startMs);
    // one that was due before may have been taken after
    const possible = this.times.count(pod.node, since - slackMs, toMs);
    if (possible >= samples) return undefined;
    return `is told of ${Math.round(toMs - since)} ms after it began, with ${possible} samples`;
  }

  /** How long a server may go by what it was told last. */
  get #lateMs(): number {
    const { slackMs, isLate = false } = this.#options;
    return slackMs + (isLate ? this.staleMs : 0);
  }

  #isSentSince(node: number, ms: number): boolean {
    const sent = this.times.sent(node, { fromMs: ms, toMs: this.#asked.fromMs, slackMs: this.#lateMs, most: 1 });
    return sent.length > 0;
  }
}
