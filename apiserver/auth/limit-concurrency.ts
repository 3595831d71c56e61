import { ApiError, TOO_MANY_REQUESTS } from '../api/errors.js';
import { RetryAfter } from '../http/retry-after.js';
import { EXTRA } from './agent-identity.js';
import { Pool, type PoolLimits } from './pool.js';
import { MASTERS, type User } from './user.js';

/** What counts of a request. */
export interface Asker {
  readonly user: User;
  /** It came to us, not through the aggregator, which lets through what kube-apiserver has authorized already. */
  readonly isDirect: boolean;
  readonly isReport: boolean;
}

export interface ConcurrencyLimits {
  /** Of everything but reports: while access is asked for, and then until the answer is made. */
  readonly asking: PoolLimits & { readonly perUser: number; readonly perDirectUser: number };
  readonly answering: PoolLimits & { readonly perUser: number };
  /** Of agents, likewise: they must not starve the HPA, nor it them, nor one of them all others. */
  readonly reports: PoolLimits & { readonly perNode: number; readonly perUser: number };
}

/** Direct callers have at most half: the rest is for the HPA, whose requests come through the aggregator. */
export const CONCURRENCY_LIMITS: ConcurrencyLimits = {
  asking: { perUser: 100, perDirectUser: 20, direct: 200, overall: 400 },
  answering: { perUser: 100, direct: 200, overall: 400 },
  reports: { perNode: 4, perUser: 100, direct: 1_000, overall: 1_000 },
};

export type LimitedBy = 'user' | 'direct' | 'overall' | 'node' | 'reports';

/** Counts requests in flight, and refuses those beyond the limits; but for reports without a `Retry-After`: the HPA would sleep on it. */
export class ConcurrencyLimit {
  readonly #limits: ConcurrencyLimits;
  readonly #asking: Pool;
  readonly #answering: Pool;
  readonly #reportsAsking: Pool;
  readonly #reports: Pool;
  readonly #retryAfter = new RetryAfter();

  constructor(
    limits: ConcurrencyLimits,
    private readonly onRefused: (by: LimitedBy) => void = () => undefined,
  ) {
    this.#limits = limits;
    this.#asking = new Pool(limits.asking);
    this.#answering = new Pool(limits.answering);
    this.#reportsAsking = new Pool(limits.reports);
    this.#reports = new Pool(limits.reports);
  }

  get inFlight(): number {
    return [this.#asking, this.#answering, this.#reportsAsking, this.#reports].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Counts one in that waits to be told what it may do: whoever may do nothing takes no place from those who may. The function counts
   * it out.
   * @throws {ApiError} TooManyRequests
   */
  ask(asker: Asker): () => void {
    const { user, isReport, isDirect } = asker;
    if (isReport) {
      const { key, limit } = this.#placeOf(user);
      // A token says where its pod is; that the pod is an agent's is not known yet.
      return this.#enter(this.#reportsAsking, asker, { key: `${user.name} ${key}`, limit });
    }
    const limit = isDirect ? this.#limits.asking.perDirectUser : this.#limits.asking.perUser;
    return this.#enter(this.#asking, asker, { key: `${isDirect ? 'direct' : 'proxied'} ${user.name}`, limit });
  }

  /**
   * Counts one in that is allowed what it wants; the function counts it out, once. Members of system:masters are counted, not
   * refused: the aggregator's probe is one.
   * @throws {ApiError} TooManyRequests
   */
  answer(asker: Asker): () => void {
    if (asker.isReport) return this.#enter(this.#reports, asker, this.#placeOf(asker.user));
    return this.#enter(this.#answering, asker, { key: asker.user.name, limit: this.#limits.answering.perUser });
  }

  #enter(pool: Pool, { user, isDirect, isReport }: Asker, place: Place): () => void {
    const by = user.groups.includes(MASTERS) ? undefined : pool.fullFor(place, isDirect);
    if (by !== undefined) {
      this.onRefused(isReport ? (by === 'key' ? 'node' : 'reports') : by === 'key' ? 'user' : by);
      throw isReport ? this.#retryAfter.refusal() : new ApiError('TooManyRequests', TOO_MANY_REQUESTS);
    }
    return pool.enter(place.key, isDirect);
  }

  /** All agents are one user, the service account of their DaemonSet: what tells them apart is the node, or the pod. */
  #placeOf({ name, extra }: User): Place {
    const { perNode, perUser } = this.#limits.reports;
    const [node, other] = extra[EXTRA.nodeName] ?? [];
    if (node !== undefined && other === undefined) return { key: `node ${node}`, limit: perNode };
    const [podUid] = extra[EXTRA.podUid] ?? [];
    if (podUid !== undefined) return { key: `pod ${name} ${podUid}`, limit: perNode };
    return { key: `user ${name}`, limit: perUser };
  }
}

interface Place {
  readonly key: string;
  readonly limit: number;
}
