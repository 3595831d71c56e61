import type { Clock } from '../../runtime/clock.js';

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  advance(milliseconds: number): void;
}

export function createManualClock(monotonicMs = 1_000_000, wallMs = Date.parse('2026-11-21T00:00:00Z')): ManualClock {
  let elapsed = 0;
  return {
    monotonicMs: () => monotonicMs + elapsed,
    wallMs: () => wallMs + elapsed,
    advance: (milliseconds) => {
      elapsed += milliseconds;
    },
  };
}
