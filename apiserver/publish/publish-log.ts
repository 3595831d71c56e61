import type { Logger } from '../../runtime/logger.js';
import type { SendFailure } from './sink.js';

/** Why nothing goes through: `unwritten` where the Lease cannot be written. */
export interface Problem {
  readonly failure: SendFailure | 'unwritten';
  readonly message: string;
}

export const UNWRITTEN: Problem = {
  failure: 'unwritten',
  message: 'the Lease could not be written',
};

type Condition = 'clock' | 'ahead' | 'unreadable' | 'expiring';

/** What it means, and what to do. */
const ADVICE: Readonly<Record<Problem['failure'], string>> = {
  throttled: 'CloudWatch wants fewer requests: values wait and are sent later',
  denied: 'values wait: the credentials must be valid, and allow cloudwatch:PutMetricData',
  unavailable: 'values wait, two hours at most: look at the endpoint, the region and the way out of the cluster',
  unconfigured: 'values wait, two hours at most, until region, cluster id and credentials are known',
  invalid: 'these values are dropped, for they will never be taken; others are sent',
  lost: 'no answer came: the values are sent again, and may be there twice',
  unwritten:
    'nothing is sent that others could not know of: look at the rights on the Lease, and at the Kubernetes API',
};

/** What somebody mends, to meet the next thing that is wrong: that is told, too. */
const MENDED_BY_PEOPLE: readonly Problem['failure'][] = ['denied', 'unconfigured'];

/** One line per change of state, not per try. */
export class PublishLog {
  readonly #log: Logger;
  #problem: Problem | undefined;
  readonly #told = new Set<Condition>();

  constructor(log: Logger) {
    this.#log = log;
  }

  failing(problem: Problem, waitingPeriods: number): void {
    const { failure, message } = problem;
    const isSameText = message === this.#problem?.message || !MENDED_BY_PEOPLE.includes(failure);
    if (failure === this.#problem?.failure && isSameText) return;
    this.#problem = problem;
    this.#log.warn(
      { failure, problem: message, waitingPeriods, advice: ADVICE[failure] },
      'publishing to CloudWatch fails',
    );
  }

  working(waitingPeriods: number): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#log.info({ waitingPeriods }, 'publishing to CloudWatch works again');
  }

  /** That this clock was set back: the time must not be sampled a second time. */
  clock(timestampMs: number, newestMs: number): void {
    if (!this.#isNew('clock', timestampMs < newestMs)) return;
    const until = new Date(newestMs).toISOString();
    this.#log.warn({ until }, 'the clock was set back: nothing is sampled for CloudWatch until it is there again');
  }

  /** That values are published up to a time beyond this one. */
  ahead(publishedMs: number, limitMs: number): void {
    if (!this.#isNew('ahead', publishedMs > limitMs)) return;
    const until = new Date(publishedMs).toISOString();
    this.#log.warn(
      { until },
      'values of later are published: this clock is behind, or that of another replica was ahead; none are sent until then',
    );
  }

  /** That the oldest samples go for new ones. */
  expiring(dropped: number): void {
    if (!this.#isNew('expiring', dropped > 0)) return;
    this.#log.warn({ dropped }, 'what was not published for two hours is dropped, sample by sample');
  }

  unreadable(isUnreadable: boolean): void {
    if (!this.#isNew('unreadable', isUnreadable)) return;
    this.#log.warn(
      'the annotations podnet.dev/cloudwatch-* of the Lease cannot be read: what was published is not known',
    );
  }

  #isNew(what: Condition, isSo: boolean): boolean {
    const wasTold = this.#told.has(what);
    if (isSo) this.#told.add(what);
    else this.#told.delete(what);
    return isSo && !wasTold;
  }
}
