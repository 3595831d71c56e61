import type { Clock } from '../runtime/clock.js';
import type { Sleep } from '../runtime/sleep.js';

export interface ScheduleOptions {
  readonly intervalMs: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  /** Called with the number of rounds that were left out because one took too long. */
  readonly onMissed: (count: number) => void;
}

/**
 * Runs rounds at start, start + interval, start + 2 × interval, … of the monotonic clock until aborted: no drift, however late a
 * timer fires, and no overlap: a round that takes longer than the interval costs the rounds it covers. `round` must not throw.
 */
export async function runSchedule(round: () => Promise<void>, options: ScheduleOptions): Promise<void> {
  const { intervalMs, clock, sleep, signal, onMissed } = options;
  const isStopped = (): boolean => signal.aborted;
  const startMs = clock.monotonicMs();
  let next = 0;
  while (!isStopped()) {
    const waitMs = startMs + next * intervalMs - clock.monotonicMs();
    if (waitMs > 0) {
      await sleep(waitMs, signal);
      continue; // a timer may fire early
    }
    await round();
    const due = Math.floor((clock.monotonicMs() - startMs) / intervalMs) + 1;
    if (due > next + 1) onMissed(due - next - 1);
    next = Math.max(next + 1, due);
  }
}
