import type { Clock } from '../runtime/clock.js';
import type { Sleep } from '../runtime/sleep.js';

export interface ScheduleOptions {
  readonly intervalMs: number;
  /** Where in the interval rounds are, 0 to 1: they begin at (n + share) × interval of the monotonic clock. */
  readonly share: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  /** Called with the number of rounds that were left out because one took too long. */
  readonly onMissed: (count: number) => void;
}

/** A round is no nearer to the one before than this share of the interval, be it the first or late: a rate over less would say little. */
const LEAST_GAP = 0.5;

/**
 * Runs a round at once, so that a restart costs no more samples than it has to, and from then on at its own place in the interval
 * until aborted: half to one and a half intervals later for the first time. No drift, however late a timer fires, and no overlap: a round
 * that takes longer than the interval costs the rounds it covers. `round` must not throw.
 */
export async function runSchedule(round: () => Promise<void>, options: ScheduleOptions): Promise<void> {
  const { intervalMs, share, clock, sleep, signal, onMissed } = options;
  const isStopped = (): boolean => signal.aborted;
  /** The first that begins at this time or later. */
  const firstFrom = (atMs: number): number => Math.ceil(atMs / intervalMs - share);
  const untilRound = async (n: number): Promise<void> => {
    for (;;) {
      const waitMs = (n + share) * intervalMs - clock.monotonicMs();
      if (waitMs <= 0 || isStopped()) return;
      await sleep(waitMs, signal); // a timer may fire early
    }
  };
  let due = firstFrom(clock.monotonicMs() + LEAST_GAP * intervalMs);
  let beganMs = -Infinity;
  while (!isStopped()) {
    const nowMs = clock.monotonicMs();
    if (nowMs - beganMs >= LEAST_GAP * intervalMs) {
      beganMs = nowMs;
      await round();
    } else {
      onMissed(1); // the one before came late
    }
    const next = Math.max(due, Math.floor(clock.monotonicMs() / intervalMs - share) + 1);
    if (next > due) onMissed(next - due);
    await untilRound(next);
    due = next + 1;
  }
}
