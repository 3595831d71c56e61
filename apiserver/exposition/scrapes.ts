import type { Clock } from '../../runtime/clock.js';
import type { Look } from './exposition.js';
import type { NodeLines } from './pieces.js';

/** What those that scrape may cost together. `docs/architecture.md` has the numbers, too. */
export interface ScrapeLimits {
  /** Scrapes under way; each one costs some buffers besides what it is of. */
  readonly atOnce: number;
  /** Of deflated lines that scrapes under way are of. One moment of 5,000 nodes with 60 interfaces each is 26 MB. */
  readonly heldBytes: number;
  /** Those that begin within this time of each other are of the same moment, while one of them is under way. */
  readonly sharedMs: number;
  /** How long one is let be before it gives way to another of a client that has as many. */
  readonly undisturbedMs: number;
  /** From its beginning to its last byte. */
  readonly longestMs: number;
}

export const SCRAPE_LIMITS: ScrapeLimits = {
  atOnce: 64,
  heldBytes: 256 * 1024 * 1024,
  sharedMs: 1_000,
  undisturbedMs: 3_000,
  longestMs: 120_000,
};

/** Why a scrape was ended before it was whole. */
export type Ending = 'gave_way' | 'too_slow';

/** One scrape, from when it is let in until it is over. */
export interface Scrape {
  readonly atMs: number;
  readonly lines: Promise<readonly NodeLines[]>;
  /** To be called when the lines are no longer needed. */
  release(): void;
  /** To be called when its answer is over, however it was. */
  end(): void;
}

/** What was to be seen at one moment. */
interface Moment extends Look {
  readonly namespace: string | undefined;
  readonly atMs: number;
  heldBytes: number;
  readonly holders: Set<object>;
}

interface UnderWay {
  readonly client: string;
  readonly startedMs: number;
  readonly moment: Moment;
  readonly stop: (ending: Ending) => void;
}

type LookAt = (nowMs: number, namespace: string | undefined) => Look;

/**
 * The scrapes under way. A scrape is of one moment, and what is rendered anew since then stays in memory for it: so there are only so many, and
 * whoever takes long gives way, not whoever comes: first those of the client that has the most.
 */
export class Scrapes {
  readonly #look: LookAt;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #limits: ScrapeLimits;
  /** In the order in which they began. */
  readonly #underWay = new Set<UnderWay>();
  readonly #moments = new Set<Moment>();

  constructor(look: LookAt, clock: Pick<Clock, 'monotonicMs'>, limits: ScrapeLimits = SCRAPE_LIMITS) {
    this.#look = look;
    this.#clock = clock;
    this.#limits = limits;
  }

  get count(): number {
    return this.#underWay.size;
  }

  /** Of the deflated lines of all that is under way. */
  get heldBytes(): number {
    let sum = 0;
    for (const moment of this.#moments) sum += moment.heldBytes;
    return sum;
  }

  /**
   * @param client who asks, such as the name of a user
   * @param stop called at most once, where the scrape has to be ended
   * @returns undefined where there is no room for one more
   */
  begin(client: string, namespace: string | undefined, stop: (ending: Ending) => void): Scrape | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#makeRoom(client, nowMs)) return undefined;
    const moment = this.#momentOf(namespace, nowMs);
    const timer = setTimeout(() => underWay.stop('too_slow'), this.#limits.longestMs).unref();
    const release = (): void => {
      moment.holders.delete(underWay);
      if (moment.holders.size === 0) this.#forget(moment);
    };
    const end = (): void => {
      clearTimeout(timer);
      this.#underWay.delete(underWay);
      release();
    };
    const underWay: UnderWay = {
      ...{ client, startedMs: nowMs, moment },
      stop: (ending) => {
        end();
        stop(ending);
      },
    };
    moment.holders.add(underWay);
    this.#underWay.add(underWay);
    return { atMs: moment.atMs, lines: moment.lines, release, end };
  }

  /** Nobody who takes what he gets is under way for long, and nobody keeps others out by asking for more. */
  #makeRoom(client: string, nowMs: number): boolean {
    while (!this.#hasRoom()) {
      const counts = new Map<string, number>();
      for (const one of this.#underWay) counts.set(one.client, (counts.get(one.client) ?? 0) + 1);
      const most = Math.max(...counts.values());
      const oldest = [...this.#underWay].find((one) => counts.get(one.client) === most);
      if (oldest === undefined) return false;
      const isAsMany = (counts.get(client) ?? 0) + 1 >= most;
      if (isAsMany && nowMs - oldest.startedMs < this.#limits.undisturbedMs) return false;
      oldest.stop('gave_way');
    }
    return true;
  }

  #hasRoom(): boolean {
    return this.#underWay.size < this.#limits.atOnce && this.heldBytes < this.#limits.heldBytes;
  }

  #momentOf(namespace: string | undefined, nowMs: number): Moment {
    for (const moment of this.#moments) {
      if (moment.namespace === namespace && nowMs - moment.atMs < this.#limits.sharedMs) return moment;
    }
    const moment: Moment = {
      ...this.#look(nowMs, namespace),
      namespace,
      atMs: nowMs,
      heldBytes: 0,
      holders: new Set(),
    };
    this.#moments.add(moment);
    moment.lines.then(
      (seen) => (moment.heldBytes = bytesOf(seen)),
      () => this.#forget(moment), // its scrapes fail, and no other shall
    );
    return moment;
  }

  #forget(moment: Moment): void {
    this.#moments.delete(moment);
    moment.release();
  }
}

function bytesOf(lines: readonly NodeLines[]): number {
  return lines.reduce((sum, { blocks, extras }) => sum + blocks.bytes + (extras?.lines.bytes ?? 0), 0);
}
