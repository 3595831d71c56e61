import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { isRecord } from '../../runtime/kube/objects.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { RateLimit } from '../../runtime/rate-limit.js';
import { ApiError, TOO_MANY_REQUESTS } from '../api/errors.js';
import { LogLimit } from '../../runtime/log-limit.js';
import { postReview, REVIEW_LIMITS, type ReviewLimits } from './review.js';
import type { User } from './user.js';

/** `error`: nobody could say. It counts as refused, but is not remembered. */
export type TokenOutcome =
  { readonly ok: true; readonly user: User } | { readonly ok: false; readonly reason: 'refused' | 'error' };

/** Says whose a bearer token is. */
export interface TokenAuthenticator {
  /** @param remoteAddress who shows it: nobody has all the reviews there are */
  authenticate(token: string, remoteAddress: string): Promise<TokenOutcome>;
}

export interface TokenReviewerOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whom the token must be meant for; without them: the kube-apiserver itself. */
  readonly audiences?: readonly string[];
  readonly limits?: ReviewLimits;
  /** Told of each token whether its answer was known, or was being asked for. */
  readonly onLookup?: (isKnown: boolean) => void;
}

const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
/** Tokens whose answer is remembered: a hash and a user each, about a kilobyte. */
const CACHE_MAX = 8_192;
/** As the reference has it, for yes and no alike: so long does a revoked token still work. */
const CACHE_TTL_MS = 10_000;
/** Reviews under way at once. Whoever sends invented tokens costs the kube-apiserver no more than that. */
const MAX_REVIEWS = 100;
/** Of these, of tokens that were not good before: the others are a reserve of those that were. */
const MAX_UNPROVEN = 50;
/** Reviews of tokens that were not good before, by address: a person, or a few behind one address, need a few in a minute. */
const UNPROVEN_RATE = { burst: 50, perSecond: 10 } as const;
/** How long a token that was good is taken for a real one: it has to be reviewed still, but not in line with invented ones. */
const PROVEN_MS = 3_600_000;
const MAX_TOKEN_CHARACTERS = 64 * 1024;
const FAILURES_LOGGED_PER_SECOND = 1;

const REFUSED: TokenOutcome = { ok: false, reason: 'refused' };

/** Asks kube-apiserver by TokenReview, once for a token and 10 seconds. */
export class TokenReviewer implements TokenAuthenticator {
  readonly #options: TokenReviewerOptions;
  /** By hash, so that no dump of the memory of the cache gives tokens away. */
  readonly #cache: LRUCache<string, TokenOutcome>;
  readonly #flights = new Map<string, Promise<TokenOutcome>>();
  readonly #proven: LRUCache<string, true>;
  readonly #rate: RateLimit;
  readonly #failures: LogLimit;
  #unproven = 0;

  constructor(options: TokenReviewerOptions) {
    this.#options = options;
    const bounds = { max: CACHE_MAX, ttlResolution: 0, perf: { now: () => options.clock.monotonicMs() } };
    this.#cache = new LRUCache({ ...bounds, ttl: CACHE_TTL_MS });
    this.#proven = new LRUCache({ ...bounds, ttl: PROVEN_MS });
    this.#rate = new RateLimit(UNPROVEN_RATE, options.clock);
    this.#failures = new LogLimit(options.clock, FAILURES_LOGGED_PER_SECOND);
  }

  get cacheSize(): number {
    return this.#cache.size;
  }

  /** @throws {ApiError} TooManyRequests when too many other tokens are being reviewed, or come from this address */
  async authenticate(token: string, remoteAddress: string): Promise<TokenOutcome> {
    if (token.length > MAX_TOKEN_CHARACTERS) return REFUSED;
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#cache.get(key) ?? this.#flights.get(key);
    this.#options.onLookup?.(known !== undefined);
    if (known !== undefined) return known;
    const leave = this.#enter(this.#proven.has(key), remoteAddress);
    const flight = this.#review(token).then((outcome) => {
      this.#remember(key, outcome, expiryOf(token) - this.#options.clock.wallMs());
      return outcome;
    });
    this.#flights.set(key, flight);
    try {
      return await flight;
    } finally {
      this.#flights.delete(key);
      leave();
    }
  }

  #enter(isProven: boolean, remoteAddress: string): () => void {
    const isFull = this.#flights.size >= MAX_REVIEWS || (!isProven && this.#unproven >= MAX_UNPROVEN);
    if (isFull || (!isProven && !this.#rate.take(remoteAddress))) {
      throw new ApiError('TooManyRequests', TOO_MANY_REQUESTS);
    }
    if (isProven) return () => undefined;
    this.#unproven++;
    return () => this.#unproven--;
  }

  #remember(key: string, outcome: TokenOutcome, leftMs: number): void {
    if (!outcome.ok && outcome.reason === 'error') return;
    if (outcome.ok) this.#proven.set(key, true);
    else this.#proven.delete(key);
    const ttl = Math.min(CACHE_TTL_MS, leftMs);
    // lru-cache takes 0 for "for ever".
    if (ttl > 0) this.#cache.set(key, outcome, { ttl });
  }

  async #review(token: string): Promise<TokenOutcome> {
    const { api, log, audiences, limits } = this.#options;
    try {
      const reviewed = await reviewToken(api, token, { audiences, limits });
      return reviewed === undefined ? REFUSED : { ok: true, user: reviewed.user };
    } catch (error) {
      if (this.#failures.take()) log.error({ reason: errorMessage(error) }, 'a bearer token could not be reviewed');
      return { ok: false, reason: 'error' };
    }
  }
}

export interface ReviewedToken {
  readonly user: User;
  /** Those of the audiences asked for that the token is meant for. */
  readonly audiences: readonly string[];
}

/**
 * One TokenReview, remembered by nobody.
 * @returns undefined when the token is good for none of the audiences
 * @throws {KubeError} when the review could not be made
 * @throws {TypeError} when its answer makes no sense
 */
export async function reviewToken(
  api: KubeApi,
  token: string,
  {
    audiences,
    limits = REVIEW_LIMITS,
  }: { readonly audiences?: readonly string[] | undefined; readonly limits?: ReviewLimits | undefined },
): Promise<ReviewedToken | undefined> {
  const spec = { token, ...(audiences !== undefined && { audiences }) };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
  return readStatus(await postReview(api, TOKEN_REVIEWS, body, limits), audiences);
}

/** @throws {TypeError} when it says "authenticated" and not who, or in a shape that is none */
function readStatus(
  status: Readonly<Record<string, unknown>>,
  audiences: readonly string[] | undefined,
): ReviewedToken | undefined {
  const { authenticated = false, user } = status;
  if (typeof authenticated !== 'boolean') throw new TypeError('status.authenticated of the review is not a boolean');
  if (!authenticated) return undefined;
  if (audiences === undefined) return { user: userOf(user), audiences: [] };
  const said: unknown = status['audiences'];
  // An authenticator that knows nothing of audiences grants none: then the token was not made for us.
  const granted = isStrings(said) ? audiences.filter((one) => said.includes(one)) : [];
  return granted.length === 0 ? undefined : { user: userOf(user), audiences: granted };
}

function userOf(value: unknown): User {
  if (!isRecord(value)) throw new TypeError('status.user of the review is missing');
  const { username, uid = '', groups = [], extra = {} } = value;
  if (typeof username !== 'string' || username === '') throw new TypeError('status.user of the review has no username');
  if (typeof uid !== 'string' || !isStrings(groups) || !isExtra(extra))
    throw new TypeError('status.user of the review is odd');
  return { name: username, ...(uid !== '' && { uid }), groups, extra };
}

function isExtra(value: unknown): value is User['extra'] {
  return isRecord(value) && Object.values(value).every(isStrings);
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** `exp` of a JWT, milliseconds of wall time; Infinity for what is none. It is not trusted: it only shortens. */
function expiryOf(token: string): number {
  const [, payload, signature] = token.split('.', 3);
  if (payload === undefined || signature === undefined) return Infinity;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const exp = isRecord(claims) ? claims['exp'] : undefined;
    return typeof exp === 'number' ? exp * 1_000 : Infinity;
  } catch (error) {
    if (error instanceof SyntaxError) return Infinity;
    throw error;
  }
}
