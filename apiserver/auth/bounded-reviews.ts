import type { Clock } from '../../runtime/clock.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import type { User } from './user.js';

/**
 * Asks the API server whose token this is, by a TokenReview.
 *
 * Its answers must not come from a cache: they are what tells that a pod is gone. The callers here have caches of their own.
 * @returns undefined when the token is not valid for any of the audiences
 * @throws when the review could not be made
 */
export type ReviewToken = (
  token: string,
  audiences: readonly string[],
) => Promise<{ readonly user: User; readonly audiences: readonly string[] } | undefined>;

/** A review could not be made: this says nothing of the token. */
export class ReviewUnavailableError extends Error {
  override readonly name = 'ReviewUnavailableError';
  readonly code = 'APISERVER_REVIEW_UNAVAILABLE';
}

const TIMEOUT_MS = 5_000;
/** Of 5,000 agents that all come at once, 333 a second, with reviews of 20 ms, seven are under way. */
const MAX_CONCURRENT = 64;
/** After a failure one review tries again every so often, and all others fail at once. */
const RETRY_MS = 10_000;

export interface BoundedReviewsDeps {
  readonly reviewToken: ReviewToken;
  readonly clock: Clock;
  readonly log: Logger;
}

/** TokenReviews, so many at a time and no longer than so; while they cannot be made, nobody waits for one. */
export class BoundedReviews {
  readonly #deps: BoundedReviewsDeps;
  #running = 0;
  #isDown = false;
  #retryMs = -Infinity;

  constructor(deps: BoundedReviewsDeps) {
    this.#deps = deps;
  }

  /** @throws {ReviewUnavailableError} */
  async ask(token: string, audience: string): ReturnType<ReviewToken> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (this.#running >= MAX_CONCURRENT) throw new ReviewUnavailableError('too many reviews are under way');
    if (this.#isDown && nowMs < this.#retryMs) throw new ReviewUnavailableError('the last review could not be made');
    this.#retryMs = nowMs + RETRY_MS;
    this.#running++;
    try {
      const answer = await withTimeout(this.#deps.reviewToken(token, [audience]), TIMEOUT_MS);
      if (this.#isDown) this.#deps.log.info('tokens can be reviewed again');
      this.#isDown = false;
      return answer;
    } catch (error) {
      this.#fail(errorMessage(error));
      throw new ReviewUnavailableError('the review could not be made', { cause: error });
    } finally {
      this.#running--;
    }
  }

  #fail(problem: string): void {
    const { clock, log } = this.#deps;
    if (!this.#isDown)
      log.warn({ problem }, 'tokens cannot be reviewed: agents that need a review are kept for an hour');
    this.#isDown = true;
    this.#retryMs = clock.monotonicMs() + RETRY_MS;
  }
}

async function withTimeout<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
    timer.unref();
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
