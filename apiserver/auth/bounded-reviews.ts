import type { Clock } from '../../runtime/clock.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { RateLimit } from '../../runtime/rate-limit.js';
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

  constructor(
    message: string,
    /** Whether it is only that too many others are asked for. */
    readonly isOverload = false,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface ReviewedCredentials {
  readonly token: string;
  /** Its signature was checked, or an earlier review called it good. */
  readonly isProven: boolean;
  readonly remoteAddress: string;
}

const TIMEOUT_MS = 5_000;
/** Of 5,000 agents that all come at once, 333 a second, with reviews of 20 ms, seven are under way. */
const MAX_CONCURRENT = 64;
/** Of these, of tokens that may be invented: the others are a reserve of those whose signature was checked. */
const MAX_UNPROVEN = 32;
/** Reviews of tokens that may be invented, by address; an agent needs one in a minute. */
const UNPROVEN_RATE = { burst: 50, perSecond: 10 } as const;
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
  readonly #rate: RateLimit;
  #running = 0;
  #unproven = 0;
  #isDown = false;
  #retryMs = -Infinity;

  constructor(deps: BoundedReviewsDeps) {
    this.#deps = deps;
    this.#rate = new RateLimit(UNPROVEN_RATE, deps.clock);
  }

  /** @throws {ReviewUnavailableError} */
  async ask({ token, isProven, remoteAddress }: ReviewedCredentials, audience: string): ReturnType<ReviewToken> {
    const nowMs = this.#deps.clock.monotonicMs();
    const isFull = this.#running >= MAX_CONCURRENT || (!isProven && this.#unproven >= MAX_UNPROVEN);
    if (isFull) throw new ReviewUnavailableError('too many reviews are under way', true);
    if (this.#isDown && nowMs < this.#retryMs) throw new ReviewUnavailableError('the last review could not be made');
    if (!isProven && !this.#rate.take(remoteAddress)) {
      throw new ReviewUnavailableError('too many tokens of this address are reviewed', true);
    }
    this.#retryMs = nowMs + RETRY_MS;
    this.#running++;
    if (!isProven) this.#unproven++;
    try {
      const answer = await withTimeout(this.#deps.reviewToken(token, [audience]), TIMEOUT_MS);
      if (this.#isDown) this.#deps.log.info('tokens can be reviewed again');
      this.#isDown = false;
      return answer;
    } catch (error) {
      this.#fail(errorMessage(error));
      throw new ReviewUnavailableError('the review could not be made', false, { cause: error });
    } finally {
      this.#running--;
      if (!isProven) this.#unproven--;
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
