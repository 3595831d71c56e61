import type { Pod } from './inventory/pod.js';
import type { Round } from './read-round.js';

/** Last readings of pods that ended; undefined where there are none. */
export interface LastReadings {
  readonly earlier: Round | undefined;
  readonly now: Round | undefined;
}

/**
 * Pods that are about to end. They are read again and again, and only the last reading of each is wanted, when nothing more can be
 * read: until then it is kept here.
 */
export class EndingPods {
  readonly #uids = new Set<string>();
  /** Those of which nobody will know any more. */
  readonly #gone = new Set<string>();
  /** The newest round over them. */
  #last: Round | undefined;

  /** @param isGone it is no longer listed: this reading is the last */
  add(uid: string, isGone: boolean): void {
    this.#uids.add(uid);
    if (isGone) this.#gone.add(uid);
  }

  get size(): number {
    return this.#uids.size;
  }

  has(uid: string): boolean {
    return this.#uids.has(uid);
  }

  /** Forgets all but the pods of now that still are about to end. */
  keepOnly(pods: readonly Pod[]): void {
    const present = new Set(pods.map(({ uid }) => uid));
    for (const uid of this.#uids) {
      if (!present.has(uid)) this.#uids.delete(uid);
    }
  }

  /**
   * Takes a round over all of them, or over all pods.
   * @returns the last reading of those that ended: of the round before, and of this one where they are gone now
   */
  take(round: Round): LastReadings {
    const before = this.#last;
    const ended = [...this.#uids].filter((uid) => !isRead(round, uid) || this.#gone.has(uid));
    for (const uid of ended) this.#uids.delete(uid);
    this.#gone.clear();
    this.#last = restricted(round, (uid) => this.#uids.has(uid));
    return {
      earlier: before && restricted(before, (uid) => ended.includes(uid) && !isRead(round, uid)),
      now: restricted(round, (uid) => ended.includes(uid)),
    };
  }
}

function isRead({ readings }: Round, uid: string): boolean {
  return (readings.interfaces.get(uid)?.length ?? 0) > 0;
}

/** The part of a round that is about some pods; undefined where it read none of them. */
function restricted(round: Round, isWanted: (uid: string) => boolean): Round | undefined {
  const { interfaces, transport = new Map<string, readonly number[]>() } = round.readings;
  const wanted = [...interfaces].filter(([uid, { length }]) => length > 0 && isWanted(uid));
  if (wanted.length === 0) return undefined;
  const readings = { interfaces: new Map(wanted), transport: new Map([...transport].filter(([uid]) => isWanted(uid))) };
  return { ...round, readings };
}
