import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Counter, Registry } from 'prom-client';
import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import type { Logger } from '../../runtime/logger.js';
import { ApiError } from '../api/errors.js';
import { lookupCounter } from '../cache-lookups.js';
import { RetryAfter } from '../http/retry-after.js';
import type { PodList } from '../pods/pod-list.js';
import { identityOfReview, type AgentClaims } from './agent-claims.js';
import type { AgentIdentity } from './agent-identity.js';
import { createAgentTokenMetrics } from './agent-token-metrics.js';
import { BoundedReviews, ReviewUnavailableError, type ReviewToken } from './bounded-reviews.js';
import { ServiceAccountKeys } from './service-account-keys.js';
import { TokenRefusal } from './token-refusal.js';
import { AUDIENCE, CLOCK_TOLERANCE_MS, readUnverified, verifySignature } from './token-signature.js';

export interface AgentTokensDeps {
  readonly api: KubeApi;
  readonly pods: Pick<PodList, 'isCurrent' | 'get'>;
  readonly reviewToken: ReviewToken;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** --allow-unbound-agents: a token that names no node will do, for clusters that are too old to bind tokens to nodes. */
  readonly allowUnbound: boolean;
}

export interface AgentTokens {
  /**
   * Whose token this is.
   * @throws {ApiError} Unauthorized with the reason in general words; InternalError when it cannot be told now, TooManyRequests, with when to come
   * back, when that is for the many others
   */
  verify(token: string, remoteAddress: string): Promise<AgentIdentity>;
}

/** A real one has 1 to 2 KiB. */
const MAX_TOKEN_LENGTH = 16_384;
/** Four for each of 5,000 agents. */
const MAX_CACHED = 20_000;
/** So long a token is not verified again: a report each 15 s costs no signature check. */
const VERIFIED_MS = 60_000;
const REFUSED_MS = 10_000;
/** So long after the API server last knew of an agent its outage blinds nobody. */
const OUTAGE_MS = 3_600_000;

interface Presented {
  readonly token: string;
  /** The SHA-256 of the token. */
  readonly key: string;
  readonly remoteAddress: string;
}
interface Proof {
  readonly identity: AgentIdentity;
  /** Milliseconds since 1970; undefined where the token does not tell. */
  readonly expiresMs: number | undefined;
}
/** When the API server last called a token valid, on the monotonic clock. */
interface Reviewed extends Proof {
  readonly atMs: number;
}

export function createAgentTokens(deps: AgentTokensDeps): AgentTokens {
  return new TokenVerifier(deps);
}

class TokenVerifier implements AgentTokens {
  readonly #deps: AgentTokensDeps;
  readonly #keys: ServiceAccountKeys;
  readonly #reviews: BoundedReviews;
  readonly #judged: Counter<'source' | 'result'>;
  readonly #onLookup: (isHit: boolean) => void;
  /** All by the SHA-256 of the token. */
  readonly #verified: LRUCache<string, Proof>;
  readonly #refused: LRUCache<string, TokenRefusal>;
  readonly #reviewed: LRUCache<string, Reviewed>;
  readonly #underWay = new Map<string, Promise<Proof>>();
  readonly #retryAfter = new RetryAfter();
  /** When the list of pods was last seen to be current. */
  #podsCurrentMs = -Infinity;

  constructor(deps: AgentTokensDeps) {
    this.#deps = deps;
    this.#keys = new ServiceAccountKeys(deps);
    this.#reviews = new BoundedReviews(deps);
    this.#judged = createAgentTokenMetrics(deps.registry, this.#keys);
    this.#onLookup = lookupCounter(deps.registry, 'agent_tokens');
    const options = { max: MAX_CACHED, ttlResolution: 0, perf: { now: () => deps.clock.monotonicMs() } };
    this.#verified = new LRUCache({ ...options, ttl: VERIFIED_MS });
    this.#refused = new LRUCache({ ...options, ttl: REFUSED_MS });
    this.#reviewed = new LRUCache({ ...options, ttl: OUTAGE_MS });
  }

  async verify(token: string, remoteAddress: string): Promise<AgentIdentity> {
    try {
      const identity = await this.#judge(token, remoteAddress);
      this.#judged.inc({ source: identity.source, result: 'ok' });
      return identity;
    } catch (error) {
      if (error instanceof TokenRefusal) {
        this.#judged.inc({ source: error.source, result: error.reason });
        throw new ApiError('Unauthorized', error.message);
      }
      if (!(error instanceof ReviewUnavailableError)) throw error;
      this.#judged.inc({ source: 'review', result: 'unavailable' });
      if (error.isOverload) throw this.#retryAfter.refusal();
      throw new ApiError('InternalError', `the token cannot be verified now: ${error.message}`);
    }
  }

  async #judge(token: string, remoteAddress: string): Promise<AgentIdentity> {
    if (token === '' || token.length > MAX_TOKEN_LENGTH) throw new TokenRefusal('malformed', 'keys');
    const key = createHash('sha256').update(token).digest('base64');
    const [refused, verified] = [this.#refused.get(key), this.#verified.get(key)];
    this.#onLookup((refused ?? verified) !== undefined);
    if (refused !== undefined) throw refused;
    const startedMs = this.#deps.clock.monotonicMs();
    const presented: Presented = { token, key, remoteAddress };
    try {
      const proof = verified ?? (await this.#establishOnce(presented));
      this.#requireUnexpired(proof);
      await this.#requireLivingPod(presented, proof, startedMs);
      return proof.identity;
    } catch (error) {
      if (error instanceof TokenRefusal) {
        this.#verified.delete(key);
        this.#refused.set(key, error);
      }
      throw error;
    }
  }

  /** Reports of one agent that come together cost one verification. */
  #establishOnce(presented: Presented): Promise<Proof> {
    const { key } = presented;
    const pending = this.#underWay.get(key);
    if (pending !== undefined) return pending;
    const started = this.#establish(presented).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, started);
    return started;
  }

  async #establish(presented: Presented): Promise<Proof> {
    const { key } = presented;
    const claims = await this.#verifyLocally(presented.token);
    if (claims?.node !== undefined && claims.pod !== undefined) {
      const { user, node, pod, expiresMs } = claims;
      const proof: Proof = { identity: { user, node, pod, source: 'keys' }, expiresMs };
      this.#verified.set(key, proof);
      return proof;
    }
    try {
      const proof = await this.#review(presented, claims);
      this.#verified.set(key, proof);
      return proof;
    } catch (error) {
      const earlier = this.#reviewed.get(key);
      if (error instanceof ReviewUnavailableError && earlier !== undefined) return earlier;
      throw error;
    }
  }

  /**
   * Undefined when it takes a review: no keys are published, or they are not usable. Whatever an agent of this cluster cannot have is
   * refused without one, so that nobody buys reviews with inventions: agents mount projected tokens, which are JSON Web Tokens of our
   * audience, of the cluster's issuer, with one of its keys.
   * @throws {TokenRefusal}
   */
  async #verifyLocally(token: string): Promise<AgentClaims | undefined> {
    const unverified = readUnverified(token);
    if (unverified === undefined) throw new TokenRefusal('malformed', 'keys');
    const { issuer, keyId, audiences } = unverified;
    if (!audiences.includes(AUDIENCE)) throw new TokenRefusal('audience', 'keys');
    const published = await this.#keys.published();
    if (published === undefined) return undefined;
    if (published.issuer !== issuer) throw new TokenRefusal('issuer', 'keys');
    const keys = keyId === undefined ? undefined : await this.#keys.publishedWith(keyId);
    if (keys === undefined || keyId === undefined || !keys.ids.has(keyId)) throw new TokenRefusal('key', 'keys');
    return verifySignature(token, keys, this.#deps.clock.wallMs());
  }

  #requireUnexpired({ expiresMs, identity }: Proof): void {
    if (expiresMs !== undefined && expiresMs + CLOCK_TOLERANCE_MS <= this.#deps.clock.wallMs()) {
      throw new TokenRefusal('expired', identity.source);
    }
  }

  /** The pod has to exist, as the list of pods says; where the list does not know, as a review says. */
  async #requireLivingPod(presented: Presented, proof: Proof, startedMs: number): Promise<void> {
    const { pods, clock } = this.#deps;
    const { key } = presented;
    const { pod } = proof.identity;
    if (pod === undefined) return;
    const isListed = pods.get(pod.namespace, pod.name)?.uid === pod.uid;
    const isCurrent = pods.isCurrent;
    if (isCurrent) this.#podsCurrentMs = clock.monotonicMs();
    if (isCurrent && isListed) return;
    // A current list that lacks the pod overrules every earlier review; it may only be a moment behind a new pod.
    const goodSinceMs = isCurrent ? startedMs : clock.monotonicMs() - VERIFIED_MS;
    if ((this.#reviewed.get(key)?.atMs ?? -Infinity) > goodSinceMs) return;
    try {
      await this.#review(presented, proof.identity);
    } catch (error) {
      const wasListed = isListed && clock.monotonicMs() - this.#podsCurrentMs <= OUTAGE_MS;
      const isExcused = !isCurrent && (wasListed || this.#reviewed.has(key));
      if (!(error instanceof ReviewUnavailableError) || !isExcused) throw error;
    }
  }

  /** @param known what the token is known to say; the review must not say otherwise */
  async #review(
    { key, token, remoteAddress }: Presented,
    known: Pick<AgentIdentity, 'user' | 'pod' | 'node'> | undefined,
  ): Promise<Proof> {
    const isProven = known !== undefined || this.#reviewed.has(key);
    try {
      const answer = await this.#reviews.ask({ token, isProven, remoteAddress }, AUDIENCE);
      if (answer === undefined) throw new TokenRefusal('denied', 'review');
      if (!answer.audiences.includes(AUDIENCE)) throw new TokenRefusal('audience', 'review');
      const reviewed = identityOfReview(answer.user);
      if (known !== undefined && isOther(reviewed, known)) throw new TokenRefusal('claims', 'review');
      const { node = known?.node, pod = known?.pod } = reviewed;
      if (node === undefined && !this.#deps.allowUnbound) throw new TokenRefusal('unbound', 'review');
      const identity = { ...reviewed, ...(node !== undefined && { node }), ...(pod !== undefined && { pod }) };
      const proof: Proof = { identity, expiresMs: readUnverified(token)?.expiresMs };
      this.#reviewed.set(key, { ...proof, atMs: this.#deps.clock.monotonicMs() });
      return proof;
    } catch (error) {
      if (error instanceof TokenRefusal) this.#reviewed.delete(key);
      throw error;
    }
  }
}

function isOther(reviewed: AgentIdentity, known: Pick<AgentIdentity, 'user' | 'pod' | 'node'>): boolean {
  const differ = (one: string | undefined, other: string | undefined): boolean =>
    one !== undefined && other !== undefined && one !== other;
  return (
    reviewed.user.name !== known.user.name ||
    differ(reviewed.pod?.uid, known.pod?.uid) ||
    differ(reviewed.node, known.node)
  );
}
