import process from 'node:process';

/** The two clocks of a program. Only mains make one; everything else is handed it. */
export interface Clock {
  /** CLOCK_MONOTONIC, milliseconds since boot; never steps. All ages, rates and schedules are reckoned with it. */
  monotonicMs(): number;
  /** Milliseconds since 1970, as the machine believes. For printing, and for the dates of certificates. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000n) / 1_000,
  wallMs: () => Date.now(),
};
