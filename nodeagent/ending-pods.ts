import type { Round } from './read-round.js';

/** A pod may take its time to end, as long as its owner likes: after this its samples are those of all pods. */
const LONGEST_MS = 60_000;

/**
 * Pods that are about to end. They are read again and again, and only the last reading of each is wanted, when nothing more can be
 * read: until then it is kept here.
 */
export class EndingPods {
  /** Since when, monotonic milliseconds, by uid. */
  readonly #since = new Map<string, number>();
  /** Those of which nobody will know any more. */
  readonly #gone = new Set<string>();
  /** The newest rounds over them, oldest first: of each pod its newest reading. */
  #last: readonly Round[] = [];

  /** @param isGone it is no longer listed: its next reading is the last */
  add(uid: string, isGone: boolean, nowMs: number): void {
    if (!this.#since.has(uid)) this.#since.set(uid, nowMs);
    if (isGone) this.#gone.add(uid);
  }

  has(uid: string): boolean {
    return this.#since.has(uid);
  }

  get size(): number {
    return this.#since.size;
  }

  /** Forgets those that have been about to end for too long. */
  expire(nowMs: number): void {
    for (const [uid, sinceMs] of this.#since) {
      if (nowMs - sinceMs > LONGEST_MS) this.#forget(uid);
    }
  }

  /**
   * Takes a round over some or all of them.
   * @param asked pods that were to be read; of others it says nothing
   * @returns the uids of those that ended, and their last readings, oldest first
   */
  take(round: Round, asked: ReadonlySet<string>): { readonly ended: ReadonlySet<string>; readonly rounds: Round[] } {
    const before = this.#last;
    const ours = [...this.#since.keys()].filter((uid) => asked.has(uid));
    const ended = new Set(ours.filter((uid) => !isRead(round, uid) || this.#gone.has(uid)));
    for (const uid of ended) this.#forget(uid);
    this.#last = [
      ...before.flatMap((one) => restricted(one, (uid) => this.#since.has(uid) && !asked.has(uid))),
      ...restricted(round, (uid) => this.#since.has(uid)),
    ];
    const earlier = before.flatMap((one) => restricted(one, (uid) => ended.has(uid) && !isRead(round, uid)));
    return { ended, rounds: [...earlier, ...restricted(round, (uid) => ended.has(uid))] };
  }

  #forget(uid: string): void {
    this.#since.delete(uid);
    this.#gone.delete(uid);
  }
}

function isRead({ readings }: Round, uid: string): boolean {
  return (readings.interfaces.get(uid)?.length ?? 0) > 0;
}

/** The part of a round that is about some pods; none where it read none of them. */
function restricted(round: Round, isWanted: (uid: string) => boolean): [Round] | [] {
  const { interfaces, transport = new Map<string, readonly number[]>() } = round.readings;
  const wanted = [...interfaces].filter(([uid, { length }]) => length > 0 && isWanted(uid));
  if (wanted.length === 0) return [];
  const readings = { interfaces: new Map(wanted), transport: new Map([...transport].filter(([uid]) => isWanted(uid))) };
  return [{ ...round, readings }];
}
