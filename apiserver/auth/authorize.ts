import { createHash } from 'node:crypto';
import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { ApiError } from '../api/errors.js';
import type { Attributes } from './attributes.js';
import { DecisionCache, type Decision } from './decision-cache.js';
import { forbidden } from './forbidden.js';
import { LogLimit } from '../../runtime/log-limit.js';
import { postReview, REVIEW_LIMITS, type ReviewLimits } from './review.js';
import { ANONYMOUS, MASTERS, type User } from './user.js';

export interface AuthorizerOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onDecision?: (result: 'allowed' | 'denied' | 'error', isCached: boolean) => void;
  /** How long an answer counts, 10 s where nothing is said, as for the reference. */
  readonly allowTtlMs?: number;
  readonly denyTtlMs?: number;
  /** Up to this age an "allowed" still counts while nobody can be asked. 0: never. A "denied" never does. */
  readonly staleAllowMs?: number;
  readonly limits?: ReviewLimits;
}

/**
 * For agents that push: thousands of them cost the kube-apiserver a question in five minutes each, and its outage does not blind us for an
 * hour. Asked briefly, because an agent waits.
 */
export const REPORTS_AUTHORIZATION = {
  allowTtlMs: 300_000,
  staleAllowMs: 3_600_000,
  limits: { timeoutMs: 3_000, retryDelaysMs: [] },
} as const satisfies Partial<AuthorizerOptions>;

const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
const TTL_MS = 10_000;
/** How long a stale "allowed" is served before somebody is asked again. */
const ASK_AGAIN_MS = 10_000;
const FAILURES_LOGGED_PER_SECOND = 1;

export interface Asking {
  /** Whether there is such a route: of paths there are as many as anybody likes, and only what is served is worth remembering. */
  readonly isServed?: boolean;
  /** Called before somebody is asked, and may refuse that; what it returns is called when the answer is there. */
  readonly whileAsking?: () => () => void;
}

/** What is asked, once: a hash stands for it, since whoever asks for long paths must not fill the memory. */
interface Question {
  readonly key: string;
  readonly spec: object;
  readonly isAnonymous: boolean;
  readonly isRemembered: boolean;
}

/** Asks kube-apiserver by SubjectAccessReview whether a user may do something. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #cache: DecisionCache;
  readonly #flights = new Map<string, Promise<Decision>>();
  readonly #failures: LogLimit;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#cache = new DecisionCache(options.clock);
    this.#failures = new LogLimit(options.clock, FAILURES_LOGGED_PER_SECOND);
  }

  get cacheSize(): number {
    return this.#cache.size;
  }

  /** @throws {ApiError} Forbidden, or InternalError where nobody could say */
  async authorize(
    user: User,
    attributes: Attributes,
    { isServed = true, whileAsking = () => () => undefined }: Asking = {},
  ): Promise<void> {
    const { onDecision = () => undefined } = this.#options;
    if (user.groups.includes(MASTERS)) {
      onDecision('allowed', true);
      return;
    }
    const question = questionOf(user, attributes, isServed);
    const known = this.#cache.get(question.key, question.isAnonymous);
    const isCached = known !== undefined && this.#options.clock.monotonicMs() < known.askAgainMs;
    try {
      const { isAllowed, reason } = isCached ? known.decision : await this.#ask(question, whileAsking);
      onDecision(isAllowed ? 'allowed' : 'denied', isCached);
      if (!isAllowed) throw forbidden(user, attributes, reason);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      onDecision('error', false);
      if (this.#failures.take())
        this.#options.log.error({ reason: errorMessage(error) }, 'access could not be reviewed');
      throw new ApiError('InternalError', 'access could not be reviewed: the Kubernetes API does not answer');
    }
  }

  async #ask(question: Question, whileAsking: NonNullable<Asking['whileAsking']>): Promise<Decision> {
    const leave = whileAsking();
    try {
      return await this.#reviewOnce(question);
    } finally {
      leave();
    }
  }

  #reviewOnce(question: Question): Promise<Decision> {
    const { key } = question;
    const running = this.#flights.get(key);
    if (running !== undefined) return running;
    const flight = this.#review(question).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #review(question: Question): Promise<Decision> {
    const { api, limits = REVIEW_LIMITS } = this.#options;
    try {
      const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: question.spec };
      const decision = decisionOf(await postReview(api, ACCESS_REVIEWS, body, limits));
      this.#remember(question, decision, this.#options.clock.monotonicMs());
      return decision;
    } catch (error) {
      const stale = this.#staleAllow(question);
      if (stale === undefined) throw error;
      if (this.#failures.take()) {
        this.#options.log.warn(
          { reason: errorMessage(error) },
          'access could not be reviewed: an earlier answer counts',
        );
      }
      return stale;
    }
  }

  /** The last "allowed", while it may still count; nobody is asked again for a while. */
  #staleAllow({ key, isAnonymous }: Question): Decision | undefined {
    const known = this.#cache.get(key, isAnonymous);
    if (known?.decision.isAllowed !== true) return undefined;
    const { clock, staleAllowMs = 0 } = this.#options;
    const nowMs = clock.monotonicMs();
    const goneAtMs = known.decidedAtMs + staleAllowMs;
    if (nowMs >= goneAtMs) return undefined;
    const askAgainMs = Math.min(nowMs + ASK_AGAIN_MS, goneAtMs);
    this.#cache.set({ ...known, key, isAnonymous, askAgainMs, ttlMs: goneAtMs - nowMs });
    return known.decision;
  }

  #remember({ key, isAnonymous, isRemembered }: Question, decision: Decision, decidedAtMs: number): void {
    if (!isRemembered) return;
    const { allowTtlMs = TTL_MS, denyTtlMs = TTL_MS, staleAllowMs = 0 } = this.#options;
    const freshMs = decision.isAllowed ? allowTtlMs : denyTtlMs;
    const ttlMs = decision.isAllowed ? Math.max(freshMs, staleAllowMs) : freshMs;
    this.#cache.set({ key, isAnonymous, decision, decidedAtMs, askAgainMs: decidedAtMs + freshMs, ttlMs });
  }
}

function questionOf(user: User, attributes: Attributes, isRemembered: boolean): Question {
  const spec = specOf(user, attributes);
  const key = createHash('sha256').update(JSON.stringify(spec)).digest('base64');
  return { key, spec, isAnonymous: user.name === ANONYMOUS.name, isRemembered };
}

/** Fields that are empty are left out, and keys of `extra` are in order: equal questions have one text. */
function specOf({ name, uid, groups, extra }: User, attributes: Attributes): object {
  const sorted = Object.entries(extra).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...attributes,
    user: name,
    ...(uid !== undefined && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(sorted.length > 0 && { extra: Object.fromEntries(sorted) }),
  };
}

/** @throws {TypeError} when it is no decision */
function decisionOf({ allowed, denied = false, reason = '' }: Readonly<Record<string, unknown>>): Decision {
  if (
    typeof allowed !== 'boolean' ||
    typeof denied !== 'boolean' ||
    typeof reason !== 'string' ||
    (allowed && denied)
  ) {
    throw new TypeError('the review says neither yes nor no');
  }
  return { isAllowed: allowed, reason };
}
