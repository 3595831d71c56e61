import { ApiError, TOO_MANY_REQUESTS } from '../api/errors.js';

/** Of the agents, where nothing else is known. */
const USUAL_INTERVAL_MS = 15_000;

/**
 * Tells agents when to come back: those that are refused one after the other come one second after the other, within an interval.
 * For reports alone: the HPA would sleep on a `Retry-After`.
 */
export class RetryAfter {
  #refused = 0;

  /** @param intervalMs at which the agent reports */
  refusal(intervalMs = USUAL_INTERVAL_MS): ApiError {
    const seconds = Math.max(1, Math.floor(intervalMs / 1_000));
    return new ApiError('TooManyRequests', TOO_MANY_REQUESTS, { retryAfterSeconds: 1 + (this.#refused++ % seconds) });
  }
}
