import { ApiError, TOO_MANY_REQUESTS } from '../api/errors.js';
import { MASTERS, type User } from './user.js';

export interface ConcurrencyLimits {
  /** Requests in flight of one user. */
  readonly perUser: number;
  /** Of all users, without reports. */
  readonly overall: number;
  /** Reports of agents, which have a limit of their own: they must not starve the HPA, nor it them. */
  readonly reports: number;
}

export const CONCURRENCY_LIMITS: ConcurrencyLimits = { perUser: 100, overall: 400, reports: 1_000 };

export type LimitedBy = 'user' | 'overall' | 'reports';

/** Counts requests in flight, and refuses those beyond the limits without a `Retry-After`: the HPA would sleep on it. */
export class ConcurrencyLimit {
  readonly #limits: ConcurrencyLimits;
  readonly #byUser = new Map<string, number>();
  #overall = 0;
  #reports = 0;

  constructor(
    limits: ConcurrencyLimits,
    private readonly onRefused: (by: LimitedBy) => void = () => undefined,
  ) {
    this.#limits = limits;
  }

  get inFlight(): number {
    return this.#overall + this.#reports;
  }

  /**
   * Counts one in; the function counts it out, once. Members of system:masters are counted, not refused: the aggregator's probe is one.
   * @throws {ApiError} TooManyRequests
   */
  enter(user: User, isReport: boolean): () => void {
    const by = user.groups.includes(MASTERS) ? undefined : this.#exhausted(user, isReport);
    if (by !== undefined) {
      this.onRefused(by);
      throw new ApiError('TooManyRequests', TOO_MANY_REQUESTS);
    }
    this.#count(user, isReport, 1);
    let isIn = true;
    return () => {
      if (isIn) this.#count(user, isReport, -1);
      isIn = false;
    };
  }

  #exhausted(user: User, isReport: boolean): LimitedBy | undefined {
    // All agents are one user, the service account of their DaemonSet.
    if (isReport) return this.#reports >= this.#limits.reports ? 'reports' : undefined;
    if (this.#overall >= this.#limits.overall) return 'overall';
    return (this.#byUser.get(user.name) ?? 0) >= this.#limits.perUser ? 'user' : undefined;
  }

  #count({ name }: User, isReport: boolean, step: 1 | -1): void {
    if (isReport) {
      this.#reports += step;
      return;
    }
    this.#overall += step;
    const own = (this.#byUser.get(name) ?? 0) + step;
    if (own > 0) this.#byUser.set(name, own);
    else this.#byUser.delete(name);
  }
}
